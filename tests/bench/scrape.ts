import { setTimeout as sleep } from "node:timers/promises";
import { systemClock } from "../../src/core/clock.ts";
import { Backlog } from "../../src/probing/backlog.ts";
import { listen } from "../../src/server/listen.ts";
import { Metrics } from "../../src/prometheus/metrics.ts";
import { serverWith as serverOf } from "../support/server.ts";
import { compared, type Figure, type Line, type Run } from "./figure.ts";
import { Nginx } from "./nginx.ts";
import { Probe } from "./probe.ts";
import { fill } from "./tasks.ts";
import { areHere } from "./tools.ts";
import { inTurn, type Measurement } from "./turns.ts";
import { requestsPerSecond } from "./wrk.ts";

const TRACKED = 100_000;
const WRK_REPEATS = 3;
const TURNS = { warmUps: 300, repeats: 5, times: 200 };
const TURNS_OVER_HTTP = { warmUps: 100, repeats: 5, times: 60 };
/** Prometheus scrapes every few seconds. A client without pauses waits, which `wrk` measures. */
const REST_MS = 5;

const ACCEPTS = { "text": "text/plain", "OpenMetrics": "application/openmetrics-text" };

/** The time of one scrape, with many tasks tracked and with one; both in this process, in turn. */
export const scrape: Line = {
  name: "scrape",
  help: "time of a scrape with 100,000 tracked tasks, beside one with a single task, and nginx",
  async measure(run) {
    const many = serverWith(TRACKED);
    const one = serverWith(1);
    const figures: Figure[] = [];
    for (const [format, accept] of Object.entries(ACCEPTS)) {
      run.say(format);
      const request = () => new Request("http://localhost/metrics", { headers: { accept } });
      figures.push(
        ...await figuresOf(
          format,
          () => timeMs(() => many.request(request())),
          () => timeMs(() => one.request(request())),
          TURNS,
        ),
      );
    }
    run.say("over HTTP");
    const [listenerOfMany, listenerOfOne] = [listenFor(many), listenFor(one)];
    const scrapeOf = ({ url }: { url: string }) => async () => {
      await sleep(REST_MS);
      return timeMs(() => fetch(`${url}/metrics`));
    };
    const measurements = [scrapeOf(listenerOfMany), scrapeOf(listenerOfOne)] as const;
    figures.push(...await figuresOf("over HTTP", ...measurements, TURNS_OVER_HTTP));
    await Promise.all([listenerOfMany.close(), listenerOfOne.close()]);
    return [...figures, ...await besideNginx(run)];
  },
};

type Server = ReturnType<typeof serverOf>;

async function figuresOf(
  how: string,
  many: Measurement,
  one: Measurement,
  turns: typeof TURNS,
): Promise<Figure[]> {
  const [ofMany, ofOne] = await inTurn([many, one], turns);
  const peer: Figure = { what: `${how}, 1 tracked`, unit: "ms", values: ofOne };
  const figure: Figure = { what: `${how}, 100,000 tracked`, unit: "ms", values: ofMany };
  return [peer, { ...compared(figure, peer, { atMost: 1.1 }), aim: { atMost: 0.5 } }];
}

function listenFor(server: Server) {
  const address = { host: "127.0.0.1", port: 0, tls: null };
  return listen(address, (request) => server.fetch(request), () => {});
}

/** What the whole probe needs for a scrape by wrk, and nginx for the same bytes from a file. */
async function besideNginx(run: Run): Promise<Figure[]> {
  if (!await areHere(["nginx", "wrk"], "scrapes by wrk, beside nginx", run)) return [];
  await using probe = await Probe.start("http://127.0.0.1:1/metadata", { env: {} });
  await using nginx = await Nginx.start({ files: { metrics: await probe.scrape() } });
  const ofProbe: number[] = [];
  const ofNginx: number[] = [];
  for (let repeat = 0; repeat <= WRK_REPEATS; repeat++) {
    run.say(`by wrk, ${repeat} of ${WRK_REPEATS}`);
    const [probeMs, nginxMs] = [await meanMs(probe.url), await meanMs(nginx.url)];
    // The first round warms up.
    if (repeat === 0) continue;
    ofProbe.push(probeMs);
    ofNginx.push(nginxMs);
  }
  const peer: Figure = { what: "by wrk, nginx", unit: "ms", values: ofNginx };
  return [peer, compared({ what: "by wrk, the probe", unit: "ms", values: ofProbe }, peer)];
}

async function meanMs(url: string): Promise<number> {
  return 1e3 / await requestsPerSecond(`${url}/metrics`, { connections: 1, seconds: 1 });
}

async function timeMs(request: () => Response | Promise<Response>): Promise<number> {
  const startMs = performance.now();
  await (await request()).text();
  return performance.now() - startMs;
}

function serverWith(tracked: number): Server {
  const backlog = new Backlog(TRACKED, () => {});
  fill(backlog, { first: 0, count: tracked, failEvery: 50 });
  const metrics = new Metrics({
    clock: systemClock,
    appId: "0a1b2c3d",
    environment: null,
    datasetIds: ["abc123"],
    latencyObjectiveSeconds: 1,
    build: { version: "0.1.0", deno: Deno.version.deno, target: Deno.build.target },
    startTimeSeconds: Date.now() / 1e3,
    read: () => ({
      tracked: backlog.counts,
      oldestPendingAgeSeconds: 0,
      cpuSeconds: 0,
      residentBytes: 0,
      heapBytes: 0,
      verdicts: [],
    }),
  });
  for (const task of backlog.page({ limit: 1000 }).tasks) {
    metrics.created(task);
    if (task.state !== "PENDING") metrics.settled(task);
  }
  return serverOf({
    renderMetrics: (format) => metrics.render(format),
    listTasks: (query) => backlog.page(query),
  });
}
