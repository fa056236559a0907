import { assertEquals } from "@std/assert";
import { DatasetVerdict } from "../../src/core/verdict/dataset_verdict.ts";
import { Backlog } from "../../src/probing/backlog.ts";
import { History } from "../../src/history/history.ts";
import { HealthHistory } from "../../src/probing/health.ts";
import { type StatusQuery, viewOf } from "../../src/status_page/view.ts";
import { FakeClock } from "../support/clock.ts";
import { play, SCENES } from "../support/status.ts";
import { pending, succeeded } from "../support/tasks.ts";

const DATASETS = Array.from({ length: 53 }, (_, i) => `dataset-${i}`);

/** A probe of many datasets, and the data of its page. */
function start(clock = new FakeClock(), dashboardUrl?: string) {
  const backlog = new Backlog(10_000, () => {});
  const health = new HealthHistory({
    datasetIds: DATASETS,
    clock,
    taskIntervalSeconds: 10,
    requestTimeoutSeconds: 10,
    sloLatencySeconds: 1,
  });
  const config = {
    appId: "0a1b2c3d",
    environmentName: null,
    apiUrl: "http://api",
    taskIntervalSeconds: 10,
    datasetIds: DATASETS,
    dashboardUrl,
  };
  const history = new History(health);
  const sources = { config, clock, backlog, health, history, startedMs: clock.now() };
  const open = (datasetId: string) => {
    const { seqno: _seqno, state: _state, ...fields } = pending({
      datasetId,
      createdMonotonicMs: clock.monotonic(),
    });
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

Deno.test("the view has result pages of datasets, and shows the last one for a page after it", () => {
  const { status } = start();
  const shown = [1, 2, 3, 99].map((page) => status({ page }));
  assertEquals(shown.map(({ datasets }) => datasets.length), [20, 20, 13, 13]);
  assertEquals(shown.map(({ pages }) => pages), [3, 3, 3, 3]);
  assertEquals(shown.map(({ query }) => query.page), [1, 2, 3, 3]);
  const all = shown.slice(0, 3).flatMap(({ datasets }) => datasets.map((each) => each.datasetId));
  assertEquals(all, DATASETS);
});

Deno.test("the view shows the dataset of the query, whichever result page it is on", () => {
  const { datasets, pages } = start().status({ datasetId: "dataset-52" });
  assertEquals([datasets.map(({ datasetId }) => datasetId), pages], [["dataset-52"], 1]);
});

Deno.test("the view has the tasks that were created before the instant of the query", () => {
  const clock = new FakeClock();
  const { open, status } = start(clock);
  const untilMs = clock.now() + 2_500;
  for (let i = 0; i < 5; i++) {
    open("dataset-1");
    clock.advance(1_000);
  }
  const seqnosOf = (query: Partial<StatusQuery>) => status(query).tasks.map(({ seqno }) => seqno);
  assertEquals(seqnosOf({ until: untilMs }), [3, 2, 1]);
  // The links of the page go on from there.
  assertEquals(status({ until: untilMs }).query, { page: 1, before: 4 });
  assertEquals(seqnosOf({ until: untilMs, before: 2 }), [1]);
  assertEquals(seqnosOf({ until: 0 }), []);
  assertEquals(seqnosOf({ until: clock.now() + 1 }), [5, 4, 3, 2, 1]);
});

Deno.test("the view leads to the dashboard with the dataset and the range of the query", () => {
  const { status } = start(undefined, "https://grafana.example/d/probe");
  const base = "https://grafana.example/d/probe?from=now-";
  assertEquals(status().dashboardUrl, `${base}24h&to=now`);
  assertEquals(
    status({ datasetId: "dataset-1", range: "6h" }).dashboardUrl,
    `${base}6h&to=now&var-dataset_id=dataset-1`,
  );
  assertEquals(start().status().dashboardUrl, null);
});

Deno.test("the view has the tasks of the newest five minutes, however many are pending", () => {
  const { backlog, open, status } = start();
  for (let i = 0; i < 300; i++) backlog.settle(succeeded(open("dataset-0")));
  for (let i = 0; i < 300; i++) open("dataset-0");
  const { points } = status({ datasetId: "dataset-0", range: "5m" }).chart;
  assertEquals(points?.map(({ seqno }) => seqno), Array.from({ length: 240 }, (_, i) => 61 + i));
});

Deno.test("the view lists half of the datasets of a result page beside the details of a task", () => {
  const { status } = start();
  const { datasets, hidden, pages } = status({ page: 2, task: 1 });
  assertEquals(datasets[0]?.datasetId, "dataset-20");
  assertEquals([datasets.length, hidden, pages], [10, 10, 3]);
  assertEquals(status({ page: 3, task: 1 }).hidden, 3);
  assertEquals(status({ page: 2 }).hidden, 0);
});

Deno.test("the view finds datasets by a part of their IDs, the most urgent first", () => {
  const { status } = start();
  const { datasets, matches, pages } = status({ q: "SET-5" });
  assertEquals(
    datasets.map(({ datasetId }) => datasetId),
    ["dataset-5", "dataset-50", "dataset-51", "dataset-52"],
  );
  assertEquals([matches, pages], [4, 1]);
  const none = status({ q: "nosuch" });
  assertEquals([none.datasets.length, none.matches, none.pages], [0, 0, 1]);
});

Deno.test("the view of 200 datasets reads the verdict on each once, and on those it lists again", () => {
  const ask = play(SCENES.many);
  const { read } = DatasetVerdict.prototype;
  let reads = 0;
  DatasetVerdict.prototype.read = function (nowMs) {
    reads++;
    return read.call(this, nowMs);
  };
  try {
    assertEquals(ask().datasets.length, 20);
    assertEquals(reads, 200 + 20);
  } finally {
    DatasetVerdict.prototype.read = read;
  }
});
