/**
 * The real program as a process of its own: as `deno run main.ts`, or as what `PROBE_COMMAND` names
 * (words separated by spaces, for example the compiled executable).
 */
import { EXCEPTED_RUNTIME, EXCEPTIONS } from "./exceptions.ts";
import { unlessStalled } from "./undisturbed.ts";

/** The folder that the program runs in. */
export const ROOT = new URL("../..", import.meta.url).pathname;

const PERMISSIONS = ["--no-prompt", "--allow-net", "--allow-read", "--allow-env"];

/** Whether it is not Deno that runs the program. */
export const IS_EXECUTABLE = Boolean(Deno.env.get("PROBE_COMMAND")?.trim());

/** The command that starts the program, word by word. */
export const COMMAND: readonly string[] = commandWords();

/** The dataset that a test probes when it does not matter which. */
export const DATASET_ID = "abc123";

/** How long a process may take that should end at once; a busy machine starts slowly. */
const MAX_RUN_MS = 15_000;

/** What a developer's machine needs in order to start Deno; everything else is kept out. */
const INHERITED = ["PATH", "HOME", "DENO_DIR", "DENO_TLS_CA_STORE", "XDG_CACHE_HOME"];

export type Start = {
  args?: readonly string[];
  /** The environment, on top of what it takes to start at all. */
  env?: Record<string, string>;
  /** Words before the program's own, such as those of `unshare`. */
  wrapper?: readonly string[];
  /** Flags of `deno run`; an executable takes none. */
  denoFlags?: readonly string[];
  /** Leaves standard output alone: what is written piles up in the pipe. */
  stdoutUnread?: boolean;
};

/** How a process ended, and all that it wrote. */
export type Ended = {
  code: number;
  /** The signal that killed it, null when it ended by itself. */
  signal: Deno.Signal | null;
  stdout: string;
  stderr: string;
};

/** A test, left out where the exception list names it for the runtime at hand. */
export function test(
  name: string,
  body: () => Promise<void>,
  { ignore = false }: { ignore?: boolean } = {},
): void {
  Deno.test({ name, ignore: ignore || isExcepted(name), fn: () => unlessStalled(body) });
}

/** The same for one that shares what it uses with others, so that it leaves more than it found. */
export function sharingTest(
  name: string,
  body: () => void | Promise<void>,
  { ignore = false }: { ignore?: boolean } = {},
): void {
  Deno.test({
    name,
    ignore: ignore || isExcepted(name),
    sanitizeOps: false,
    sanitizeResources: false,
    fn: () => unlessStalled(body),
  });
}

function isExcepted(name: string): boolean {
  return Deno.env.get("PROBE_RUNTIME") === EXCEPTED_RUNTIME &&
    EXCEPTIONS.some((exception) => exception.name === name);
}

/** Runs the program to its end. */
export async function run(start: Start): Promise<Ended> {
  await using program = new Program(start);
  return await program.ended();
}

/** Starts the main loop on a free port; it is listening when this returns. */
export async function startLoop(
  { env, ...start }: Start,
): Promise<Program & { readonly url: string }> {
  const program = new Program({
    ...start,
    env: { DATASET_ID, PORT: "0", ...env },
  });
  try {
    const url = await eventually(
      "the log says where the program listens",
      () => program.stderr.match(/; see "?\\?"?(https?:\/\/[^\s"\\]+)/)?.[1],
    );
    return Object.assign(program, { url });
  } catch (error) {
    await program[Symbol.asyncDispose]();
    throw new Error(`stderr: ${program.stderr}`, { cause: error });
  }
}

/** The program as a running process. It is killed when its holder is done with it. */
export class Program implements AsyncDisposable {
  #child: Deno.ChildProcess;
  #stdout: Reading;
  #stderr: Reading;

  constructor(
    { args = [], env = {}, wrapper = [], denoFlags = [], stdoutUnread = false }: Start,
  ) {
    const own = COMMAND.toSpliced(IS_EXECUTABLE ? COMMAND.length : 2, 0, ...denoFlags);
    const [command = "", ...words] = [...wrapper, ...own, ...args];
    this.#child = new Deno.Command(command, {
      args: words,
      cwd: ROOT,
      clearEnv: true,
      env: { ...baseEnvironment(), ...withoutCredentials(env), ...env },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#stdout = new Reading(this.#child.stdout, stdoutUnread);
    this.#stderr = new Reading(this.#child.stderr);
  }

  get pid(): number {
    return this.#child.pid;
  }

  /** What it has written to standard output so far. */
  get stdout(): string {
    return this.#stdout.text;
  }

  /** What it has written to standard error so far. */
  get stderr(): string {
    return this.#stderr.text;
  }

  kill(signal: Deno.Signal): void {
    this.#child.kill(signal);
  }

  /** Closes the reading end of its standard output. */
  closeStdout(): Promise<void> {
    return this.#stdout.close();
  }

  /** Closes the reading end of its standard error. */
  closeStderr(): Promise<void> {
    return this.#stderr.close();
  }

  /** Waits for its end; kills it and throws when that takes longer than `limitMs`. */
  async ended(limitMs = MAX_RUN_MS): Promise<Ended> {
    let overdue = false;
    const timer = setTimeout(() => {
      overdue = true;
      this.#child.kill("SIGKILL");
    }, limitMs);
    const { code, signal } = await this.#child.status;
    clearTimeout(timer);
    await Promise.all([this.#stdout.done, this.#stderr.done]);
    const { stdout, stderr } = this;
    if (overdue) {
      throw new Error(`still running after ${limitMs} ms; stdout: ${stdout}; stderr: ${stderr}`);
    }
    return { code, signal, stdout, stderr };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // It has ended by itself.
    }
    await Promise.all([this.#stdout.close(), this.#stderr.close(), this.#child.status]);
  }
}

/** A test that names an API and no client probes without credentials. */
function withoutCredentials(env: Record<string, string>): Record<string, string> {
  const names = Object.keys(env);
  const anonymous = names.includes("OKDATA_API_URL") && !names.includes("OKDATA_CLIENT_ID");
  return anonymous ? { LOCAL_SERVICES_ONLY: "true" } : {};
}

/** One output of a process, read as it comes. */
class Reading {
  text = "";
  /** Resolves at the end of the output, or when it is closed. */
  readonly done: Promise<void>;
  readonly #close: () => Promise<void>;

  constructor(stream: ReadableStream<Uint8Array>, unread = false) {
    const reader = stream.getReader();
    this.#close = () => reader.cancel();
    this.done = unread ? Promise.resolve() : this.#read(reader);
  }

  async close(): Promise<void> {
    await this.#close();
    await this.done;
  }

  async #read(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<void> {
    const decoder = new TextDecoder();
    for (let chunk = await reader.read(); !chunk.done; chunk = await reader.read()) {
      this.text += decoder.decode(chunk.value, { stream: true });
    }
  }
}

type Truthy<T> = Exclude<T, undefined | null | false | 0 | "">;

/** The first truthy value that `look` returns; throws when none comes within `limitMs`. */
export async function eventually<T>(
  what: string,
  look: () => T | Promise<T>,
  limitMs = 10_000,
): Promise<Truthy<T>> {
  const deadlineMs = performance.now() + limitMs;
  for (let isLast = false;;) {
    const seen = await look();
    if (seen) return seen as Truthy<T>;
    if (isLast) throw new Error(`not within ${limitMs} ms: ${what}`);
    // Once more after that: what has come meanwhile may wait for its turn in this process.
    isLast = performance.now() > deadlineMs;
    await new Promise((resolve) => setTimeout(resolve, 15));
  }
}

/** The environment that every process of a test gets. */
export function baseEnvironment(): Record<string, string> {
  const inherited = INHERITED.flatMap((name) => {
    const value = Deno.env.get(name);
    return value === undefined ? [] : [[name, value]];
  });
  // A note on a new release of Deno would stand among the program's lines on a terminal.
  return { ...Object.fromEntries(inherited), DENO_NO_UPDATE_CHECK: "1" };
}

/** The program's command for a shell, with the variables and arguments of `start`. */
export function shellCommand({ args = [], env = {} }: Start): string {
  const assignments = Object.entries({ ...withoutCredentials(env), ...env }).map(([name, value]) =>
    `${name}=${value}`
  );
  return ["env", ...assignments, ...COMMAND, ...args].map(shellQuote).join(" ");
}

/** A shell with `script` in the program's folder and environment, run to its end. */
export async function shell(script: string): Promise<Ended> {
  const { code, signal, stdout, stderr } = await new Deno.Command("sh", {
    args: ["-c", script],
    cwd: ROOT,
    clearEnv: true,
    env: baseEnvironment(),
    stdin: "null",
    signal: AbortSignal.timeout(MAX_RUN_MS),
  }).output();
  const decoder = new TextDecoder();
  return { code, signal, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

/** Whether a shell can run this; if not, a line says what is not tested here for want of it. */
export async function isAvailable(command: string, tested: string): Promise<boolean> {
  const { code } = await shell(command);
  if (code !== 0) console.log(`Not tested here: ${tested}, because \`${command}\` fails.`);
  return code === 0;
}

/** The lines of a text, without the empty ones. */
export function linesOf(text: string): string[] {
  return text.split("\n").filter((line) => line !== "");
}

function shellQuote(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}

function commandWords(): string[] {
  const given = Deno.env.get("PROBE_COMMAND")?.trim();
  if (!given) return [Deno.execPath(), "run", "--quiet", ...PERMISSIONS, "main.ts"];
  const [command = "", ...words] = given.split(/\s+/);
  // A path counts from the program's folder, wherever the tests were started.
  const isPath = command.includes("/");
  return [isPath ? new URL(command, `file://${ROOT}`).pathname : command, ...words];
}
