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
/** All times of the rules are a sixtieth of what they are in earnest. */
const MIN_WINDOW_SECONDS = 5;
/** Each step of the story has this long on a busy machine; it takes a few seconds. */
const STEP_MS = 30_000;

Deno.test({
  name: "an outage pages once it is one, and is over when it is",
  ignore: WITHOUT_ALERTMANAGER,
  async fn() {
    await using webhook = startReceiver();
    await using platform = startEmulator();
    await using probe = await startLoop({
      env: {
        OKDATA_API_URL: `${platform.url}/metadata`,
        TASK_INTERVAL_SECONDS: String(TASK_INTERVAL_SECONDS),
        RETRIES: "0",
      },
    });
    await using alertmanager = await startAlertmanager({ webhookUrl: webhook.url });
    const objectives = {
      taskIntervalSeconds: TASK_INTERVAL_SECONDS,
      availability: 0.999,
      // Nothing takes that long, so that a busy machine pages nobody.
      latencySeconds: 60,
    };
    await using prometheus = await startPrometheus(
      [{ name: JOB, address: new URL(probe.url).host, path: "/metrics" }],
      {
        rules: rulesAsYaml(objectives, { shortestWindowSeconds: MIN_WINDOW_SECONDS }),
        alertmanager: alertmanager.address,
      },
    );

    // Whatever would fire without a fault has had time for it.
    const enough = 2 * MIN_WINDOW_SECONDS / TASK_INTERVAL_SECONDS;
    const seen = `${METRICS.succeeded.name} > ${enough}`;
    await eventually(
      "the probe is watched while all is well",
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
      job: JOB,
      reason: "server_error",
      severity: "page",
    });
    assertEquals(
      page.annotations.summary,
      `Every task of dataset ${DATASET_ID} fails: server_error`,
    );
    assertStringIncludes(
      page.annotations.runbook,
      `First look at \`/tasks?state=failed&dataset_id=${DATASET_ID}\``,
    );
    assert(Date.parse(page.startsAt) > brokenAt, "it fired before the fault");

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

/** The receiver that the local services have, on a free port. */
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
