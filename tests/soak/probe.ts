import { setTimeout as sleep } from "node:timers/promises";
import { baseEnvironment, COMMAND, ROOT } from "../support/program.ts";
import { eventuallyFetch, freePort } from "../bench/child.ts";
import { collectGarbage } from "../bench/inspector.ts";
import { probeArguments } from "../bench/probe.ts";
import { Lines } from "./lines.ts";
import { whileStopped } from "./stopped.ts";

export type ProgramName = "executable" | "bundle";

const EXECUTABLE = `${ROOT}dist/dataplatform-probe`;

/** Lines that Deno writes about its inspector. */
const INSPECTOR_LINE = /^(Debugger |Visit chrome:)/;

/** How many of the newest error lines are kept. */
const MAX_KEPT_LINES = 20;

/** How long a collection and the return of freed memory take at most. */
const TRIM_MS = 1_000;

/** The program as a process, observed from outside. */
export class Probe implements AsyncDisposable {
  readonly url: string;
  /** The newest lines of the log that are errors. */
  readonly errors: string[] = [];
  readonly #child: Deno.ChildProcess;
  readonly #reading: Promise<void>;
  #endedMs: number | null = null;

  private constructor(
    command: readonly string[],
    env: Record<string, string>,
    private readonly inspectorPort: number | null,
  ) {
    const port = freePort();
    this.url = `http://127.0.0.1:${port}`;
    const [executable = "", ...args] = command;
    this.#child = new Deno.Command(executable, {
      args,
      cwd: ROOT,
      clearEnv: true,
      env: {
        ...baseEnvironment(),
        ...{ HOST: "127.0.0.1", PORT: String(port) },
        // At SIGUSR2 Deno collects garbage and gives freed memory back to the system.
        DENO_USR2_MEMORY_TRIM: "1",
        ...env,
      },
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    }).spawn();
    this.#child.status.then(() => this.#endedMs = performance.now());
    this.#reading = new Lines(this.#child.stderr, (line) => this.#read(line)).ended;
  }

  /** Starts it and waits until it responds. When inspected, its garbage can be collected. */
  static async start(
    name: ProgramName,
    env: Record<string, string>,
    { isInspected = false } = {},
  ): Promise<Probe> {
    const port = isInspected ? freePort() : null;
    const flags = port === null ? [] : [`--inspect=127.0.0.1:${port}`];
    const command = name === "bundle"
      ? [Deno.execPath(), ...await probeArguments(flags)]
      : COMMAND.includes("run")
      ? [EXECUTABLE]
      : [...COMMAND];
    const probe = new Probe(command, env, port);
    await eventuallyFetch(`${probe.url}/readyz`);
    return probe;
  }

  /** When it ended, on this process's monotonic clock; null while it runs. */
  get endedMs(): number | null {
    return this.#endedMs;
  }

  async residentBytes(): Promise<number> {
    return await this.#bytes("VmRSS");
  }

  async threads(): Promise<number> {
    return Number((await this.#status()).match(/^Threads:\s+(\d+)$/m)?.[1]);
  }

  async descriptors(): Promise<number> {
    return (await Array.fromAsync(Deno.readDir(`/proc/${this.#child.pid}/fd`))).length;
  }

  /**
   * Bytes that are left when garbage is collected: of the heap of JavaScript when the probe is
   * inspected, else of the whole process, which then gives freed memory back too. Without the pages of
   * the executable's file, which the system can take back.
   */
  async keptBytes(): Promise<number> {
    if (this.inspectorPort !== null) return await collectGarbage(this.inspectorPort);
    this.#child.kill("SIGUSR2");
    let least = Infinity;
    for (const endMs = performance.now() + TRIM_MS; performance.now() < endMs; await sleep(50)) {
      least = Math.min(least, await this.#bytes("RssAnon"));
    }
    return least;
  }

  /** Stops the process while `action` runs. */
  async whileStill(action: () => Promise<void>): Promise<void> {
    await whileStopped(this.#child, action);
  }

  stop(): void {
    this.#child.kill("SIGTERM");
  }

  /** Its exit code, once it has ended. */
  async ended(): Promise<number> {
    const { code } = await this.#child.status;
    await this.#reading;
    return code;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#endedMs === null) this.#child.kill("SIGKILL");
    await this.ended();
  }

  #read(line: string): void {
    if (line.startsWith("{") && !line.includes('"level":"error"')) return;
    if (INSPECTOR_LINE.test(line)) return;
    this.errors.push(line);
    if (this.errors.length > MAX_KEPT_LINES) this.errors.shift();
  }

  async #bytes(name: string): Promise<number> {
    const kilobytes = (await this.#status()).match(RegExp(`^${name}:\\s+(\\d+) kB$`, "m"))?.[1];
    return Number(kilobytes) * 1024;
  }

  #status(): Promise<string> {
    return Deno.readTextFile(`/proc/${this.#child.pid}/status`);
  }
}
