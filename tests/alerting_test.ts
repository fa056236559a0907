import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { receiver } from "../local/alert_receiver.ts";
import { CATALOGUE } from "../src/catalogue.ts";
import { rulesAsYaml } from "../src/rules.ts";
import { DATASET_ID, eventually, ROOT, startLoop } from "./e2e/program.ts";
import { startAlertmanager } from "./prometheus/alertmanager.ts";
import { startPrometheus } from "./prometheus/prometheus.ts";
import { WITHOUT_ALERTMANAGER } from "./prometheus/tools.ts";

const JOB = "dataplatform-probe";
const TASK_INTERVAL_SECONDS = 0.2;
/** All times of the rules are a sixtieth of what they are in earnest. */
const SHORTEST_WINDOW_SECONDS = 5;
/** Each step of the story has this long on a busy machine; it takes a few seconds. */
const STEP_MS = 30_000;

Deno.test({
  name: "an outage pages once it is one, and is over when it is",
  ignore: WITHOUT_ALERTMANAGER,
  async fn() {
    await using webhook = startReceiver();
    await using platform = await startPlatform();
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
        rules: rulesAsYaml(objectives, { shortestWindowSeconds: SHORTEST_WINDOW_SECONDS }),
        alertmanager: alertmanager.address,
      },
    );

    // Whatever would fire without a fault has had time for it.
    const enough = 2 * SHORTEST_WINDOW_SECONDS / TASK_INTERVAL_SECONDS;
    const seen = `${CATALOGUE.succeeded.name} > ${enough}`;
    await eventually(
      "the probe is watched while all is well",
      async () => (await prometheus.query(seen)).length > 0,
      STEP_MS,
    );
    assertEquals(await prometheus.query('ALERTS{severity="page", alertstate="firing"}'), []);
    assertEquals(webhook.pages(), []);

    const brokenAt = Date.now();
    await platform.setFaults("PUT", { status: 503 });
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

    await platform.setFaults("DELETE");
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

/** The emulator as a program of its own, without faults. */
async function startPlatform() {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "-A", "local/http_server/http_server.ts"],
    cwd: ROOT,
    env: { HTTP_SERVER_PORT: "0", DELAY_PERCENT: "0", UNAUTHORIZED_PERCENT: "0" },
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).spawn();
  let log = "";
  const logging = (async () => {
    for await (const text of child.stderr.pipeThrough(new TextDecoderStream())) log += text;
  })();

  async function stop(): Promise<void> {
    child.kill("SIGKILL");
    await Promise.all([child.status, logging]);
  }

  try {
    const url = await eventually(
      "the emulator says where it listens",
      () => log.match(/Listening on (\S+),/)?.[1],
    );
    return {
      url,
      async setFaults(method: "PUT" | "DELETE", faults?: object): Promise<void> {
        const body = faults && JSON.stringify(faults);
        const response = await fetch(`${url}/faults`, { method, body });
        await response.body?.cancel();
        assertEquals(response.status, 200);
      },
      [Symbol.asyncDispose]: stop,
    };
  } catch (error) {
    await stop();
    throw new Error(`the emulator did not start: ${log}`, { cause: error });
  }
}
