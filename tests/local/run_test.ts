import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { baseEnvironment, eventually, linesOf, ROOT } from "../support/program.ts";
import { startEmulator } from "../support/targets.ts";

/** The longest wait for output: several processes start Deno anew, on a busy machine. */
const MAX_MS = 30_000;

/** The error of `docker info` without an engine. */
const NO_DAEMON = "Cannot connect to the Docker daemon at unix:///var/run/docker.sock.";

/** A fake `docker`: records its arguments and behaves as its variables say. */
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
const ENGINE_CHECKS = ["info", "compose version"];

/** `local/run.ts` as a process, with the fake `docker` first on the path. */
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

  /** The arguments of each call of Docker so far. */
  get calls(): string[] {
    return linesOf(Deno.readTextFileSync(this.#callsPath));
  }

  kill(signal: Deno.Signal): void {
    this.#child.kill(signal);
  }

  /** Its exit code, once it has ended and all of its output is read. */
  async ended(): Promise<number> {
    let isOverdue = false;
    const timer = setTimeout(() => {
      isOverdue = true;
      this.#child.kill("SIGTERM");
    }, MAX_MS);
    const { code } = await this.#child.status;
    clearTimeout(timer);
    await this.#reading;
    assert(!isOverdue, `still running after ${MAX_MS} ms: ${this.text}`);
    return code;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      // SIGKILL would leave the processes that it has started.
      this.#child.kill("SIGTERM");
    } catch {
      // It has ended by itself.
    }
    await Promise.all([this.#child.status, this.#reading]);
    await Deno.remove(this.#folder, { recursive: true });
  }
}

Deno.test("run starts the services and probes the emulator until the first signal", async () => {
  await using platform = startEmulator();
  await using run = new Run(["run"], { OKDATA_API_URL: `${platform.url}/metadata` });

  await eventually(
    "the table of the first task",
    () => /^1 +SUCCEEDED/m.test(run.stdout),
    MAX_MS,
  );
  assertEquals(run.calls, [...ENGINE_CHECKS, `${UP} emulator`]);
  for (const port of [9090, 9093, 8083, 8081]) {
    assertMatch(run.text, new RegExp(`^\\S.* http://localhost:${port}$`, "m"));
  }
  assertMatch(run.text, /^Grafana +http:\/\/localhost:3000 \(admin\/admin\)$/m);
  await eventually("its log line", () => /info +task 1 of abc123 succeeded/.test(run.text));
  await eventually("the log of a local run", () => /^\S+ debug /m.test(run.text));

  run.kill("SIGINT");
  assertEquals(await run.ended(), 0, run.text);
  assertEquals(run.calls.length, 3, "the services keep running");
});

Deno.test("run passes flags to the probe and exits with its code", async () => {
  await using platform = startEmulator({ missingDatasets: ["gone"] });
  const env = { OKDATA_API_URL: `${platform.url}/metadata` };
  await using good = new Run(["run", "--once", "--dataset-id", "here"], env);
  await using bad = new Run(["run", "--once"], { ...env, DATASET_ID: "gone" });

  assertEquals([await good.ended(), await bad.ended()], [0, 1], good.text + bad.text);
  assertMatch(good.stdout, /here.*SUCCEEDED|SUCCEEDED.*here/);
  assertMatch(bad.stdout, /not_found/);
});

Deno.test("run-dp probes with the credentials of the environment and starts no emulator", async () => {
  await using platform = startEmulator({ requireToken: true });
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
  assertEquals(run.calls, [...ENGINE_CHECKS, UP]);
  assert(!run.text.includes("Emulator"), run.text);
});

Deno.test("wrong settings are reported before any service is started", async () => {
  await using without = new Run(["run-dp"]);
  await using wrong = new Run(["run", "--task-intervall", "1"]);

  assertEquals([await without.ended(), await wrong.ended()], [2, 2]);
  assertMatch(without.text, /OKDATA_CLIENT_SECRET: expected/);
  assertMatch(without.text, /DATASET_ID: expected/);
  assertMatch(wrong.text, /--task-intervall: unknown flag/);
  for (const run of [without, wrong]) assertEquals(run.calls, ENGINE_CHECKS);
});

Deno.test("run starts no probe when the services fail to start", async () => {
  await using run = new Run(["run", "--once"], { DOCKER_UP: "14" });

  assertEquals(await run.ended(), 1);
  assertMatch(run.text, /^The services have not started;/m);
  assertEquals(run.stdout, "");
});

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  Deno.test(`${signal} during the start of the services ends it and starts no probe`, async () => {
    await using run = new Run(["run", "--once"], { DOCKER_UP_HANGS: "1" });

    await eventually("the start of the services", () => run.calls.at(-1) === "hanging", MAX_MS);
    run.kill(signal);
    assertEquals(await run.ended(), 130, run.text);
    assertEquals(run.calls.at(-1), "interrupted");
    assertEquals(run.stdout, "");
  });
}

for (const command of ["stop", "down"]) {
  Deno.test(`${command} includes the services of every profile and exits with the code of Docker`, async () => {
    await using run = new Run([command, "--timeout", "3"], { DOCKER_END: "7" });

    assertEquals(await run.ended(), 7);
    assertEquals(run.calls, [
      ...ENGINE_CHECKS,
      `compose --file compose.yaml --profile probe --profile tns-db ${command} --timeout 3`,
    ]);
  });
}

const COMMANDS = ["run", "run-dp", "stop", "down"];
const WITHOUT: [string, Record<string, string>, string][] = [
  ["Docker", { PATH: "/nowhere" }, "no `docker` on the path"],
  ["a running engine", { DOCKER_INFO: NO_DAEMON }, `\`docker info\`: ${NO_DAEMON}`],
  ["Compose", { DOCKER_NO_COMPOSE: "1" }, "`docker compose version`: docker: unknown command"],
];

for (const [what, env, reason] of WITHOUT) {
  Deno.test(`without ${what} each command says so in one line, and run and run-dp name the demo`, async () => {
    for (const command of COMMANDS) {
      await using run = new Run([command], env);
      assertEquals(await run.ended(), 1);
      assertEquals(linesOf(run.text).length, 1, run.text);
      assertStringIncludes(run.text, reason);
      assertEquals(run.text.includes("`deno task demo`"), command.startsWith("run"));
      assertEquals(run.stdout, "");
    }
  });
}

Deno.test("deno.json has a task for each command", async () => {
  const { tasks } = JSON.parse(await Deno.readTextFile(`${ROOT}deno.json`));
  for (const command of COMMANDS) {
    assertEquals(
      tasks[command].command,
      `deno run -A local/run.ts ${command}`,
    );
  }
});
