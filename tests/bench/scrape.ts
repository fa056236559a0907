import { systemClock } from "../../src/clock.ts";
import { Backlog } from "../../src/backlog.ts";
import { listen } from "../../src/listen.ts";
import { Metrics } from "../../src/metrics.ts";
import { serverWith as serverOf } from "../fakes/server.ts";
import { compared, type Figure, type Line } from "./figure.ts";
import { fill } from "./tasks.ts";
import { inTurn } from "./turns.ts";

const TRACKED = 100_000;
const TURNS = { warmUps: 300, repeats: 5, times: 200 };

const ACCEPTS = { "text": "text/plain", "OpenMetrics": "application/openmetrics-text" };

/** The time of one scrape, with many tasks tracked and with one; both in this process, in turn. */
export const scrape: Line = {
  name: "scrape",
  help: "time of a scrape with 100,000 tracked tasks, beside one with a single task",
  async measure(say) {
    const many = serverWith(TRACKED);
    const one = serverWith(1);
    const figures: Figure[] = [];
    for (const [format, accept] of Object.entries(ACCEPTS)) {
      say(format);
      const request = () => new Request("http://localhost/metrics", { headers: { accept } });
      const [ofMany, ofOne] = await inTurn([
        () => timeMs(() => many.request(request())),
        () => timeMs(() => one.request(request())),
      ], TURNS);
      const peer = { what: `${format}, 1 tracked`, unit: "ms", values: ofOne };
      const figure = { what: `${format}, 100,000 tracked`, unit: "ms", values: ofMany };
      figures.push(peer, compared(figure, peer, "1 ×, later 0.5 ms"));
    }
    say("over HTTP");
    figures.push(...await overHttp(many, one));
    return figures;
  },
};

type Server = ReturnType<typeof serverOf>;

async function overHttp(many: Server, one: Server): Promise<Figure[]> {
  const ports = [many, one].map((server) =>
    listen(
      { host: "127.0.0.1", port: 0, tls: null },
      (request) => server.fetch(request),
      () => {},
    )
  );
  const [ofMany, ofOne] = await inTurn([
    () => timeMs(() => fetch(`${ports[0].url}/metrics`)),
    () => timeMs(() => fetch(`${ports[1].url}/metrics`)),
  ], TURNS);
  await Promise.all(ports.map(({ close }) => close()));
  const peer = { what: "over HTTP, 1 tracked", unit: "ms", values: ofOne };
  return [peer, compared({ what: "over HTTP, 100,000 tracked", unit: "ms", values: ofMany }, peer)];
}

async function timeMs(answer: () => Response | Promise<Response>): Promise<number> {
  const startMs = performance.now();
  await (await answer()).text();
  return performance.now() - startMs;
}

function serverWith(tracked: number): Server {
  const backlog = new Backlog(TRACKED, () => {});
  fill(backlog, { first: 0, count: tracked, failEvery: 50 });
  const metrics = new Metrics({
    clock: systemClock,
    appId: "0a1b2c3d",
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
    }),
  });
  for (const task of backlog.page({ limit: 1000 }).tasks) {
    metrics.created(task.datasetId);
    if (task.state !== "PENDING") metrics.settled(task, task.createdMs);
  }
  return serverOf({
    render: (format) => metrics.render(format),
    page: (query) => backlog.page(query),
  });
}
