import { Child, deno, eventuallyFetch, freePort, script } from "./child.ts";
import { Nginx } from "./nginx.ts";
import type { TlsFiles } from "../support/tls_files.ts";

/** A substitute for the platform in a process of its own: it responds at once, and keeps arrival times. */
export class Target extends Child {
  readonly #url: string;
  readonly #front: Nginx | null;
  readonly apiUrl: string;

  private constructor(port: number, front: Nginx | null) {
    super(deno("run", "--allow-net", script("target.ts"), String(port)));
    this.#url = `http://127.0.0.1:${port}`;
    this.#front = front;
    this.apiUrl = front?.apiUrl ?? `${this.#url}/metadata`;
  }

  /** Starts it; with TLS behind an nginx. */
  static async start(tls: TlsFiles | null = null): Promise<Target> {
    const port = freePort();
    const front = tls && await Nginx.start({ tls, upstreamPort: port });
    const target = new Target(port, front);
    await target.count();
    return target;
  }

  /** How many datasets it has been asked for. */
  async count(): Promise<number> {
    return Number(await eventuallyFetch(`${this.#url}/count`));
  }

  /** When it was asked for each dataset since the last time this was called, monotonic. */
  async arrivalsMs(): Promise<Record<string, number[]>> {
    return JSON.parse(await eventuallyFetch(`${this.#url}/arrivals`));
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    await this.#front?.[Symbol.asyncDispose]();
    await super[Symbol.asyncDispose]();
  }
}
