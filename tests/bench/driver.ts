import { setTimeout as sleep } from "node:timers/promises";
import { systemClock } from "../../src/core/clock.ts";
import { every } from "../../src/probing/schedule.ts";

/** Calls `ask` every `intervalMs`, whether or not the last call has ended, until it is disposed of. */
export class Driver implements AsyncDisposable {
  readonly #stop = new AbortController();
  readonly #asked: Promise<unknown>[] = [];

  constructor(ask: () => Promise<unknown>, intervalMs: number) {
    every("driver", intervalMs, () => this.#asked.push(ask()), {
      clock: systemClock,
      signal: this.#stop.signal,
    });
  }

  /** Waits for all calls; throws what one of them has thrown. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await Promise.all(this.#asked);
  }
}

/** What `ask` brings when it is called every `intervalMs` for `windowMs`. */
export async function collect<T>(
  ask: () => Promise<T>,
  { intervalMs, windowMs }: { intervalMs: number; windowMs: number },
): Promise<T[]> {
  const brought: T[] = [];
  await using _driver = new Driver(async () => brought.push(await ask()), intervalMs);
  await sleep(windowMs);
  return brought;
}
