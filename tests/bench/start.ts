import { setTimeout as sleep } from "node:timers/promises";
import { freePort } from "./child.ts";
import type { Line } from "./figure.ts";
import { figuresOf, type Server, servers } from "./servers.ts";

const REPEATS = 12;
const MAX_MS = 10_000;
const NO_TARGET = "http://127.0.0.1:1/metadata";

/** The time from the start of the process to its first scrape. */
export const start: Line = {
  name: "start",
  help: "time from start to first scrape, beside programs that are only a Deno.serve",
  async measure(run) {
    const all = await servers("the start", NO_TARGET, run);
    const values: number[][] = all.map(() => []);
    // The first round fills caches, as the first start on a machine does.
    for (let repeat = 0; repeat <= REPEATS; repeat++) {
      run.say(`${repeat} of ${REPEATS}`);
      for (const [i, server] of all.entries()) {
        const timeMs = await firstScrapeMs(server);
        if (repeat > 0) values[i]?.push(timeMs);
      }
    }
    return figuresOf(all, values, { unit: "ms", aim: { atMost: 1.8 } });
  },
};

async function firstScrapeMs(server: Server): Promise<number> {
  const port = freePort();
  const startMs = performance.now();
  await using child = server.start(port);
  await child.unlessItEnds(untilItResponds(port));
  return performance.now() - startMs;
}

async function untilItResponds(port: number): Promise<void> {
  const deadlineMs = performance.now() + MAX_MS;
  while (!await responds(port)) {
    if (performance.now() > deadlineMs) throw new Error("the server does not respond");
    await sleep(1);
  }
}

/** Whether there is a response yet. A bare connection avoids a client's own overhead. */
async function responds(port: number): Promise<boolean> {
  try {
    using connection = await Deno.connect({ hostname: "127.0.0.1", port });
    const request = "GET /metrics HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    await connection.write(new TextEncoder().encode(request));
    const head = new Uint8Array(12);
    await connection.read(head);
    return new TextDecoder().decode(head) === "HTTP/1.1 200";
  } catch {
    return false;
  }
}
