import { setTimeout as sleep } from "node:timers/promises";
import { Child, freePort, script } from "./child.ts";
import { compared, type Figure, type Line } from "./figure.ts";
import { probeArguments } from "./probe.ts";

const REPEATS = 10;
const LONGEST_MS = 10_000;

/** The time from the start of the process to its first answer to a scrape. */
export const start: Line = {
  name: "start",
  help: "time from start to first scrape, beside a script that is only a Deno.serve",
  async measure(say) {
    const startProbe = await probeArguments();
    const startEmpty = ["run", "--no-prompt", "--allow-net", script("empty_server.ts")];
    const empty: number[] = [];
    const probe: number[] = [];
    // The first round fills Deno's caches, as the first start on a machine does.
    for (let repeat = 0; repeat <= REPEATS; repeat++) {
      say(`${repeat} of ${REPEATS}`);
      const emptyMs = await firstScrapeMs((port) => new Child([...startEmpty, String(port)]));
      const probeMs = await firstScrapeMs((port) =>
        new Child([...startProbe], { env: environment(port), stderr: "/dev/null" })
      );
      if (repeat === 0) continue;
      empty.push(emptyMs);
      probe.push(probeMs);
    }
    const peer: Figure = { what: "an empty Deno.serve", unit: "ms", values: empty };
    const figure: Figure = { what: "the probe", unit: "ms", values: probe };
    return [peer, compared(figure, peer, "later 1.5 ×, executables")];
  },
};

function environment(port: number): Record<string, string> {
  return {
    DATASET_ID: "abc123",
    LOCAL_SERVICES_ONLY: "true",
    OKDATA_API_URL: "http://127.0.0.1:1/metadata",
    HOST: "127.0.0.1",
    PORT: String(port),
  };
}

async function firstScrapeMs(startOn: (port: number) => Child): Promise<number> {
  const port = freePort();
  const startMs = performance.now();
  await using child = startOn(port);
  await child.unlessItEnds(untilItAnswers(port));
  return performance.now() - startMs;
}

async function untilItAnswers(port: number): Promise<void> {
  const deadlineMs = performance.now() + LONGEST_MS;
  while (!await answers(port)) {
    if (performance.now() > deadlineMs) throw new Error("it does not answer");
    await sleep(1);
  }
}

/** Whether there is an answer yet. A bare connection, since a client's own overhead would count. */
async function answers(port: number): Promise<boolean> {
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
