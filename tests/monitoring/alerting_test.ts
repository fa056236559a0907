import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { receiver } from "../../local/alert_receiver.ts";
import { METRICS } from "../../src/prometheus/definitions.ts";
import { rulesAsYaml } from "../../src/prometheus/rules/rules.ts";
import { DATASET_ID, eventually, startLoop } from "../support/program.ts";
import { startEmulator } from "../support/targets.ts";
import { startAlertmanager } from "./alertmanager.ts";
import { startPrometheus } from "./prometheus.ts";
import { WITHOUT_ALERTMANAGER } from "../support/prometheus_tools.ts";

const JOB = "dataplatform-probe";
const TASK_INTERVAL_SECONDS = 0.2;
/** Makes all times of the rules a sixtieth of the real ones. */
const MIN_WINDOW_SECONDS = 5;
/** The timeout of a step, which takes a few seconds on an idle machine. */
const STEP_MS = 30_000;

Deno.test({
  name: "an outage sends a page to the receiver, and its end resolves the page",
  ignore: WITHOUT_ALERTMANAGER,
  async fn() {
    await using webhook = startReceiver();
    await using platform = startEmulator();
    await using probe = await startLoop({
      env: {
        // In another environment nobody would be woken.
        OKDATA_ENVIRONMENT: "prod",
        OKDATA_API_URL: `${platform.url}/metadata/datasets`,
        OKDATA_TOKEN_URL: `${platform.url}/auth/realms/api-catalog/protocol/openid-connect/token`,
        OKDATA_CLIENT_ID: "local-client",
        OKDATA_CLIENT_SECRET: "local-secret",
        TASK_INTERVAL_SECONDS: String(TASK_INTERVAL_SECONDS),
        RETRIES: "0",
      },
    });
    await using alertmanager = await startAlertmanager({ webhookUrl: webhook.url });
    const objectives = {
      taskIntervalSeconds: TASK_INTERVAL_SECONDS,
      availability: 0.999,
      // Longer than anything takes, so that a busy machine does not raise a latency alert.
      latencySeconds: 60,
    };
    await using prometheus = await startPrometheus(
      [{ name: JOB, address: new URL(probe.url).host, path: "/metrics" }],
      {
        rules: rulesAsYaml(objectives, { shortestWindowSeconds: MIN_WINDOW_SECONDS }),
        alertmanager: alertmanager.address,
      },
    );

    // After this many tasks, an alert that fires without a fault would have fired.
    const enoughTasks = 2 * MIN_WINDOW_SECONDS / TASK_INTERVAL_SECONDS;
    const seen = `${METRICS.succeeded.name} > ${enoughTasks}`;
    await eventually(
      "Prometheus has scraped enough successful tasks",
      async () => (await prometheus.query(seen)).length > 0,
      STEP_MS,
    );
    assertEquals(await prometheus.query('ALERTS{severity="page", alertstate="firing"}'), []);
    assertEquals(webhook.pages(), []);

    const brokenAt = Date.now();
    platform.setFaults({ status: 503 });
    const page = await eventually(
      "the page arrives",
      () => webhook.pages().find(({ labels }) => labels.alertname === "DatasetFails"),
      STEP_MS,
    );
    assertEquals(page.status, "firing");
    assertEquals(page.labels, {
      alertname: "DatasetFails",
      dataset_id: DATASET_ID,
      environment: "prod",
      job: JOB,
      reason: "server_error",
      severity: "page",
    });
    assertEquals(
      page.annotations.summary,
      `Every task of dataset ${DATASET_ID} in prod fails: server_error`,
    );
    assertStringIncludes(
      page.annotations.runbook ?? "",
      `First look at \`/tasks?state=failed&dataset_id=${DATASET_ID}\``,
    );
    assert(Date.parse(page.startsAt) > brokenAt, "the alert fired before the fault");

    platform.setFaults({});
    const over = await eventually(
      "the page is resolved",
      () =>
        webhook.pages().find(({ labels, status }) =>
          labels.alertname === "DatasetFails" && status === "resolved"
        ),
      STEP_MS,
    );
    assertEquals([over.labels, over.startsAt], [page.labels, page.startsAt]);
    assertEquals(await prometheus.query('ALERTS{alertname="DatasetFails"}'), []);
  },
});

/** Starts the alert receiver of the local services on a free port. */
function startReceiver() {
  const { fetch, notifications } = receiver();
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, fetch);
  return {
    url: `http://127.0.0.1:${server.addr.port}/`,
    pages: () =>
      notifications().flatMap(({ alerts }) => alerts)
        .filter(({ labels }) => labels.severity === "page"),
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}
