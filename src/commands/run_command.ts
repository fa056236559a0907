import { type Config, parseConfig } from "../config/config.ts";
import { checkAuthorityFile, checkSecretFiles, FileError } from "../config/credentials.ts";
import { describeConfig } from "../config/describe.ts";
import type { Input } from "../config/given.ts";
import { taskWarningsOf } from "../config/hints/relations.ts";
import { SETTINGS } from "../config/settings.ts";
import { EXIT, exitCodeOfSignal } from "../core/exit_code.ts";
import { systemRandom } from "../core/random.ts";
import { VERSION } from "../core/version.ts";
import { WITHOUT_PROXY } from "../http_client/connection/proxy.ts";
import { ProbeClientError } from "../probe_client/errors.ts";
import type { DenoProcess } from "../runtime/deno_runtime.ts";
import type { Runtime } from "../runtime/runtime.ts";
import { listen, PortError } from "../server/listen.ts";
import { type Command, parseCommandLine, type View } from "./command_line.ts";

/** Commands that need what probing needs: a dataset, and credentials or local services. */
const PROBING: readonly Command["name"][] = ["serve", "run", "check", "print-config"];

/**
 * Parses the command line, runs the command and returns the exit code. Each command is loaded when
 * it is asked for: all of them start faster without the others.
 */
export async function runCommand(args: string[], process: DenoProcess): Promise<number> {
  const { command, view, flags, problems } = parseCommandLine(args);
  // They work whatever else is wrong.
  if (command.name === "help" || command.name === "version") {
    process.print(await informationFor(command.name));
    return EXIT.ok;
  }
  const input: Input = { flags, env: (name) => process.env(name) };
  const probes = PROBING.includes(command.name);
  const isMisread = problems.length > 0;
  const parsed = parseConfig(input, () => systemRandom.hex(4), { probes, isMisread });
  if (!parsed.ok) return refuse(process, [...problems, ...parsed.problems]);

  const document = await documentFor(command, input, parsed.config, process);
  if (document !== null) {
    process.print(document);
    return EXIT.ok;
  }
  return await runWithRuntime(command, view, parsed.config, process);
}

async function informationFor(name: "help" | "version"): Promise<string> {
  if (name === "version") return `dataplatform-probe ${VERSION}\n`;
  const { usage } = await import("./usage.ts");
  return usage();
}

/** The text of a command that only prints what follows from the configuration; null for others. */
async function documentFor(
  command: Command,
  input: Input,
  config: Config,
  process: DenoProcess,
): Promise<string | null> {
  if (command.name === "print-config") return describeConfig(input, config);
  if (command.name === "dashboard") return (await import("./dashboard.ts")).dashboardText(config);
  if (command.name !== "rules") return null;
  const { rulesDocument } = await import("./rules/rules.ts");
  const { text, warnings } = rulesDocument(config, command.options);
  process.report(warnings);
  return text;
}

async function runWithRuntime(
  command: Command,
  view: View,
  config: Config,
  process: DenoProcess,
): Promise<number> {
  const isWatch = command.name === "tasks" && command.watch;
  if (command.name === "serve" || isWatch) {
    // A screen that is drawn on gets all of its output, since it must be restored at the end.
    process.runUntilStopped({ mayDrop: !(isWatch && process.drawsOnStdout) });
  }
  const { appId, environmentName: environment, logLevel: level, logFormat, localRun } = config;
  const format = logFormat ?? (localRun ? "text" : undefined);
  const isProbing = PROBING.includes(command.name);
  const runtime = await process.createRuntime({
    log: { level, format, appId, environment },
    listen,
    // A probe that is asked about its tasks is reached directly.
    proxyFor: isProbing ? config.proxyFor : WITHOUT_PROXY,
  });
  process.trimVariables([SETTINGS.authorityFile.env, SETTINGS.trustStores.env]);
  const signal = process.abortOnSignals();
  try {
    await checkAuthorityFile(config, runtime.readFile);
    if (isProbing) await checkSecretFiles(config, runtime.readFile);
    return await dispatch(command, view, config, runtime, signal, process);
  } catch (error) {
    if (error instanceof PortError || error instanceof FileError) {
      return refuse(process, [error.message]);
    }
    if (error instanceof ProbeClientError) return refuse(process, [error.message], error.exitCode);
    if (signal.aborted && error === signal.reason) return exitCodeOfSignal(signal);
    throw error;
  }
}

async function dispatch(
  command: Command,
  view: View,
  config: Config,
  runtime: Runtime,
  signal: AbortSignal,
  process: DenoProcess,
): Promise<number> {
  switch (command.name) {
    case "check": {
      const { check } = await import("./one_off/check.ts");
      return await check(config, { ...view, json: command.json }, runtime, signal);
    }
    case "healthcheck": {
      const { healthcheck } = await import("./healthcheck.ts");
      return await healthcheck(config, runtime, signal);
    }
    case "tasks": {
      const { showTasks } = await import("./tasks.ts");
      const { Screen } = await import("../terminal/screen.ts");
      const { isPlain } = await import("../terminal/ascii.ts");
      const terminal = process.screen;
      const screen = terminal &&
        new Screen({ ...terminal, ascii: isPlain(terminal.terminalType) });
      return await showTasks(command, view, config, runtime, screen, signal);
    }
    case "run": {
      const { runOnce } = await import("./one_off/once.ts");
      for (const warning of taskWarningsOf(config)) runtime.log.warn(warning);
      return await runOnce(config, view, command, runtime, signal);
    }
    default: {
      const { serve } = await import("./serve.ts");
      process.exitOnUncaughtErrors(runtime.log);
      return await serve(config, view, runtime, signal);
    }
  }
}

function refuse(
  process: DenoProcess,
  problems: readonly string[],
  exitCode: number = EXIT.usage,
): number {
  process.report(problems);
  return exitCode;
}
