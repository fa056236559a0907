import { setTimeout as sleep } from "node:timers/promises";
import { baseEnvironment } from "../support/program.ts";
import { processCpuMs } from "./cpu_clock.ts";

const ROOT = new URL("../..", import.meta.url).pathname;

const running = new Set<Deno.ChildProcess>();

/** Ends every process that was started here, even those that are held still. */
export function killAll(): void {
  for (const child of running) child.kill("SIGKILL");
}

export type ChildOptions = {
  env?: Record<string, string>;
  /** File for standard error; without one it goes where ours does. */
  stderr?: string;
};

/** A process of its own, measured from outside. It is killed when its holder is done with it. */
export class Child implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #output: ReadableStreamDefaultReader<string>;
  /** What has been read of standard output and not been asked for. */
  #unread = "";

  /** Starts this command. */
  constructor(command: readonly string[], { env = {}, stderr }: ChildOptions = {}) {
    // The shell gives the file and then becomes the command: the process id stays the same.
    const script = stderr === undefined ? 'exec "$@"' : `exec "$@" 2>"$LOG_FILE"`;
    this.#child = new Deno.Command("sh", {
      args: ["-c", script, "sh", ...command],
      cwd: ROOT,
      clearEnv: true,
      env: { ...baseEnvironment(), ...stderr && { LOG_FILE: stderr }, ...env },
      stdin: "null",
      stdout: "piped",
    }).spawn();
    running.add(this.#child);
    this.#child.status.then(() => running.delete(this.#child));
    this.#output = this.#child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  }

  /** The next line of its standard output; throws when it ends without one. */
  async output(): Promise<string> {
    while (!this.#unread.includes("\n")) {
      const { value, done } = await this.#output.read();
      if (done) throw new Error("the process ended without a word");
      this.#unread += value;
    }
    const [line = ""] = this.#unread.split("\n", 1);
    this.#unread = this.#unread.slice(line.length + 1);
    return line;
  }

  /** What `promise` brings; throws when the process ends before that. */
  async unlessItEnds<T>(promise: Promise<T>): Promise<T> {
    const ended = this.#child.status.then(({ code }) => {
      throw new Error(`the process ended with exit code ${code}`);
    });
    return await Promise.race([promise, ended]);
  }

  /** CPU time of all its threads since it began. */
  cpuMs(): number {
    return processCpuMs(this.#child.pid);
  }

  async residentBytes(): Promise<number> {
    const status = await Deno.readTextFile(`/proc/${this.#child.pid}/status`);
    return Number(status.match(/^VmRSS:\s+(\d+) kB$/m)?.[1]) * 1024;
  }

  /** Holds it still, until `resume`. */
  pause(): void {
    this.#child.kill("SIGSTOP");
  }

  resume(): void {
    this.#child.kill("SIGCONT");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // It has ended by itself.
    }
    await Promise.all([this.#output.cancel(), this.#child.status]);
  }
}

/** The path of a script that is run as a process of its own. */
export function script(name: string): string {
  return new URL(`processes/${name}`, import.meta.url).pathname;
}

/** The command that runs this Deno. */
export function deno(...args: string[]): string[] {
  return [Deno.execPath(), ...args];
}

/** The body of the first response; repeats the request until there is one. Leaves no connection open. */
export async function eventuallyFetch(url: string): Promise<string> {
  using client = Deno.createHttpClient({ poolMaxIdlePerHost: 0 });
  for (let tries = 0;; tries++) {
    try {
      return await (await fetch(url, { client })).text();
    } catch (error) {
      if (tries > 1000) throw error;
      await sleep(10);
    }
  }
}

const givenPorts = new Set<number>();

/** A free port, never the same one twice: whoever gets it may not listen there yet. */
export function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  if (givenPorts.has(port)) return freePort();
  givenPorts.add(port);
  return port;
}
