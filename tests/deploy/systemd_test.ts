import { assert, assertEquals, assertGreater, assertStringIncludes } from "@std/assert";
import { parseConfig } from "../../src/config/config.ts";
import { VARIABLES } from "../../src/config/settings.ts";
import {
  COMMAND,
  eventually,
  isAvailable,
  linesOf,
  ROOT,
  shell,
  startLoop,
} from "../support/program.ts";
import { startEmulator } from "../support/targets.ts";

const PATH = `${ROOT}deploy/systemd/dataplatform-probe.service`;
const TEMPLATE_PATH = `${ROOT}deploy/systemd/dataplatform-probe@.service`;
const unit = await Deno.readTextFile(PATH);
const template = await Deno.readTextFile(TEMPLATE_PATH);
const example = await Deno.readTextFile(`${ROOT}deploy/systemd/environment.example`);

const CI = Deno.env.get("CI") === "true";
const withoutSystemd = !CI && !await isAvailable("systemd-analyze --version", "the systemd unit");
const withoutStrace = withoutSystemd ||
  !CI && !await isAvailable("strace -f true", "the unit's system calls and addresses");

/** What the unit says for a key, once for each line. */
function valuesOf(key: string): string[] {
  return linesOf(unit).filter((line) => line.startsWith(`${key}=`))
    .map((line) => line.slice(key.length + 1));
}

/** The one value of a key of the unit. */
function valueOf(key: string): string {
  const [value, ...others] = valuesOf(key);
  assert(value !== undefined && others.length === 0, `expected one ${key}=`);
  return value;
}

/** `NAME=value` lines as an object. */
function assignments(lines: string[]): Record<string, string> {
  return Object.fromEntries(lines.map((line) => {
    const [, name, value] = line.match(/^([A-Z_]+)=(.*)$/) ?? [];
    assert(name && value !== undefined, `not an assignment: ${line}`);
    return [name, value];
  }));
}

/** The system calls that a word of `SystemCallFilter=` stands for. */
async function callsOf(word: string): Promise<string[]> {
  if (!word.startsWith("@")) return [word];
  const { code, stdout } = await shell(`systemd-analyze syscall-filter ${word}`);
  assertEquals(code, 0, `systemd knows no ${word}`);
  const [, ...members] = linesOf(stdout).map((line) => line.trim())
    .filter((line) => !line.startsWith("#"));
  return (await Promise.all(members.map(callsOf))).flat();
}

/** The system calls that the unit allows, worked out the way systemd does. */
async function allowedCalls(): Promise<Set<string>> {
  const allowed = new Set(await callsOf("@default"));
  for (const value of valuesOf("SystemCallFilter")) {
    const calls = (await Promise.all(value.replace("~", "").split(" ").map(callsOf))).flat();
    for (const call of calls) value.startsWith("~") ? allowed.delete(call) : allowed.add(call);
  }
  return allowed;
}

for (
  const [text, file, instance] of [
    [unit, "dataplatform-probe.service", "dataplatform-probe.service"],
    [template, "dataplatform-probe@.service", "dataplatform-probe@dev.service"],
  ] as const
) {
  Deno.test({
    name: `systemd has nothing to say against ${file}`,
    ignore: withoutSystemd,
    async fn() {
      const folder = await Deno.makeTempDir();
      try {
        // The executable must exist, and is not installed here.
        const command = valueOf("ExecStart");
        assertEquals(command, "/usr/local/bin/dataplatform-probe");
        await Deno.writeTextFile(`${folder}/${file}`, text.replace(command, "/bin/true"));
        const { code, stdout, stderr } = await shell(
          `SYSTEMD_UNIT_PATH=${folder}: systemd-analyze verify ${folder}/${instance}`,
        );
        assertEquals([code, stdout, stderr], [0, "", ""]);
      } finally {
        await Deno.remove(folder, { recursive: true });
      }
    },
  });
}

Deno.test({
  name: "the unit is exposed 1.5 of 10 at most",
  ignore: withoutSystemd,
  async fn() {
    const { code, stdout } = await shell(
      `systemd-analyze security --offline=true --no-pager --threshold=15 ${PATH}`,
    );
    assertEquals(code, 0, linesOf(stdout).at(-1));
  },
});

Deno.test("the template is the unit, with the name of the instance in its paths", () => {
  const settingsOf = (text: string) => linesOf(text).filter((line) => !line.startsWith("#"));
  assertEquals(
    settingsOf(template),
    settingsOf(unit).map((line) =>
      line.startsWith("Description=")
        ? `${line} (%i)`
        : line.replace("/etc/dataplatform-probe/", "/etc/dataplatform-probe/%i/")
    ),
  );
});

Deno.test("a reload of the unit has the running probe read its files again, and it probes on", async () => {
  await using emulator = startEmulator();
  await using program = await startLoop({ env: { OKDATA_API_URL: emulator.apiUrl } });
  const { code } = await shell(`MAINPID=${program.pid}; ${valueOf("ExecReload")}`);
  assertEquals(code, 0);
  await eventually("the log line", () => /read the endpoint's files again/.test(program.stderr));
  assertEquals((await fetch(`${program.url}/healthz`)).status, 200);
});

Deno.test("the unit restarts what a restart can mend, and waits for tasks in flight", () => {
  assertEquals(valuesOf("Restart"), ["always"]);
  // A port that another process still has is refused with the code of a wrong configuration.
  assertEquals(valuesOf("RestartPreventExitStatus"), []);
  assertGreater(parseInt(valueOf("TimeoutStopSec")), 8);
});

Deno.test("the program takes what the unit and the example of its environment say", () => {
  const unitEnvironment = assignments(valuesOf("Environment"));
  const given = linesOf(example).filter((line) => !line.startsWith("#"));
  const optional = linesOf(example).filter((line) => /^#\w/.test(line)).map((line) =>
    line.slice(1)
  );
  assertGreater(optional.length, 0);
  // The file that %d stands for is the credential of that name.
  const [credential = ""] = valueOf("LoadCredential").split(":");
  assertEquals(unitEnvironment.OKDATA_CLIENT_SECRET_FILE, `%d/${credential}`);
  assertEquals(valuesOf("LoadCredential"), [`${credential}:/etc/dataplatform-probe/${credential}`]);
  assertStringIncludes(example, credential);

  for (const lines of [given, [...given, ...optional]]) {
    const environment: Record<string, string> = { ...unitEnvironment, ...assignments(lines) };
    for (const name of Object.keys(environment)) assert(VARIABLES.includes(name), name);
    const configured = parseConfig({ flags: {}, env: (name) => environment[name] }, () => "");
    if (!configured.ok) throw new Error(configured.problems.join("; "));
    assert(configured.config.appId);
  }
});

/** Deno itself, unlike the executable, keeps a database, and gives its files to root. */
const DENOS_OWN = COMMAND.includes("run") ? ["fchown"] : [];

Deno.test({
  name: "the program makes no system call and opens no socket that the unit forbids",
  ignore: withoutStrace,
  async fn() {
    const allowed = [...await allowedCalls(), ...DENOS_OWN].map((call) => `?${call}`);
    const families = valueOf("RestrictAddressFamilies").split(" ");
    const folder = await Deno.makeTempDir();
    const trace = (what: string) => [
      ...["strace", "--follow-forks", "--seccomp-bpf", "--quiet=all", "--signal=none"],
      ...["--output", `${folder}/calls`, `--trace=${what}`],
    ];
    await using emulator = startEmulator();
    try {
      for (const what of [`!${allowed.join(",")}`, "socket"]) {
        await using program = await startLoop({
          wrapper: trace(what),
          env: { OKDATA_API_URL: emulator.apiUrl, TASK_INTERVAL_SECONDS: "0.1" },
        });
        await eventually("ten tasks have succeeded", async () => {
          const metrics = await (await fetch(`${program.url}/metrics`)).text();
          return Number(metrics.match(/^probe_tasks_succeeded_total{.*} (\d+)/m)?.[1]) >= 10;
        }, 60_000);
        await shell(`kill -TERM $(cat /proc/${program.pid}/task/*/children)`);
        assertEquals((await program.ended(60_000)).code, 0);
        const calls = linesOf(await Deno.readTextFile(`${folder}/calls`));
        if (what === "socket") {
          const used = calls.map((call) => call.match(/socket\((\w+)/)?.[1] ?? call);
          assert(used.includes("AF_INET"), "strace has seen nothing");
          assertEquals(used.filter((family) => !families.includes(family)), []);
        } else {
          assertEquals(calls, []);
        }
      }
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});
