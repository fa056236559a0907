import { Child, deno, eventuallyFetch, freePort, script } from "./child.ts";
import { serverArguments, type Tls } from "./tls.ts";

/** A substitute for the platform in a process of its own: it responds at once, and keeps arrival times. */
export class Target extends Child {
  readonly #url: string;
  readonly apiUrl: string;

  private constructor(port: number, securePort: number, tls: Tls | null) {
    const ports = [port, securePort].map(String);
    const command = ["run", "--allow-net", "--allow-read", script("target.ts")];
    super(deno(...command, ...ports, ...serverArguments(tls)));
    this.#url = `http://127.0.0.1:${port}`;
    const url = tls ? `https://127.0.0.1:${securePort}` : this.#url;
    this.apiUrl = `${url}/metadata`;
  }

  /** Starts it; with TLS it counts on another port without. */
  static async start(tls: Tls | null = null): Promise<Target> {
    const target = new Target(freePort(), freePort(), tls);
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
}
