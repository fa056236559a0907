import { assertEquals } from "@std/assert";
import { Backlog } from "../../src/probing/backlog.ts";
import { HealthHistory } from "../../src/probing/health.ts";
import { type StatusQuery, viewOf } from "../../src/status_page/view.ts";
import { FakeClock } from "../support/clock.ts";
import { pending, succeeded } from "../support/tasks.ts";

const DATASETS = Array.from({ length: 53 }, (_, i) => `dataset-${i}`);

/** A probe of many datasets, as its page asks for it. */
function start() {
  const clock = new FakeClock();
  const backlog = new Backlog(10_000, () => {});
  const history = new HealthHistory(DATASETS, clock.now(), 30_000);
  const config = {
    appId: "0a1b2c3d",
    apiUrl: "http://api",
    taskIntervalSeconds: 10,
    datasetIds: DATASETS,
  };
  const sources = { config, clock, backlog, history, startedMs: clock.now() };
  const open = (datasetId: string) => {
    const { seqno: _seqno, state: _state, ...fields } = pending({ datasetId });
    return backlog.open(fields);
  };
  const status = (query: Partial<StatusQuery> = {}) =>
    viewOf({ page: 1, ...query }, {
      ...sources,
      isDraining: () => false,
      stalledLoops: () => [],
    });
  return { backlog, open, status };
}

Deno.test("datasets come in pages, and beyond the last one comes the last one", () => {
  const { status } = start();
  const shown = [1, 2, 3, 99].map((page) => status({ page }));
  assertEquals(shown.map(({ datasets }) => datasets.length), [20, 20, 13, 13]);
  assertEquals(shown.map(({ pages, query }) => [pages, query.page]), [
    ...[[3, 1], [3, 2], [3, 3], [3, 3]],
  ]);
  const all = shown.slice(0, 3).flatMap(({ datasets }) => datasets.map((each) => each.datasetId));
  assertEquals(all, DATASETS);
});

Deno.test("a dataset that is asked for is shown, whichever page it stands on", () => {
  const { datasets, pages } = start().status({ datasetId: "dataset-52" });
  assertEquals([datasets.map(({ datasetId }) => datasetId), pages], [["dataset-52"], 1]);
});

Deno.test("however many tasks are pending, durations are those of the newest settled ones", () => {
  const { backlog, open, status } = start();
  for (let i = 0; i < 300; i++) backlog.settle(succeeded(open("dataset-0")));
  for (let i = 0; i < 300; i++) open("dataset-0");
  const seqnos = status().durations.map(({ seqno }) => seqno);
  assertEquals(seqnos, Array.from({ length: 240 }, (_, i) => 61 + i));
});
