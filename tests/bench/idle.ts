import { setTimeout as sleep } from "node:timers/promises";
import { eventuallyFetch, freePort } from "./child.ts";
import { Blackbox } from "./blackbox.ts";
import { Driver } from "./driver.ts";
import type { Line } from "./figure.ts";
import { figuresOf, type Server, servers } from "./servers.ts";
import { Target } from "./target.ts";

/** So many of each run at once. */
const COPIES = 3;
const AFTER_MS = 30_000;
const INTERVAL_MS = 10_000;

/** Memory (RSS) of processes that are nearly idle, at the default interval. */
export const idle: Line = {
  name: "idle",
  isCalm: true,
  help: "memory after 30 s at the default interval, beside programs that are only a Deno.serve",
  async measure(run) {
    await using target = await Target.start();
    const all = await servers("the memory", target.apiUrl, run);
    run.say(`${AFTER_MS / 1e3} s`);
    const url = `${target.apiUrl}/abc123`;
    const values = await Promise.all(
      all.map((server) =>
        Promise.all(Array.from({ length: COPIES }, () => residentMegabytes(server, url)))
      ),
    );
    return figuresOf(all, values, { unit: "MB", aim: { atMost: 1.12 } });
  },
};

async function residentMegabytes(server: Server, url: string): Promise<number> {
  const port = freePort();
  await using child = server.start(port);
  await child.unlessItEnds(eventuallyFetch(`http://127.0.0.1:${port}/metrics`));
  await using _driver = child instanceof Blackbox
    ? new Driver(() => child.probe(url), INTERVAL_MS)
    : null;
  await sleep(AFTER_MS);
  return await child.residentBytes() / 1e6;
}
