/**
 * What the executable may do. The parts that need `.ci/denort` and the executable run where
 * `PROBE_COMMAND` names it; the others everywhere.
 */
import { Buffer } from "node:buffer";
import { assert, assertEquals, assertMatch } from "@std/assert";
import { compile, PERMISSIONS } from "../../local/tools/compile.ts";
import { VARIABLES } from "../../src/config/settings.ts";
import {
  baseEnvironment,
  COMMAND,
  eventually,
  isAvailable,
  linesOf,
  ROOT,
  shell,
  startLoop,
} from "../support/program.ts";
import { scrape } from "../support/scrape.ts";
import { startEmulator, startServer } from "../support/targets.ts";
import type { Report } from "./trespasser.ts";
import { at } from "../support/at.ts";

const TRESPASSER = `${ROOT}tests/deploy/trespasser.ts`;
const CI = Deno.env.get("CI") === "true";

/** Long enough for a busy machine; a prompt would wait for ever. */
const MAX_MS = 60_000;

/** What Deno itself does in a folder of its own, and an executable cannot. */
const ONLY_REFUSED_TO_EXECUTABLES = ["keep in localStorage", "keep in caches"];

/** Code that is not the program's: it may be read, but may do no more than the program. */
const CODE = `Deno.writeTextFileSync(new URL("new", import.meta.url), "");`;

const canCompile = Deno.env.has("DENO_COMPILE") ||
  say("Not tested here: a compiled trespasser, without .ci/denort.");
const executable = COMMAND.includes("run")
  ? say("Not tested here: the executable's permissions, without PROBE_COMMAND.")
  : COMMAND[0];
const withoutScript = !CI && !await isAvailable("script --version", "permissions on a terminal");
const withoutStrace = !executable ||
  !CI && !await isAvailable("strace -f true", "the executable's system calls");

function say(line: string): false {
  console.log(line);
  return false;
}

type Trespass = {
  report: Report;
  /** Everything that it wrote, as a terminal shows it where it was on one. */
  written: string;
  /** The files that are there afterwards. */
  files: string[];
  /** The paths that somebody asked the server for. */
  requested: string[];
};

/** Runs the trespasser, where `command` starts it, in a folder of its own. */
async function trespass(command: string[], { terminal = false } = {}): Promise<Trespass> {
  const home = await Deno.makeTempDir({ prefix: "trespasser-" });
  const folder = `${home}/folder`;
  await using server = startServer(() => new Response(CODE));
  try {
    await Deno.mkdir(folder);
    await Deno.writeTextFile(`${folder}/file`, "kept");
    await Deno.writeTextFile(`${folder}/code.js`, CODE);
    const words = [...command, folder, server.url];
    const [first = "", ...rest] = terminal
      ? ["script", "--quiet", "--return", "--command", words.join(" "), "/dev/null"]
      : words;
    const { code, stdout, stderr } = await new Deno.Command(first, {
      args: rest,
      clearEnv: true,
      env: { ...baseEnvironment(), DENO_DIR: `${home}/deno`, DATASET_ID: "abc123" },
      stdin: "null",
      signal: AbortSignal.timeout(MAX_MS),
    }).output();
    const decoder = new TextDecoder();
    const written = decoder.decode(stdout) + decoder.decode(stderr);
    assertEquals(code, 0, written);
    const document = linesOf(written).find((line) => line.startsWith("{")) ?? "";
    assertEquals(await Deno.readTextFile(`${folder}/file`), "kept");
    return {
      ...{ report: JSON.parse(document), written },
      files: (await Array.fromAsync(Deno.readDir(folder), ({ name }) => name)).sort(),
      requested: server.requests.map(({ path, headers }) =>
        `${path} by ${headers.get("user-agent") ?? "the program"}`
      ),
    };
  } finally {
    await Deno.remove(home, { recursive: true });
  }
}

/** Refused means an error, nothing written, nothing fetched, and nobody asked. */
function assertRefused({ report, written, files, requested }: Trespass, excepted: string[]): void {
  const done = Object.entries(report.forbidden).filter(([, error]) => error === null);
  assertEquals(done.map(([name]) => name).filter((name) => !excepted.includes(name)), []);
  assert(Object.keys(report.forbidden).length > 50);
  assertEquals(Object.entries(report.needed).filter(([, error]) => error !== null), []);
  assertEquals(files, ["code.js", "file"]);
  assertEquals(requested, ["/code.js by the program"]);
  assert(!/\[y\/n|Allow\?|Download/.test(written), written);
}

/** The trespasser with the executable's flags on the Deno that users have. */
const INTERPRETED = [
  Deno.execPath(),
  "run",
  "--no-check",
  "--no-lock",
  "--no-npm",
  ...PERMISSIONS,
  TRESPASSER,
];

Deno.test("what is not granted is refused, and what is needed works", async () => {
  assertRefused(await trespass(INTERPRETED), ONLY_REFUSED_TO_EXECUTABLES);
});

Deno.test({
  name: "nothing is asked for on a terminal",
  ignore: withoutScript,
  async fn() {
    assertRefused(
      await trespass(INTERPRETED, { terminal: true }),
      ONLY_REFUSED_TO_EXECUTABLES,
    );
  },
});

Deno.test({
  name: "an executable with these flags is refused all that is not granted, on a terminal too",
  ignore: !canCompile || withoutScript,
  async fn() {
    const folder = await Deno.makeTempDir();
    try {
      const output = `${folder}/trespasser`;
      await compile(TRESPASSER, { output });
      assertRefused(await trespass([output]), []);
      assertRefused(await trespass([output], { terminal: true }), []);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});

Deno.test({
  name: "the executable holds the program, and these permissions",
  ignore: !executable,
  async fn() {
    const { metadata, rest } = embeddedIn(Buffer.from(await Deno.readFile(executable || "")));
    const { allow_env, allow_import, deny_import, ...permissions } = metadata.permissions;
    assertEquals(allow_env, [...VARIABLES]);
    assertEquals([allow_import, deny_import], [["none.invalid"], ["none.invalid"]]);
    // A list without members grants all; null grants nothing.
    const expected: [string, unknown][] = [["allow_net", []], ["allow_read", []], [
      "prompt",
      false,
    ]];
    if (metadata.permissions.allow_all !== undefined) expected.unshift(["allow_all", false]);
    assertEquals(Object.entries(permissions).filter(([, value]) => value !== null), expected);
    assertEquals(
      [metadata.argv, metadata.code_cache_key ?? null, metadata.entrypoint_key],
      [[], null, "main.js"],
    );
    assertEquals(metadata.unsafely_ignore_certificate_errors, null);
    assert(rest.includes("dataplatform-probe"));
    assert(!rest.includes("node_modules"), "it holds packages that no lock file names");
  },
});

type Metadata = {
  permissions: Record<string, unknown>;
  argv: unknown;
  code_cache_key: unknown;
  entrypoint_key: unknown;
  unsafely_ignore_certificate_errors: unknown;
};

/** What `deno compile` has appended: how the program is run, and its files. */
function embeddedIn(bytes: Buffer): { metadata: Metadata; rest: Buffer } {
  const magic = "d3n0l4nd";
  for (let end = bytes.length, at; (at = bytes.lastIndexOf(magic, end)) > 0; end = at - 1) {
    const start = at + magic.length + 8;
    // A single byte may be part of a number.
    if (bytes.toString("latin1", start, start + 2) !== '{"') continue;
    const length = Number(bytes.readBigUInt64LE(at + magic.length));
    return {
      metadata: JSON.parse(bytes.toString("utf8", start, start + length)),
      rest: bytes.subarray(start + length),
    };
  }
  throw new Error("it was not compiled by Deno");
}

/** System calls on files and processes that change nothing. */
const HARMLESS = [
  ...["access", "faccessat2", "stat", "lstat", "newfstatat", "statx", "statfs", "fstat", "fstatfs"],
  ...["readlink", "readlinkat", "getcwd", "exit", "exit_group", "wait4", "rt_sigqueueinfo"],
];

function isHarmless(call: string): boolean {
  const name = call.match(/^\d+ +(\w+)\(/)?.[1] ?? "";
  if (["open", "openat"].includes(name)) return /\bO_RDONLY\b/.test(call) && !/O_CREAT/.test(call);
  if (["clone", "clone3"].includes(name)) return /\bCLONE_THREAD\b/.test(call);
  return HARMLESS.includes(name);
}

Deno.test({
  name: "the executable opens no file for writing and starts no process, from start to stop",
  ignore: withoutStrace,
  async fn() {
    const folder = await Deno.makeTempDir();
    await using emulator = startEmulator();
    try {
      await using program = await startLoop({
        wrapper: [
          ...["strace", "--follow-forks", "--seccomp-bpf", "--quiet=all", "--signal=none"],
          ...["--output", `${folder}/calls`, "--trace=%file,%process,ftruncate,memfd_create"],
        ],
        args: ["--table", "--table-interval", "0.5"],
        env: {
          OKDATA_API_URL: emulator.apiUrl,
          TASK_INTERVAL_SECONDS: "0.1",
          CLEAN_TASKS_INTERVAL_SECONDS: "0.5",
          DISMISS_TASK_SECONDS: "0.5",
        },
      });
      await eventually("ten tasks have succeeded", async () => {
        return (await scrape(program.url)).value("probe_tasks_succeeded_total") >= 10;
      }, MAX_MS);
      for (const accept of ["text/html", "application/openmetrics-text"]) {
        await (await fetch(program.url, { headers: { accept } })).body?.cancel();
      }
      await shell(`kill -TERM $(cat /proc/${program.pid}/task/*/children)`);
      assertEquals((await program.ended(MAX_MS)).code, 0);

      const calls = linesOf(await Deno.readTextFile(`${folder}/calls`))
        .filter((line) => !/^\d+ +<\.\.\. \w+ resumed>/.test(line));
      assertMatch(at(calls, 0), /execve\(.*dataplatform-probe/);
      assert(
        calls.some((call) => /openat\(.*\/dataplatform-probe/.test(call)),
        "strace has seen nothing",
      );
      assertEquals(calls.slice(1).filter((call) => !isHarmless(call)), []);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});

Deno.test("`.ci/run` runs these tests on the executable too", async () => {
  const ci = await Deno.readTextFile(`${ROOT}.ci/run`);
  const [, afterCompile = ""] = ci.split("task compile");
  assertMatch(afterCompile, /PROBE_COMMAND=[^]*tests\/deploy\/permissions_test\.ts/);
});
