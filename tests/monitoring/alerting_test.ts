import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { receiver } from "../../local/alert_receiver.ts";
import { METRICS } from "../../src/prometheus/definitions.ts";
import { rulesAsYaml } from "../../src/prometheus/rules/rules.ts";
import { DATASET_ID, eventually, startLoop, test } from "../support/program.ts";
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

test(
  "an outage whose reasons alternate is one page, and its end one more notification",
  async () => {
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
    await using alertmanager = await startAlertmanager({
      webhookUrl: webhook.url,
      config: await shippedConfig(webhook.url),
    });
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
        externalLabels: { location: "local" },
      },
    );
    /** Waits until as many tasks as in some of the shortest windows are counted there. */
    const pass = async ({ name }: { name: string }, windows: number) => {
      // A scrape that was lost leaves no value until the next one.
      const now = await eventually(name, async () => (await prometheus.query(name))[0]);
      const enough = Number(now.value[1]) +
        windows * MIN_WINDOW_SECONDS / TASK_INTERVAL_SECONDS;
      await eventually(
        `Prometheus has scraped ${name} > ${enough}`,
        async () => (await prometheus.query(`${name} > ${enough}`)).length > 0,
        STEP_MS,
      );
    };

    await pass(METRICS.succeeded, 2);
    assertEquals(webhook.notifications(), []);

    const brokenAt = Date.now();
    const statuses = [503, 404, 503, 500, 418];
    const alternating = setInterval(() => {
      statuses.push(statuses.shift()!);
      platform.setFaults({ status: statuses[0] });
    }, TASK_INTERVAL_SECONDS * 1e3);
    await pass(METRICS.failed, 1.2);
    clearInterval(alternating);
    platform.setFaults({});
    await pass(METRICS.succeeded, 2);

    const [firing, resolved, ...others] = webhook.notifications();
    assertEquals(others, []);
    assertEquals([firing?.status, resolved?.status], ["firing", "resolved"]);
    const [page, ...pages] = firing?.alerts ?? [];
    assertEquals(pages, []);
    assertEquals(page?.labels, {
      alertname: "DatasetFails",
      dataset_id: DATASET_ID,
      environment: "prod",
      job: JOB,
      location: "local",
      severity: "page",
    });
    const { summary = "", runbook = "" } = page?.annotations ?? {};
    assertMatch(
      summary,
      RegExp(
        `^Dataset ${DATASET_ID} in prod \\(probed from local\\) has failed since at least ` +
          "\\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d UTC, 100 % of its tasks in the last \\w+: server_error \\d\\d % \\(status 5xx\\), ",
      ),
    );
    assertStringIncludes(
      runbook,
      `First look at \`/tasks?state=failed&dataset_id=${DATASET_ID}\``,
    );
    assert(Date.parse(page?.startsAt ?? "") > brokenAt, "the alert fired before the fault");
    assertEquals(
      resolved?.alerts.map(({ labels, startsAt }) => [labels, startsAt]),
      [[page?.labels, page?.startsAt]],
    );
    assertEquals(await prometheus.query("ALERTS"), []);
  },
  { ignore: WITHOUT_ALERTMANAGER },
);

/** The Alertmanager configuration of the local services, with its waits a tenth as long. */
async function shippedConfig(webhookUrl: string): Promise<string> {
  const url = new URL("../../local/alertmanager/alertmanager.yml", import.meta.url);
  return (await Deno.readTextFile(url))
    .replace(/http:\/\/\S+/, webhookUrl)
    .replace("group_wait: 5s", "group_wait: 500ms")
    .replace("group_interval: 10s", "group_interval: 1s");
}

/** Starts the alert receiver of the local services on a free port. */
function startReceiver() {
  const { fetch, notifications } = receiver();
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, fetch);
  return {
    url: `http://127.0.0.1:${server.addr.port}/`,
    /** Oldest first. */
    notifications: () => notifications().toReversed(),
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}
