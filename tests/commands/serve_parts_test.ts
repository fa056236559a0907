import { assertEquals, assertStringIncludes } from "@std/assert";
import { attemptLog, createTable, startLine } from "../../src/commands/serve_parts.ts";
import { VERSION } from "../../src/core/version.ts";
import { History } from "../../src/history/history.ts";
import { Backlog } from "../../src/probing/backlog.ts";
import { HealthHistory } from "../../src/probing/health.ts";
import { configOf, createFakeRuntime } from "../support/fake_runtime.ts";
import { attempt, failed, pending } from "../support/tasks.ts";

const LISTENER = { url: "http://localhost:8000", address: "0.0.0.0:8000" };
const VIEW = { table: false, rows: 20, utc: true };

Deno.test("startLine names the dataset, or the number of them", () => {
  const one = configOf({ TASK_INTERVAL_SECONDS: "2.5" });
  assertEquals(
    startLine(one, LISTENER),
    `dataplatform-probe ${VERSION} probes http://api/abc123 (local) every 2.5 s; ` +
      "listening on 0.0.0.0:8000; see http://localhost:8000",
  );
  assertEquals(
    startLine(configOf({ DATASET_ID: "a,b" }), LISTENER),
    `dataplatform-probe ${VERSION} probes 2 datasets at http://api (local) every 10 s; ` +
      "listening on 0.0.0.0:8000; see http://localhost:8000",
  );
});

Deno.test("startLine names the proxies by host and port, and shows no secret", () => {
  const config = configOf({
    OKDATA_API_URL: "https://api.test/datasets",
    HEARTBEAT_URL: "https://beat.test/s3cret",
    PROMETHEUS_URL: "https://prometheus.test/",
    HTTPS_PROXY: "http://me:s3cret@proxy.test:3128",
    NO_PROXY: "10.0.0.0/8",
  });
  assertEquals(
    startLine(config, LISTENER),
    `dataplatform-probe ${VERSION} probes https://api.test/datasets/abc123 (local) every 10 s ` +
      "by proxy proxy.test:3128 for api.test, beat.test, prometheus.test; " +
      "listening on 0.0.0.0:8000; see http://localhost:8000",
  );
});

Deno.test("startLine has the public address beside that on which it listens", () => {
  const config = configOf({ PUBLIC_URL: "https://probe.example/" });
  assertEquals(
    startLine(config, LISTENER).split("; ").slice(1),
    ["listening on 0.0.0.0:8000", "see https://probe.example/"],
  );
});

Deno.test("attemptLog logs at level debug, and is nothing at other levels", () => {
  const { runtime, logged } = createFakeRuntime();
  assertEquals(attemptLog(configOf({ LOG_LEVEL: "info" }), runtime.log), undefined);
  attemptLog(configOf({ LOG_LEVEL: "debug" }), runtime.log)?.(
    { seqno: 7, datasetId: "abc123" },
    attempt({ durationSeconds: 0.5 }),
  );
  assertEquals(logged.map(({ level, message }) => `${level}: ${message}`), [
    "debug: an attempt of task 7 ended in 0.500 s: status 200",
  ]);
});

Deno.test("createTable makes a table when it was asked for, or in a local run", async () => {
  const { runtime, stdout } = createFakeRuntime();
  const backlog = new Backlog(10, () => {});
  const health = new HealthHistory({ ...configOf({}), clock: runtime.clock });
  const create = (env: Record<string, string>, table: boolean) =>
    createTable(configOf(env), { ...VIEW, table }, runtime, backlog, health, new History(health));
  assertEquals(await create({}, false), null);
  for (const table of [await create({}, true), await create({ LOCAL_RUN: "1" }, false)]) {
    stdout.text = "";
    table?.print();
    assertStringIncludes(
      stdout.text,
      "  0 tracked: 0 pending, 0 succeeded, 0 failed\nstarting  abc123\n",
    );
  }
});

Deno.test("the table has a dataset failing since its outage began, also before a restart", async () => {
  const { runtime, stdout } = createFakeRuntime();
  const health = new HealthHistory({ ...configOf({}), clock: runtime.clock });
  const task = pending({ datasetId: "abc123", createdMs: runtime.clock.now() });
  health.created(task);
  health.settled(failed(task, "dns"));
  const history = {
    withPast: <Health>(health: Health) => ({ ...health, sinceMs: runtime.clock.now() - 600_000 }),
  };
  const backlog = new Backlog(10, () => {});
  const view = { ...VIEW, table: true };
  (await createTable(configOf({}), view, runtime, backlog, health, history))?.print();
  assertStringIncludes(stdout.text, "(10 min)");
});
