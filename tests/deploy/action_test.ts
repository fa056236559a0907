/** The composite action `.github/actions/probe`, of which a runner does no more than set variables. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { parse } from "npm:yaml@2.9.1";
import manifest from "../../deno.json" with { type: "json" };
import { SETTINGS } from "../../src/config/settings.ts";
import { baseEnvironment, COMMAND, DATASET_ID, eventually, ROOT } from "../support/program.ts";
import { startEmulator } from "../support/targets.ts";

const FOLDER = `${ROOT}.github/actions/probe`;

type Action = {
  inputs: Record<string, { description: string; default?: string }>;
  outputs: Record<string, { value: string }>;
  runs: { using: string; steps: { id: string; shell: string; run: string; env: Env }[] };
};
type Workflow = {
  jobs: Record<string, { steps?: { uses?: string; with?: Record<string, unknown> }[] }>;
};
type Env = Record<string, string>;

const action: Action = parse(await Deno.readTextFile(`${FOLDER}/action.yml`));
const script = await Deno.readTextFile(`${FOLDER}/probe`);
const [step] = action.runs.steps;

/** A folder with an executable file in it that is this shell script. */
async function executable(name: string, body: string) {
  const folder = await Deno.makeTempDir();
  await Deno.writeTextFile(`${folder}/${name}`, `#!/bin/sh\n${body}\n`, { mode: 0o755 });
  return {
    folder,
    path: `${folder}/${name}`,
    [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }),
  };
}

/** The real program as an executable file, wherever it comes from. */
const program = () =>
  executable("probe", `exec ${COMMAND.map((word) => `'${word}'`).join(" ")} "$@"`);

/**
 * Runs the step as the runner does, with these inputs and the environment of the step, and cancels it
 * when `cancel` is settled.
 */
async function runStep(
  inputs: Record<string, string>,
  env: Env,
  { path = "", cancel, signal = "SIGINT" }: {
    path?: string;
    cancel?: Promise<unknown>;
    signal?: Deno.Signal;
  } = {},
) {
  const folder = await Deno.makeTempDir();
  try {
    const files = { GITHUB_STEP_SUMMARY: `${folder}/summary`, GITHUB_OUTPUT: `${folder}/output` };
    const given = Object.entries(action.inputs).map(([name, { default: value = "" }]) =>
      [name, inputs[name] ?? value] as const
    );
    const set = Object.entries(step?.env ?? {}).map(([name, expression]) => {
      const [, input] = expression.match(/^\$\{\{ inputs\.([a-z-]+) \}\}$/) ?? [];
      return [name, new Map(given).get(input ?? "") ?? ""];
    });
    const base = baseEnvironment();
    for (const file of Object.values(files)) await Deno.writeTextFile(file, "");
    await Deno.writeTextFile(`${folder}/script.sh`, step?.run ?? "");
    const child = new Deno.Command("bash", {
      args: ["--noprofile", "--norc", "-e", "-o", "pipefail", `${folder}/script.sh`],
      stdout: "piped",
      stderr: "piped",
      cwd: ROOT,
      clearEnv: true,
      env: {
        ...base,
        ...files,
        GITHUB_ACTION_PATH: FOLDER,
        PATH: `${path}${base.PATH}`,
        ...env,
        ...Object.fromEntries(set),
      },
    }).spawn();
    void cancel?.then(() => child.kill(signal));
    const { code, stdout, stderr } = await child.output();
    const decoder = new TextDecoder();
    return {
      code,
      log: decoder.decode(stdout),
      stderr: decoder.decode(stderr),
      summary: await Deno.readTextFile(files.GITHUB_STEP_SUMMARY),
      output: await Deno.readTextFile(files.GITHUB_OUTPUT),
    };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("the action lets no input near a shell but in a variable", () => {
  assertEquals([action.runs.using, action.runs.steps.length], ["composite", 1]);
  assert(!step?.run.includes("${{"), step?.run);
  const named = Object.values(step?.env ?? {})
    .map((value) => value.match(/^\$\{\{ inputs\.([a-z-]+) \}\}$/)?.[1]);
  assertEquals(named, Object.keys(action.inputs));
  for (const name of Object.keys(step?.env ?? {})) assertStringIncludes(script, `$${name}`);
});

Deno.test("the workflows give the action only inputs that it has", async () => {
  const folder = `${ROOT}.github/workflows`;
  const uses = (await Array.fromAsync(Deno.readDir(folder))).flatMap(({ name }) => {
    const { jobs }: Workflow = parse(Deno.readTextFileSync(`${folder}/${name}`));
    return Object.values(jobs).flatMap(({ steps = [] }) => steps)
      .filter((each) => each.uses === "./.github/actions/probe");
  });
  assertEquals(uses.length, 1);
  for (const { with: given = {} } of uses) {
    assertEquals(Object.keys(given).filter((name) => !(name in action.inputs)), []);
  }
});

Deno.test("the action runs the image of its own version unless another is named", () => {
  const image = `ghcr.io/oslokommune/dataplatform-probe:${manifest.version}`;
  assertEquals(action.inputs.image?.default, image);
});

Deno.test("the documentation explains every input and output of the action", async () => {
  const text = await Deno.readTextFile(`${ROOT}docs/pipelines.md`);
  for (const name of [...Object.keys(action.inputs), ...Object.keys(action.outputs)]) {
    assertStringIncludes(text, `| \`${name}\``);
  }
});

Deno.test("the action probes, and writes the step summary and the exit code", async () => {
  await using probe = await program();
  await using emulator = startEmulator();
  const inputs = { "dataset-id": `${DATASET_ID},other`, path: probe.path, wait: "5", count: "" };
  const env = { LOCAL_SERVICES_ONLY: "true", OKDATA_API_URL: emulator.apiUrl };
  const { code, summary, output, log, stderr } = await runStep(inputs, env);
  assertEquals({ code, output, stderr }, { code: 0, output: "exit-code=0\n", stderr: "" });
  const lines = summary.trimEnd().split("\n");
  assertEquals(lines[0], "### Dataplatform: all 2 datasets work");
  assertEquals(lines.filter((line) => line.includes("| passed |")).length, 2);
  assertMatch(lines.at(-1) ?? "", /^dataplatform-probe .*, exit code 0$/);
  assert(!summary.includes("::"), summary);
  assertStringIncludes(log, `\n#1 ${DATASET_ID} SUCCEEDED in `);
});

Deno.test("the action fails with the exit code of the probe, and annotates what failed", async () => {
  await using probe = await program();
  await using emulator = startEmulator();
  emulator.setFaults({ status: 404 });
  const env = {
    DATASET_ID,
    LOCAL_SERVICES_ONLY: "true",
    OKDATA_API_URL: emulator.apiUrl,
    TASK_INTERVAL_SECONDS: "0.01",
  };
  const { code, summary, output, log } = await runStep({ path: probe.path, count: "2" }, env);
  assertEquals({ code, output }, { code: 1, output: "exit-code=1\n" });
  assertMatch(
    log,
    /^::error title=abc123%3A 2 of 2 tasks failed::not_found: status 404/m,
  );
  assertStringIncludes(summary, "### Dataplatform: abc123 failed\n");
});

Deno.test("the action takes an input for a value, whatever stands in it", async () => {
  await using probe = await program();
  const hostile = '$(touch x)"; exit 0 #';
  const { code, log, stderr, summary, output } = await runStep(
    { path: probe.path, "dataset-id": hostile, wait: "--help" },
    { LOCAL_SERVICES_ONLY: "true" },
  );
  assertEquals({ code, summary, output }, { code: 2, summary: "", output: "exit-code=2\n" });
  assertStringIncludes(stderr, "DATASET_ID: expected dataset IDs");
  assertStringIncludes(stderr, '--wait: expected seconds, from 0.001 to 2592000, got "--help"');
  assertStringIncludes(log, "::error title=dataplatform-probe::The configuration is wrong");
});

/** Settings of the loop and its endpoints, and a file that the container does not see: `DENO_CERT`. */
const NOT_PASSED = [
  "DENO_CERT",
  "DISMISS_TASK_SECONDS",
  "CLEAN_TASKS_INTERVAL_SECONDS",
  "MAX_TRACKED_TASKS",
  "HOST",
  "PORT",
  "HTTP_BEARER_TOKEN",
  "HTTP_BEARER_TOKEN_FILE",
  "HTTP_BASIC_AUTH",
  "HTTP_BASIC_AUTH_FILE",
  "TLS_CERT_FILE",
  "TLS_KEY_FILE",
  "PROMETHEUS_URL",
  "PROMETHEUS_BEARER_TOKEN",
  "PROMETHEUS_BEARER_TOKEN_FILE",
  "HEARTBEAT_URL",
  "HEARTBEAT_METHOD",
  "TABLE_INTERVAL_SECONDS",
];

Deno.test("the action gives a container the variables of the probe by name, and no others", async () => {
  await using docker = await executable("docker", `printf '%s\\n' "$@"; exit 5`);
  const names = Object.values(SETTINGS).map(({ env }) => env);
  const env = Object.fromEntries(names.map((name) => [name, "s3cret"]));
  const inputs = { "max-duration": "2", wait: "60", image: "probe@sha256:0" };
  const path = `${docker.folder}:`;
  const { code, log } = await runStep(inputs, { ...env, OTHER: "s3cret" }, { path });
  assertEquals(code, 5);
  const words = log.trimEnd().split("\n");
  const passed = words.flatMap((word, i) => word === "--env" ? words[i + 1] ?? [] : []);
  assertEquals(names.filter((name) => !passed.includes(name)), NOT_PASSED);
  assert(!passed.includes("OTHER") && !log.includes("s3cret"), log);
  assertEquals(words.slice(0, 6), ["run", "--rm", "--network", "host", "--init", "--cidfile"]);
  assertEquals(words.slice(-5), [
    ...["probe@sha256:0", "--github", "--once", "--wait=60", "--max-duration=2"],
  ]);
});

Deno.test("the action says what is wrong when the probe does not even start", async () => {
  for (const [code, problem] of [[125, "Docker"], [126, "executed"], [127, "no Docker"]] as const) {
    await using docker = await executable("docker", `exit ${code}`);
    const { log, output, ...ended } = await runStep({}, {}, { path: `${docker.folder}:` });
    assertEquals([ended.code, output], [code, `exit-code=${code}\n`]);
    assertMatch(log, new RegExp(`^::error title=dataplatform-probe::.*${problem}.*\n$`));
  }
});

Deno.test("the action stops its container when it is cancelled, and writes what it has", async () => {
  // As in Docker, `stop` returns when the container has ended.
  await using docker = await executable(
    "docker",
    `if [ "$1" = stop ]; then
      echo "$@" >"$0.stop"
      while ps -p "$(cat "$0.started")" >/dev/null; do sleep 0.01; done
      exit
    fi
    while [ "$1" != --cidfile ]; do shift; done
    printf 'c0ffee' >"$2"
    printf '::group::Step summary\\ninterrupted\\n::endgroup::\\n'
    echo "$$" >"$0.started"
    for _ in $(seq 500); do ! [ -e "$0.stop" ] || exit 143; sleep 0.02; done`,
  );
  const cancel = started(docker.path);
  const { code, summary, output } = await runStep({}, {}, { path: `${docker.folder}:`, cancel });
  assertEquals({ code, summary, output }, {
    code: 143,
    summary: "interrupted\n",
    output: "exit-code=143\n",
  });
  assertEquals(await Deno.readTextFile(`${docker.path}.stop`), "stop -t 5 c0ffee\n");
});

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  Deno.test(`the action stops its executable when it is cancelled by ${signal}`, async () => {
    await using probe = await executable(
      "probe",
      `trap 'exit 143' TERM; : >"$0.started"; for _ in $(seq 500); do sleep 0.02; done`,
    );
    const cancel = started(probe.path);
    const { code, output } = await runStep({ path: probe.path }, {}, { cancel, signal });
    assertEquals({ code, output }, { code: 143, output: "exit-code=143\n" });
  });
}

/** The code of the probe below when nobody stops it. */
const NOT_STOPPED = 5;
/** By far more than the action has. */
const COMMANDS = 50;

Deno.test("the action says how its executable ended, before whichever command it is cancelled", async () => {
  await using probe = await executable(
    "probe",
    `echo started
    trap 'exit 143' TERM
    sleep 3 >/dev/null & wait
    exit ${NOT_STOPPED}`,
  );
  await Deno.writeTextFile(
    `${probe.folder}/interrupt`,
    `[[ $0 != */probe ]] || { at=0; trap '((++at != INTERRUPT_AT)) || kill -INT $$' DEBUG; }`,
  );
  const runs = await Promise.all(
    Array.from({ length: COMMANDS }, async (_, i) => {
      const env = { BASH_ENV: `${probe.folder}/interrupt`, INTERRUPT_AT: String(i + 1) };
      const { code, output, log } = await runStep({ path: probe.path }, env);
      const expected = log.includes("started") || output ? `exit-code=${code}\n` : "";
      assertEquals(output, expected, `cancelled before command ${i + 1}`);
      return code;
    }),
  );
  // At first nothing has started, in the end there is nothing to stop.
  assertEquals(runs.filter((code, i) => code !== runs[i - 1]), [130, 143, NOT_STOPPED]);
});

/** Waits until an executable has made a file beside it. */
function started(path: string): Promise<unknown> {
  return eventually("a start", () => Deno.stat(`${path}.started`).catch(() => undefined));
}
