import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { startHttpServer } from "../../local/http_server/http_server.ts";
import { NO_FAULTS } from "../../local/http_server/faults.ts";
import { baseEnvironment, eventually, linesOf, ROOT } from "../support/program.ts";

/** How long a process may take to say something; several start Deno anew on a busy machine. */
const MAX_MS = 30_000;

/** What `docker info` says without an engine. */
const NO_DAEMON = "Cannot connect to the Docker daemon at unix:///var/run/docker.sock.";

/** Stands in for Docker: keeps what it is called with, and does as its variables say. */
const DOCKER = `#!/bin/sh
echo "$*" >>"$DOCKER_CALLS"
case "$*" in
info) echo "$DOCKER_INFO" >&2; test -z "$DOCKER_INFO" ;;
"compose version") test -z "$DOCKER_NO_COMPOSE" || { echo "docker: unknown command" >&2; exit 1; } ;;
*" up "*)
  if test -n "$DOCKER_UP_HANGS"; then
    sleep 60 >/dev/null 2>&1 &
    trap 'kill $!; echo interrupted >>"$DOCKER_CALLS"; exit 130' INT TERM
    echo hanging >>"$DOCKER_CALLS"
    wait
  fi
  exit "\${DOCKER_UP:-0}" ;;
*) exit "\${DOCKER_END:-0}" ;;
esac
`;

const UP = "compose --file compose.yaml up --detach --wait --build " +
  "prometheus grafana alertmanager alert-receiver";
const ASKED = ["info", "compose version"];

/** `local/run.ts` as a process, with a stand-in for Docker that is first on the path. */
class Run implements AsyncDisposable {
  text = "";
  stdout = "";
  readonly #folder = Deno.makeTempDirSync({ prefix: "docker-" });
  readonly #child: Deno.ChildProcess;
  readonly #reading: Promise<unknown>;

  constructor(args: string[], env: Record<string, string> = {}) {
    Deno.writeTextFileSync(`${this.#folder}/docker`, DOCKER, { mode: 0o755 });
    Deno.writeTextFileSync(this.#callsPath, "");
    const base = baseEnvironment();
    this.#child = new Deno.Command(Deno.execPath(), {
      args: ["run", "--quiet", "--lock=local/run.lock", "--frozen", "-A", "local/run.ts", ...args],
      cwd: ROOT,
      clearEnv: true,
      env: {
        ...base,
        PATH: `${this.#folder}:${base.PATH}`,
        DOCKER_CALLS: this.#callsPath,
        PORT: "0",
        LOG_FORMAT: "text",
        ...env,
      },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const read = async (stream: ReadableStream<Uint8Array>, keep: (part: string) => void) => {
      for await (const part of stream.pipeThrough(new TextDecoderStream())) keep(part);
    };
    this.#reading = Promise.all([
      read(this.#child.stdout, (part) => this.stdout += part),
      read(this.#child.stderr, (part) => this.text += part),
    ]);
  }

  get #callsPath(): string {
    return `${this.#folder}/calls`;
  }

  /** What Docker was called with so far. */
  get calls(): string[] {
    return linesOf(Deno.readTextFileSync(this.#callsPath));
  }

  kill(signal: Deno.Signal): void {
    this.#child.kill(signal);
  }

  /** Its exit code, once it has ended and all that it wrote is here. */
  async ended(): Promise<number> {
    let overdue = false;
    const timer = setTimeout(() => {
      overdue = true;
      this.#child.kill("SIGTERM");
    }, MAX_MS);
    const { code } = await this.#child.status;
    clearTimeout(timer);
    await this.#reading;
    assert(!overdue, `still running after ${MAX_MS} ms: ${this.text}`);
    return code;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      // Killed outright it would leave what it has started.
      this.#child.kill("SIGTERM");
    } catch {
      // It has ended by itself.
    }
    await Promise.all([this.#child.status, this.#reading]);
    await Deno.remove(this.#folder, { recursive: true });
  }
}

/** A platform that answers at once and always well. */
function startPlatform(options: { requireToken?: boolean; missingDatasets?: string[] } = {}) {
  const emulator = startHttpServer({ faults: NO_FAULTS, ...options });
  return { ...emulator, [Symbol.asyncDispose]: emulator.shutdown };
}

Deno.test("run brings the services up, and then probes the emulator until one signal", async () => {
  await using platform = startPlatform();
  await using run = new Run(["run"], { OKDATA_API_URL: `${platform.url}/metadata` });

  await eventually(
    "the table of the first task",
    () => /^1 +SUCCEEDED/m.test(run.stdout),
    MAX_MS,
  );
  assertEquals(run.calls, [...ASKED, `${UP} emulator`]);
  for (const port of [9090, 9093, 8083, 8081]) {
    assertMatch(run.text, new RegExp(`^\\S.* http://localhost:${port}$`, "m"));
  }
  assertMatch(run.text, /^Grafana +http:\/\/localhost:3000 \(admin\/admin\)$/m);
  await eventually("its log line", () => /info +task 1 of abc123 succeeded/.test(run.text));
  await eventually("the log of a local run", () => /^\S+ debug /m.test(run.text));

  run.kill("SIGINT");
  assertEquals(await run.ended(), 0, run.text);
  assertEquals(run.calls.length, 3, "the services stay up");
});

Deno.test("run ends as the probe ends, and passes its flags on", async () => {
  await using platform = startPlatform({ missingDatasets: ["gone"] });
  const env = { OKDATA_API_URL: `${platform.url}/metadata` };
  await using good = new Run(["run", "--once", "--dataset-id", "here"], env);
  await using bad = new Run(["run", "--once"], { ...env, DATASET_ID: "gone" });

  assertEquals([await good.ended(), await bad.ended()], [0, 1], good.text + bad.text);
  assertMatch(good.stdout, /here.*SUCCEEDED|SUCCEEDED.*here/);
  assertMatch(bad.stdout, /not_found/);
});

Deno.test("run-dp probes with the credentials of the environment, without an emulator", async () => {
  await using platform = startPlatform({ requireToken: true });
  await using run = new Run(["run-dp", "--once"], {
    DATASET_ID: "abc123",
    // Left over in the shell from another run.
    LOCAL_SERVICES_ONLY: "true",
    OKDATA_API_URL: `${platform.url}/metadata/datasets`,
    OKDATA_TOKEN_URL: `${platform.url}/auth/realms/api-catalog/protocol/openid-connect/token`,
    OKDATA_CLIENT_ID: "local-client",
    OKDATA_CLIENT_SECRET: "local-secret",
  });

  assertEquals(await run.ended(), 0, run.text);
  assertEquals(run.calls, [...ASKED, UP]);
  assert(!run.text.includes("Emulator"), run.text);
});

Deno.test("what the probe refuses is said before any service is brought up", async () => {
  await using without = new Run(["run-dp"]);
  await using wrong = new Run(["run", "--task-intervall", "1"]);

  assertEquals([await without.ended(), await wrong.ended()], [2, 2]);
  assertMatch(without.text, /OKDATA_CLIENT_SECRET: expected/);
  assertMatch(without.text, /DATASET_ID: expected/);
  assertMatch(wrong.text, /--task-intervall: unknown flag/);
  for (const run of [without, wrong]) assertEquals(run.calls, ASKED);
});

Deno.test("without the services there is no probe", async () => {
  await using run = new Run(["run", "--once"], { DOCKER_UP: "14" });

  assertEquals(await run.ended(), 1);
  assertMatch(run.text, /^The services are not up;/m);
  assertEquals(run.stdout, "");
});

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  Deno.test(`${signal} while the services come up ends that, and no probe is started`, async () => {
    await using run = new Run(["run", "--once"], { DOCKER_UP_HANGS: "1" });

    await eventually("the services come up", () => run.calls.at(-1) === "hanging", MAX_MS);
    run.kill(signal);
    assertEquals(await run.ended(), 130, run.text);
    assertEquals(run.calls.at(-1), "interrupted");
    assertEquals(run.stdout, "");
  });
}

for (const command of ["stop", "down"]) {
  Deno.test(`${command} reaches the services of every profile and ends as Docker does`, async () => {
    await using run = new Run([command, "--timeout", "3"], { DOCKER_END: "7" });

    assertEquals(await run.ended(), 7);
    assertEquals(run.calls, [
      ...ASKED,
      `compose --file compose.yaml --profile probe --profile tns-db ${command} --timeout 3`,
    ]);
  });
}

const COMMANDS = ["run", "run-dp", "stop", "down"];
const WITHOUT: [string, Record<string, string>, string][] = [
  ["Docker", { PATH: "/nowhere" }, "no `docker` on the path"],
  ["an engine that answers", { DOCKER_INFO: NO_DAEMON }, `\`docker info\`: ${NO_DAEMON}`],
  ["Compose", { DOCKER_NO_COMPOSE: "1" }, "`docker compose version`: docker: unknown command"],
];

for (const [what, env, reason] of WITHOUT) {
  Deno.test(`without ${what} each command says so in one line, and those that run something name the demo`, async () => {
    for (const command of COMMANDS) {
      await using run = new Run([command], env);
      assertEquals(await run.ended(), 1);
      assertEquals(linesOf(run.text).length, 1, run.text);
      assertStringIncludes(run.text, reason);
      // What is only stopped is not to be had in another way.
      assertEquals(run.text.includes("`deno task demo`"), command.startsWith("run"));
      assertEquals(run.stdout, "");
    }
  });
}

Deno.test("deno task has each command under its name", async () => {
  const { tasks } = JSON.parse(await Deno.readTextFile(`${ROOT}deno.json`));
  for (const command of COMMANDS) {
    assertEquals(
      tasks[command].command,
      `deno run --lock=local/run.lock --frozen -A local/run.ts ${command}`,
    );
  }
});
