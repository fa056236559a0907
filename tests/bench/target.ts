import { Child, deno, eventuallyFetch, freePort, script } from "./child.ts";

/** A substitute for the platform in a process of its own: it responds at once, and keeps arrival times. */
export class Target extends Child {
  readonly #url: string;
  readonly apiUrl: string;

  private constructor(port: number) {
    super(deno("run", "--allow-net", script("target.ts"), String(port)));
    this.#url = `http://127.0.0.1:${port}`;
    this.apiUrl = `${this.#url}/metadata`;
  }

  static async start(): Promise<Target> {
    const target = new Target(freePort());
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
