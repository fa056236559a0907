import { cpuUsage } from "node:process";
import { FileError, readSecretFile } from "./src/config/credentials.ts";
import { parseCommandLine, usage } from "./src/commands/command_line.ts";
import { systemClock } from "./src/core/clock.ts";
import { type Config, describe, NO_TEXT, parseConfig } from "./src/config/config.ts";
import { EXIT, exitCodeOfSignal } from "./src/core/exit_code.ts";
import type { Runtime } from "./src/runtime/runtime.ts";
import { listen, PortError } from "./src/server/listen.ts";
import { createLog, type Log } from "./src/runtime/log.ts";
import { createTransport, resolveName } from "./src/http_client/exchange.ts";
import { createOutput } from "./src/runtime/output.ts";
import { systemRandom } from "./src/core/random.ts";
import { ProbeClientError } from "./src/probe_client/errors.ts";
import { inspectError } from "./src/probing/task_log.ts";
import type { Screen } from "./src/terminal/screen.ts";
import { abortOnSignals } from "./src/runtime/signals.ts";
import { plainTrace, spanTrace } from "./src/runtime/tracing.ts";
import { VERSION } from "./src/core/version.ts";

/** How long a line of the log may wait for the next one where nobody watches. */
const LOG_LINGER_MS = 50;

const stderr = createOutput(Deno.stderr, {
  lingerMs: Deno.stderr.isTerminal() ? 0 : LOG_LINGER_MS,
});
let stdout = createOutput(Deno.stdout, { keepsAll: true });
/** Whether it runs until it is stopped; then standard output shows what goes on, and is no result. */
let goesOn = false;

/** Does what the command line says and returns the exit code. */
async function run(args: string[]): Promise<number> {
  const { command, view, flags, problems } = parseCommandLine(args);
  if (command.name === "help") return print(usage());
  if (command.name === "version") return print(`dataplatform-probe ${VERSION}\n`);

  const input = { flags, env: variable };
  const probes = !["rules", "dashboard", "healthcheck", "tasks"].includes(command.name);
  const configured = parseConfig(input, () => systemRandom.hex(4), { probes });
  if (!configured.ok) problems.push(...configured.problems);
  if (!configured.ok || problems.length > 0) return refuse(problems);
  if (command.name === "print-config") return print(describe(input, configured.config));

  const { config } = configured;
  const objectives = {
    taskIntervalSeconds: config.taskIntervalSeconds,
    availability: config.sloAvailability,
    latencySeconds: config.sloLatencySeconds,
  };
  // Commands are loaded where they are asked for: each starts sooner without the others.
  if (command.name === "rules") {
    const { rulesAsYaml } = await import("./src/prometheus/rules/rules.ts");
    return print(rulesAsYaml(objectives));
  }
  if (command.name === "dashboard") {
    const { dashboard } = await import("./src/prometheus/dashboard/dashboard.ts");
    return print(JSON.stringify(dashboard(objectives), null, 2) + "\n");
  }
  // What goes on until it is stopped must not wait for whoever reads its tables; a terminal that is
  // drawn on has to get all, since it must be given back.
  const isDrawn = command.name === "tasks" && Deno.stdout.isTerminal();
  goesOn = command.name === "serve" || (command.name === "tasks" && command.watch);
  if (goesOn && !isDrawn) stdout = createOutput(Deno.stdout);
  const secretProblem = probes && await secretFileProblem(config);
  if (secretProblem) return refuse([secretProblem]);
  const watched = Deno.stderr.isTerminal();
  const runtime: Runtime = {
    clock: systemClock,
    random: systemRandom,
    trace: variable("OTEL_DENO") === "true"
      ? await spanTrace(systemRandom)
      : plainTrace(systemRandom),
    exchange: createTransport(systemClock),
    listen,
    readFile: (path) => Deno.readTextFile(path),
    resolve: resolveName,
    log: await createLog({
      level: config.logLevel,
      format: config.logFormat ?? (watched || config.localRun ? "text" : "json"),
      color: watched && !Deno.noColor,
      appId: config.appId,
      output: stderr,
    }),
    stdout,
    progress: watched ? stderr : null,
    terminal: () => ({ width: terminalWidth(), color: isColorful() }),
    usage: resourceUsage,
    build: { deno: Deno.version.deno, target: Deno.build.target },
  };
  const signal = abortOnSignals({
    onSignal: (name, hear) => Deno.addSignalListener(name, hear),
    monotonic: () => systemClock.monotonic(),
    exit: () => Deno.exit(EXIT.interrupted),
  });
  try {
    if (command.name === "check") {
      const { check } = await import("./src/commands/check.ts");
      return await check(config, view, runtime, signal);
    }
    if (command.name === "healthcheck") {
      const { healthcheck } = await import("./src/probe_client/probe_client.ts");
      return await healthcheck(config, runtime, signal);
    }
    if (command.name === "tasks") {
      const { showTasks } = await import("./src/commands/tasks.ts");
      const screen = Deno.stdout.isTerminal() ? await ownScreen() : null;
      return await showTasks(command, view, config, runtime, screen, signal);
    }
    const { runOnce, serve } = await import("./src/commands/serve.ts");
    if (command.name === "run") return await runOnce(config, view, command, runtime, signal);
    endWhenUncaught(runtime.log);
    return await serve(config, view, runtime, signal);
  } catch (error) {
    if (error instanceof PortError || error instanceof FileError) return refuse([error.message]);
    if (error instanceof ProbeClientError) return refuse([error.message], error.exitCode);
    if (signal.aborted && error === signal.reason) return exitCodeOfSignal(signal);
    throw error;
  }
}

/** The variable's value. Deno would show one that is no text in an error, were it a secret or not. */
function variable(name: string): string | undefined {
  try {
    return Deno.env.get(name);
  } catch (error) {
    if (error instanceof Deno.errors.InvalidData) return NO_TEXT;
    throw error;
  }
}

/** What is wrong with the file of the client secret: better known now than at the first task. */
async function secretFileProblem({ credentials }: Config): Promise<string | undefined> {
  if (!credentials || !("path" in credentials.secret)) return undefined;
  try {
    await readSecretFile(credentials.secret.path, (path) => Deno.readTextFile(path));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return `OKDATA_CLIENT_SECRET_FILE: expected a file with the secret: ${reason}`;
  }
}

/** Rather end with an error than live on as a shell: nobody has foreseen what comes here. */
function endWhenUncaught(log: Log): void {
  const end = (event: Event, error: unknown) => {
    event.preventDefault();
    log.error(`stopping, because nobody has caught this: ${inspectError(error)}`);
    void stderr.flush().finally(() => Deno.exit(EXIT.brokenInvariant));
  };
  addEventListener("error", (event) => end(event, event.error));
  addEventListener("unhandledrejection", (event) => end(event, event.reason));
}

function print(text: string): number {
  stdout.write(text);
  return EXIT.ok;
}

function refuse(problems: string[], exitCode: number = EXIT.usage): number {
  stderr.write(problems.map((problem) => `dataplatform-probe: ${problem}\n`).join(""));
  return exitCode;
}

/** Tables that do not go to a terminal are as wide as they need to be. */
function terminalWidth(): number {
  return Deno.stdout.isTerminal() ? terminalSize().columns : Infinity;
}

/** The terminal's size; one that says 0 by 0 does not know it. */
function terminalSize(): { columns: number; rows: number } {
  const { columns, rows } = Deno.consoleSize();
  return { columns: columns || 80, rows: rows || 24 };
}

function isColorful(): boolean {
  return Deno.stdout.isTerminal() && !Deno.noColor;
}

async function ownScreen(): Promise<Screen> {
  const { Screen } = await import("./src/terminal/screen.ts");
  // Ctrl-Z would leave the shell on a screen that is not its own.
  Deno.addSignalListener("SIGTSTP", () => {});
  return new Screen({
    stdout,
    size: terminalSize,
    color: isColorful(),
    onResize: (callback) => Deno.addSignalListener("SIGWINCH", callback),
  });
}

function resourceUsage() {
  const { user, system } = cpuUsage();
  const { rss, heapUsed } = Deno.memoryUsage();
  return { cpuSeconds: (user + system) / 1e6, residentBytes: rss, heapBytes: heapUsed };
}

if (import.meta.main) {
  let exitCode = await run(Deno.args);
  const lostTo = await stdout.flush();
  // A reader that leaves early, as `head` does, has seen enough.
  if (lostTo instanceof Error && !(lostTo instanceof Deno.errors.BrokenPipe)) {
    stderr.write(`dataplatform-probe: standard output cannot be written: ${lostTo.message}\n`);
    if (!goesOn) exitCode ||= EXIT.failed;
  }
  await stderr.flush();
  Deno.exit(exitCode);
}
