import type { ResponseName } from "./responses.ts";
import { Lines } from "./lines.ts";
import type { TlsFiles } from "../support/tls_files.ts";

const SCRIPT = new URL("processes/target.ts", import.meta.url).pathname;

export type TargetOptions = {
  seed: number;
  /** What it presents; null without TLS. */
  tls: TlsFiles | null;
  /** Its name in URLs. */
  host: string;
  onAttempt: (traceId: string, response: ResponseName) => void;
};

/** A substitute for the platform in a process of its own; see `processes/target.ts`. */
export class Target implements AsyncDisposable {
  readonly tokens = { ok: 0, failed: 0 };
  /** How many connections have brought no request. */
  looks = 0;
  /** The address without the dataset. */
  readonly apiUrl: string;
  readonly tokenUrl: string;
  readonly #child: Deno.ChildProcess;
  readonly #commands: WritableStreamDefaultWriter<Uint8Array>;
  readonly #waiting = new Map<string, () => void>();
  readonly #reading: Promise<void>;

  private constructor(private readonly options: TargetOptions) {
    const [apiPort, tokenPort] = freePorts();
    const { tls, host, seed } = options;
    const scheme = tls ? "https" : "http";
    this.apiUrl = `${scheme}://${host}:${apiPort}/datasets`;
    this.tokenUrl = `${scheme}://${host}:${tokenPort}/token`;
    this.#child = new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "--no-prompt",
        "--allow-net",
        "--allow-read",
        SCRIPT,
        ...[apiPort, tokenPort, seed].map(String),
        ...tls ? [tls.certFile, tls.keyFile] : [],
      ],
      stdin: "piped",
      stdout: "piped",
    }).spawn();
    this.#commands = this.#child.stdin.getWriter();
    this.#reading = new Lines(this.#child.stdout, (line) => this.#read(line)).ended;
  }

  static async start(options: TargetOptions): Promise<Target> {
    const target = new Target(options);
    await target.#done("listen");
    return target;
  }

  /** From now on every request succeeds at once. */
  async recover(): Promise<void> {
    await this.#send("recover");
  }

  /** The next request gets no response; resolves when it has come. */
  async hold(): Promise<void> {
    await this.#send("hold");
  }

  /** Refuses connections to the API. The probe and its proxy must be stopped meanwhile. */
  async refuse(): Promise<void> {
    await this.#send("refuse");
  }

  /** Accepts connections again. */
  async listen(): Promise<void> {
    await this.#send("listen");
  }

  async #send(command: string): Promise<void> {
    const done = this.#done(command);
    await this.#commands.write(new TextEncoder().encode(`${command}\n`));
    await done;
  }

  #done(command: string): Promise<void> {
    return new Promise((resolve) => this.#waiting.set(command, resolve));
  }

  #read(line: string): void {
    const [word, first = "", second] = line.split(" ");
    if (word === "attempt") this.options.onAttempt(first, second as ResponseName);
    else if (word === "token") this.tokens[first as "ok" | "failed"]++;
    else if (word === "look") this.looks++;
    else if (word === "did") this.#waiting.get(first)?.();
    else throw new Error(`unknown line of the target: ${line}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#commands.close().catch(() => {/* It has ended by itself. */});
    await Promise.all([this.#reading, this.#child.status]);
  }
}

function freePorts(): [number, number] {
  using first = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  using second = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return [first.addr.port, second.addr.port];
}
