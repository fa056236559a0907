import process, { cpuUsage } from "node:process";
import { systemClock } from "../core/clock.ts";
import { EXIT } from "../core/exit_code.ts";
import { systemRandom } from "../core/random.ts";
import { createExchange } from "../http_client/exchange.ts";
import { TlsClient } from "../http_client/tls/tls.ts";
import type { ProxyFor } from "../http_client/connection/proxy.ts";
import { earliestExpiryMs } from "../http_client/tls/presented/certificate.ts";
import { createPresentedReader } from "../http_client/tls/presented/presented.ts";
import { createDiagnosis } from "../http_client/tls/tls_diagnosis.ts";
import { createResolver, systemLookup } from "../http_client/connection/resolve.ts";
import { stackOf } from "../text/error_text.ts";
import { createLog, type LogOptions } from "./log.ts";
import { createOutput } from "./output.ts";
import type { Listen, Runtime } from "./runtime.ts";
import { abortOnSignals, Hangups } from "./signals.ts";
import { canDraw, hasControllingTerminal, StartTerminal, streamsOfStart } from "./terminal.ts";
import { plainTrace, spanTrace, traceExchange } from "./tracing.ts";

/** How long a log line may wait for the next one, so that both share a write; not on a terminal. */
const LOG_LINGER_MS = 50;

/** What `DenoProcess.env` returns for a variable that is not UTF-8. */
const NOT_UTF8 = "\ufffd";

export type RuntimeOptions = {
  log: Pick<LogOptions, "level" | "appId" | "environment"> & {
    format: LogOptions["format"] | undefined;
  };
  listen: Listen;
  proxyFor: ProxyFor;
};

/** The process as Deno runs it: its environment, terminal, outputs, signals and end. */
export class DenoProcess {
  readonly #stdoutIsTerminal = Deno.stdout.isTerminal();
  readonly #stderrIsTerminal = Deno.stderr.isTerminal();
  readonly #stderr = createOutput(Deno.stderr, {
    lingerMs: this.#stderrIsTerminal ? 0 : LOG_LINGER_MS,
  });
  #stdout = createOutput(Deno.stdout, { keepsAll: true });
  #stdoutHoldsResult = true;
  #hangups: Hangups | null = null;

  /** A variable's value. Deno's own error would show a value that is not UTF-8, secret or not. */
  env(name: string): string | undefined {
    try {
      return Deno.env.get(name);
    } catch (error) {
      if (error instanceof Deno.errors.InvalidData) return NOT_UTF8;
      throw error;
    }
  }

  /**
   * Makes Deno read these variables as the program does: without blanks around the value, and unset
   * when they are empty. An empty DENO_CERT would fail every TLS connection, and an empty
   * DENO_TLS_CA_STORE trusts nobody.
   */
  trimVariables(names: readonly string[]): void {
    for (const name of names) {
      const text = this.env(name);
      const trimmed = text?.trim();
      if (trimmed === "") Deno.env.delete(name);
      else if (trimmed !== undefined && trimmed !== text) Deno.env.set(name, trimmed);
    }
  }

  print(text: string): void {
    this.#stdout.write(text);
  }

  /** Writes a line for each problem to standard error. */
  report(problems: readonly string[]): void {
    const lines = problems.map((problem) => `dataplatform-probe: ${problem}\n`);
    this.#stderr.write(lines.join(""));
  }

  /**
   * For a command that runs until it is stopped. Its standard output is not a result, so a loss of it
   * does not change the exit code. With `mayDrop`, text that its reader does not take is dropped.
   */
  runUntilStopped({ mayDrop }: { mayDrop: boolean }): void {
    this.#stdoutHoldsResult = false;
    if (mayDrop) this.#stdout = createOutput(Deno.stdout);
  }

  async createRuntime({ log, listen, proxyFor }: RuntimeOptions): Promise<Runtime> {
    // Some versions of Deno look names up by deprecated code of their own, and would warn of that.
    Object.assign(process, { noDeprecation: true });
    const resolve = createResolver(systemLookup);
    const readPresented = createPresentedReader({ clock: systemClock, resolve, proxyFor });
    const hasTracing = this.env("OTEL_DENO") === "true";
    const tls = new TlsClient(systemClock);
    const exchange = await createExchange({
      clock: systemClock,
      tls,
      resolve,
      proxyFor,
      diagnose: createDiagnosis({ clock: systemClock, readPresented }),
    });
    return {
      clock: systemClock,
      random: systemRandom,
      trace: hasTracing ? await spanTrace(systemRandom) : plainTrace(systemRandom),
      exchange: hasTracing ? await traceExchange(exchange) : exchange,
      connectionsClosing: () => tls.closing,
      readCertificateExpiryMs: async (url, signal) =>
        earliestExpiryMs((await readPresented(url, signal)).certificates),
      listen,
      readFile: (path) => Deno.readTextFile(path),
      onReload: (callback) => this.#hangups?.onHangup(callback),
      resolve,
      log: await createLog({
        ...log,
        format: log.format ?? (this.#stderrIsTerminal ? "text" : "json"),
        color: this.#stderrIsTerminal && this.#canDraw && !Deno.noColor,
        output: this.#stderr,
      }),
      stdout: this.#stdout,
      progress: this.#stderrIsTerminal && this.#canDraw ? this.#stderr : null,
      // A table that does not go to a terminal is as wide as it needs to be.
      terminal: () => ({
        width: this.#stdoutIsTerminal ? terminalSize().columns : Infinity,
        color: this.#hasColor,
      }),
      usage: resourceUsage,
      build: { deno: Deno.version.deno, target: Deno.build.target },
    };
  }

  /** What drawing on the terminal needs; null when standard output is not one that can be drawn on. */
  get screen() {
    if (!this.drawsOnStdout) return null;
    // Ctrl-Z would leave the shell on the alternate screen.
    Deno.addSignalListener("SIGTSTP", () => {});
    return {
      stdout: this.#stdout,
      size: terminalSize,
      color: this.#hasColor,
      terminalType: this.env("TERM"),
      onResize: (callback: () => void) => Deno.addSignalListener("SIGWINCH", callback),
    };
  }

  get drawsOnStdout(): boolean {
    return this.#stdoutIsTerminal && this.#canDraw;
  }

  /**
   * Aborts at SIGINT or SIGTERM, and as at SIGTERM when the terminal goes away; a second signal ends
   * the process at once.
   */
  abortOnSignals(): AbortSignal {
    const terminal = new StartTerminal(
      streamsOfStart(Deno, Deno.build.os),
      hasControllingTerminal,
    );
    const stop = new AbortController();
    this.#hangups = new Hangups({
      clock: systemClock,
      listen: (callback) => Deno.addSignalListener("SIGHUP", callback),
      isAtTerminal: terminal.endsProgram,
      isTerminalGone: () => terminal.isGone,
      stop,
    });
    return abortOnSignals({
      onSignal: (name, callback) => Deno.addSignalListener(name, callback),
      monotonic: () => systemClock.monotonic(),
      exit: () => Deno.exit(EXIT.interrupted),
    }, stop);
  }

  /** Logs an error that nothing caught and exits: a half-dead probe is worse than a restart. */
  exitOnUncaughtErrors(log: Runtime["log"]): void {
    const exit = (event: Event, error: unknown) => {
      event.preventDefault();
      log.error(`stopping after an uncaught error: ${stackOf(error)}`);
      void this.#stderr.flush().finally(() => Deno.exit(EXIT.brokenInvariant));
    };
    addEventListener("error", (event) => exit(event, event.error));
    addEventListener("unhandledrejection", (event) => exit(event, event.reason));
  }

  /** Writes all remaining output; returns the exit code: 1 in place of 0 when a result was lost. */
  async finish(exitCode: number): Promise<number> {
    const lostTo = await this.#stdout.flush();
    // A reader that leaves early, as `head` does, has read enough.
    const isLost = lostTo instanceof Error && !(lostTo instanceof Deno.errors.BrokenPipe);
    if (isLost) this.report([`standard output cannot be written: ${lostTo.message}`]);
    await this.#stderr.flush();
    return exitCode || (isLost && this.#stdoutHoldsResult ? EXIT.failed : EXIT.ok);
  }

  get #canDraw(): boolean {
    return canDraw(this.env("TERM"));
  }

  get #hasColor(): boolean {
    return this.drawsOnStdout && !Deno.noColor;
  }
}

/** 80×24 for a terminal that says 0×0, since it does not know its size, and for one that is gone. */
function terminalSize(): { columns: number; rows: number } {
  try {
    const { columns, rows } = Deno.consoleSize();
    return { columns: columns || 80, rows: rows || 24 };
  } catch {
    return { columns: 80, rows: 24 };
  }
}

function resourceUsage() {
  const { user, system } = cpuUsage();
  const { rss, heapUsed } = Deno.memoryUsage();
  return { cpuSeconds: (user + system) / 1e6, residentBytes: rss, heapBytes: heapUsed };
}
