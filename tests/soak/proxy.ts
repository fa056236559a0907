import { freePort } from "../bench/child.ts";
import { Lines } from "./lines.ts";
import { whileStopped } from "./stopped.ts";

const SCRIPT = new URL("processes/proxy.ts", import.meta.url).pathname;

/** A proxy in a process of its own, which counts its tunnels; see `processes/proxy.ts`. */
export class Proxy implements AsyncDisposable {
  readonly tunnels = { opened: 0, refused: 0 };
  readonly url: string;
  readonly #child: Deno.ChildProcess;
  readonly #reading: Promise<void>;

  private constructor(onListening: () => void) {
    const port = freePort();
    this.url = `http://127.0.0.1:${port}`;
    this.#child = new Deno.Command(Deno.execPath(), {
      args: ["run", "--no-prompt", "--allow-net", SCRIPT, String(port)],
      stdin: "null",
      stdout: "piped",
    }).spawn();
    this.#reading = new Lines(this.#child.stdout, (line) => {
      if (line === "did listen") onListening();
      else this.tunnels[line as keyof typeof this.tunnels]++;
    }).ended;
  }

  static async start(): Promise<Proxy> {
    const listening = Promise.withResolvers<void>();
    const proxy = new Proxy(listening.resolve);
    await listening.promise;
    return proxy;
  }

  /** Stops the process while `action` runs. */
  async whileStill(action: () => Promise<void>): Promise<void> {
    await whileStopped(this.#child, action);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGKILL");
    await Promise.all([this.#reading, this.#child.status]);
  }
}
