import { assert, assertEquals } from "@std/assert";
import { History } from "../../src/history/history.ts";
import { NO_PAST, type Past } from "../../src/history/past.ts";
import { HealthHistory } from "../../src/probing/health.ts";
import { statusDocument } from "../../src/server/status_document.ts";
import { FakeClock } from "../support/clock.ts";
import { serverWith } from "../support/server.ts";
import { manyIds } from "../support/status.ts";
import { failed, pending, succeeded } from "../support/tasks.ts";

/** A probe whose tasks settle when the test says so, half a second after they were created. */
function start(datasetIds: readonly string[], past: Past = NO_PAST) {
  const clock = new FakeClock({ wallMs: Date.UTC(2026, 10, 23, 22) });
  const health = new HealthHistory({
    datasetIds,
    clock,
    taskIntervalSeconds: 10,
    requestTimeoutSeconds: 10,
    sloLatencySeconds: 1,
  });
  const sources = {
    appId: "0a1b2c3d",
    environment: null,
    health,
    history: new History(health, past),
    isDraining: () => false,
    stalledLoops: () => [],
  };
  let seqno = 0;
  return {
    read: (datasetId?: string) => statusDocument(sources, datasetId),
    settle(datasetId: string, isGood: boolean, message?: string) {
      const task = pending({ seqno: ++seqno, datasetId, createdMs: clock.now() });
      health.created(task);
      const settled = isGood ? succeeded(task, 0.5) : failed(task, "server_error", 0.5);
      health.settled(message === undefined ? settled : { ...settled, message } as typeof settled);
      clock.advance(10_000);
    },
  };
}

Deno.test("the status document has an outage that a restart has interrupted since it began", () => {
  const incident = {
    startMs: Date.UTC(2026, 10, 23, 21, 50),
    endMs: null,
    lost: 60,
    reasons: { dns: 60 },
    firstSeqno: null,
    endSeqno: null,
    resolutionSeconds: 300,
  };
  const { read, settle } = start(["a"], {
    ...NO_PAST,
    of: () => ({ day: [], daySinceMs: null, quarter: [], incidents: [incident] }),
  });
  settle("a", false);
  const begin = "2026-11-23T21:50:00.000Z";
  const [failing] = read().datasets;
  assertEquals([failing?.state, failing?.since], ["failing", begin]);
  assertEquals(failing?.last_incident?.start, begin);
  assertEquals(failing?.last_incident?.reasons, { dns: 60, server_error: 1 });
  settle("a", true);
  const [after] = read().datasets;
  assertEquals([after?.since, after?.last_incident?.start], ["2026-11-23T22:00:10.000Z", begin]);
});

Deno.test("the status document has the verdict on each dataset, the most urgent first", () => {
  const { read, settle } = start(["a", "b", "c"]);
  settle("a", true);
  for (const isGood of [true, false, false, false]) settle("b", isGood);
  const document = read();
  assertEquals(document.state, "failing");
  assertEquals(document.counts, {
    failing: 1,
    no_news: 2,
    unsteady: 0,
    slow: 0,
    working: 0,
    starting: 0,
  });
  assertEquals(
    document.datasets.map(({ dataset_id, state, since }) => [dataset_id, state, since]),
    [
      ["b", "failing", "2026-11-23T22:00:20.000Z"],
      ["a", "no_news", "2026-11-23T22:00:00.000Z"],
      ["c", "no_news", "2026-11-23T22:00:00.000Z"],
    ],
  );
  assertEquals(document.datasets[0], {
    dataset_id: "b",
    state: "failing",
    since: "2026-11-23T22:00:20.000Z",
    last_task: {
      seqno: 5,
      settled: "2026-11-23T22:00:40.500Z",
      duration_seconds: 0.5,
      state: "FAILED",
    },
    last_failure: {
      seqno: 5,
      settled: "2026-11-23T22:00:40.500Z",
      duration_seconds: 0.5,
      reason: "server_error",
      message: "status 500: it broke",
    },
    last_success: "2026-11-23T22:00:10.500Z",
    outcomes: ".FFF",
    recent: { window_seconds: 60, covered_seconds: 50, settled: 4, failed: 3, slow: 0 },
    ratios: [[300, 50], [3_600, 50], [86_400, 50]].map(([window_seconds, covered_seconds]) => ({
      window_seconds: window_seconds!,
      covered_seconds: covered_seconds!,
      settled: 4,
      succeeded: 1,
    })),
    durations: {
      tasks: 1,
      since: "2026-11-23T22:00:10.500Z",
      last_seconds: 0.5,
      p50_seconds: 0.5,
      p95_seconds: 0.5,
    },
    last_incident: {
      start: "2026-11-23T22:00:20.000Z",
      end: null,
      resolution_seconds: 0,
      lost: 3,
      reasons: { server_error: 3 },
    },
  });
});

Deno.test("the status document of one dataset has all the counts, and nothing of one not probed", () => {
  const { read, settle } = start(["a", "b"]);
  settle("a", true);
  const of = (datasetId: string) => read(datasetId).datasets.map(({ dataset_id }) => dataset_id);
  assertEquals([of("b"), of("nosuch")], [["b"], []]);
  assertEquals([read("b").counts.working, read("b").counts.starting], [1, 1]);
});

Deno.test("the status document of 200 failing datasets is smaller than 400 kB", () => {
  const ids = manyIds(200);
  const { read, settle } = start(ids);
  for (let round = 0; round < 3; round++) {
    for (const id of ids) settle(id, round === 0, round === 0 ? undefined : "x".repeat(400));
  }
  const bytes = new TextEncoder().encode(JSON.stringify(read())).length;
  assert(bytes < 400_000, `${bytes} bytes`);
});

Deno.test("GET /status sends the document, and refuses parameters that it does not know", async () => {
  const { read } = start(["a", "b"]);
  const server = serverWith({ readStatus: read });
  const response = await server.request("/status?dataset_id=b");
  assertEquals(response.headers.get("content-type"), "application/json");
  assertEquals(await response.json(), JSON.parse(JSON.stringify(read("b"))));
  const refused = await server.request("/status?state=failed");
  assertEquals(refused.status, 400);
  assertEquals(await refused.json(), { error: "state: unknown; expected dataset_id" });
});
