import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { parse } from "npm:deno-std@1.4.0/yaml/parse.js";
import { receiver } from "../../local/alert_receiver.ts";
import { baseEnvironment, eventually, ROOT, shell } from "../support/program.ts";
import { startServer } from "../monitoring/prometheus.ts";
import { WITHOUT_ALERTMANAGER } from "../support/prometheus_tools.ts";

type Labels = Record<string, string>;

const ALERT = {
  status: "firing",
  labels: { alertname: "DatasetFails", dataset_id: "abc123" },
  annotations: { summary: "Every task fails" },
  startsAt: "2026-11-24T01:00:00Z",
  endsAt: "0001-01-01T00:00:00Z",
};

function notificationOf(alert: Record<string, unknown>, more = {}) {
  return {
    version: "4",
    groupKey: "{}",
    receiver: "local",
    status: "firing",
    groupLabels: {},
    alerts: [{ ...ALERT, ...alert }],
    ...more,
  };
}

/** A receiver that has received these notifications. */
async function receiverOf(...notifications: unknown[]) {
  const { fetch } = receiver();
  const request = async (path: string, init?: RequestInit) =>
    await fetch(new Request(`http://receiver${path}`, init));
  const send = (body: string) => request("/", { method: "POST", body });
  for (const each of notifications) assertEquals((await send(JSON.stringify(each))).status, 200);
  const page = async (accept: string) => await (await request("/", { headers: { accept } })).text();
  return { request, send, page };
}

Deno.test("an alert is shown as a page, as text and as JSON", async () => {
  const { request, page } = await receiverOf(notificationOf({}, { truncatedAlerts: 2 }));

  const shown = await request("/", { headers: { accept: "text/html,*/*;q=0.8" } });
  assertMatch(shown.headers.get("content-type") ?? "", /^text\/html/);
  for (const text of [await shown.text(), await page("*/*")]) {
    assertStringIncludes(text, "FIRING DatasetFails");
    assertStringIncludes(text, "Every task fails");
    assertStringIncludes(text, "abc123");
    assert(!text.includes("0001-01-01"), "the end of an alert that has none");
  }
  const [kept] = await (await request("/alerts")).json();
  assertEquals(kept.alerts, [ALERT]);
  assertEquals(kept.truncatedAlerts, 2);
  assert(Math.abs(Date.parse(kept.received) - Date.now()) < 60_000);
});

Deno.test("an annotation that is a link can be followed, of http and https alone", async () => {
  const annotations = {
    runbook_url: "https://docs.example/alerts.md#datasetfails",
    status_url: 'https://probe.example/?a="><script>',
    dashboard_url: "javascript:alert(1)",
  };
  const { page } = await receiverOf(notificationOf({ annotations }));
  const links = [...(await page("text/html")).matchAll(/<a href="(.*?)"/g)].map(([, link]) => link);
  assertEquals(links, [
    annotations.runbook_url,
    "https://probe.example/?a=&quot;&gt;&lt;script&gt;",
  ]);
});

Deno.test("a resolved alert is shown with its end", async () => {
  const { page } = await receiverOf(
    notificationOf({ status: "resolved", endsAt: "2026-11-24T01:05:00Z" }),
  );
  assertMatch(await page("*/*"), /RESOLVED DatasetFails\n.*01:00:00Z\n +until: .*01:05:00Z/);
});

Deno.test("without alerts the receiver says so", async () => {
  const { page } = await receiverOf();
  assertStringIncludes(await page("text/html"), "None yet");
  assertStringIncludes(await page("*/*"), "No alert has arrived");
});

Deno.test("the texts of an alert are escaped in the page", async () => {
  const evil = `<script>alert("'&")</script>`;
  const { request } = await receiverOf(notificationOf({
    labels: { alertname: evil, [evil]: evil },
    annotations: { [evil]: evil },
    startsAt: evil,
  }));

  const response = await request("/", { headers: { accept: "text/html" } });
  const text = await response.text();
  assert(!text.includes("<script"), text);
  assertStringIncludes(text, "FIRING &lt;script&gt;alert(&quot;&#39;&amp;&quot;)&lt;/script&gt;");
  assertMatch(response.headers.get("content-security-policy") ?? "", /^default-src 'none'/);
});

Deno.test("the last hundred notifications are kept, newest first", async () => {
  const many = Array.from(
    { length: 103 },
    (_, i) => notificationOf({ labels: { alertname: `A${i}` } }),
  );
  const { request } = await receiverOf(...many);
  const names = (await (await request("/alerts")).json())
    .map(({ alerts }: typeof many[0]) => alerts[0]?.labels.alertname);
  assertEquals(names, Array.from({ length: 100 }, (_, i) => `A${102 - i}`));
});

Deno.test("an invalid notification is refused and not kept", async () => {
  const { request, send } = await receiverOf();
  for (const body of ["", "{", "[]", "{}", JSON.stringify(notificationOf({ labels: 1 }))]) {
    assertEquals((await send(body)).status, 400, body);
  }
  assertEquals(await (await request("/alerts")).json(), []);
});

Deno.test("the program prints its address and ends on one signal", async () => {
  const program = startProgram({ ALERT_RECEIVER_PORT: "0" });
  const url = await eventually(
    "its start",
    () => program.text().match(/Listening on (http:\/\/127\.0\.0\.1:[1-9]\d*):/)?.[1],
  );
  await fetch(url, { method: "POST", body: JSON.stringify(notificationOf({})) })
    .then((response) => response.body?.cancel());
  assertMatch(await (await fetch(url)).text(), /FIRING DatasetFails/);

  program.kill("SIGTERM");
  assertEquals(await program.ended, 0, program.text());
});

Deno.test("the program says why it cannot listen", async () => {
  using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = taken.addr;
  const program = startProgram({ ALERT_RECEIVER_PORT: String(port) });
  assertEquals(await program.ended, 2);
  assertMatch(program.text(), new RegExp(`^Cannot listen on port ${port} of 127.0.0.1: .*in use`));
});

/** The receiver, started like in its container. */
function startProgram(env: Record<string, string>) {
  const words = ["--lock=local/run.lock", "--frozen", "--no-prompt", "--allow-net", "--allow-env"];
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", ...words, "local/alert_receiver.ts"],
    cwd: ROOT,
    clearEnv: true,
    env: { ...baseEnvironment(), ...env },
    stdout: "null",
    stderr: "piped",
  }).spawn();
  let text = "";
  const reading = (async () => {
    for await (const part of child.stderr.pipeThrough(new TextDecoderStream())) text += part;
  })();
  return {
    text: () => text,
    kill: (signal: Deno.Signal) => child.kill(signal),
    ended: child.status.then(({ code }) => reading.then(() => code)),
  };
}

Deno.test({
  name: "Alertmanager with the configuration of the stack sends, resolves and inhibits",
  ignore: WITHOUT_ALERTMANAGER,
  async fn() {
    const { fetch: handler, notifications } = receiver();
    await using server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, handler);
    await using alertmanager = await startAlertmanager(`http://127.0.0.1:${server.addr.port}/`);

    const { services } = parse(await Deno.readTextFile(`${ROOT}compose.yaml`));
    const [how, ...words] = services.alertmanager.healthcheck.test;
    assertEquals(how, "CMD");
    const check = (address: string) =>
      shell(words.join(" ").replace("http://127.0.0.1:9093", address));
    assertEquals((await check(alertmanager.address)).code, 0);
    assertEquals((await check("http://127.0.0.1:9")).code, 1);

    const [job, location] = ["dataplatform-probe", "here"];
    const fails = { alertname: "DatasetFails", job, location, dataset_id: "a" };
    const burns = { ...fails, alertname: "DatasetAvailabilityBudgetBurnsFast" };
    const inhibited = [burns, { ...burns, alertname: "DatasetAvailabilityBudgetBurnsSlowly" }];
    const audible = [
      fails,
      { ...fails, alertname: "DatasetLatencyBudgetBurnsFast" },
      { ...burns, dataset_id: "b" },
      { ...burns, job: "another" },
    ];
    await alertmanager.post([...audible, ...inhibited]);
    await eventually(
      "the inhibition of budget alerts of failing datasets",
      () => alertmanager.inhibits(inhibited),
    );
    await eventually("the other alerts", () => {
      const arrived = notifications().flatMap(({ alerts }) => alerts);
      return audible.every((labels) => arrived.some((alert) => isSame(alert.labels, labels)));
    });
    // One notification is about all datasets with the same alert.
    for (const { groupLabels } of notifications()) {
      assertEquals(Object.keys(groupLabels).sort(), ["alertname", "job"]);
    }

    await alertmanager.post([fails], new Date());
    await eventually(
      "the resolved alert",
      () =>
        notifications().some(({ status, alerts }) =>
          status === "resolved" && alerts.slice(0, 1).some(({ labels }) => isSame(labels, fails))
        ),
    );

    const suspect = { alertname: "ProbeNetworkSuspect", job, location };
    await alertmanager.post([suspect, fails, { ...suspect, alertname: "ProbeDown" }]);
    const datasets = [...audible, ...inhibited].filter((labels) =>
      labels.location === location && labels.job === job
    );
    await eventually(
      "the inhibition of dataset alerts behind a broken network",
      () => alertmanager.inhibits(datasets),
    );
  },
});

function isSame(some: Labels, others: Labels): boolean {
  const entries = Object.entries(some);
  return entries.length === Object.keys(others).length &&
    entries.every(([name, value]) => others[name] === value);
}

/** A real Alertmanager with the configuration of the stack, but for this address and short waits. */
async function startAlertmanager(url: string) {
  const folder = await Deno.makeTempDir({ prefix: "alertmanager-" });
  const configuration = parse(
    await Deno.readTextFile(`${ROOT}local/alertmanager/alertmanager.yml`),
  );
  Object.assign(configuration.route, { group_wait: "100ms", group_interval: "200ms" });
  configuration.receivers[0].webhook_configs[0].url = url;
  // JSON is YAML.
  await Deno.writeTextFile(`${folder}/alertmanager.yml`, JSON.stringify(configuration));
  try {
    const { url: address, stop } = await startServer("prometheus-alertmanager", [
      `--config.file=${folder}/alertmanager.yml`,
      `--storage.path=${folder}`,
      "--cluster.listen-address=",
    ]);
    const alerts = `${address}/api/v2/alerts`;
    return {
      address,
      async [Symbol.asyncDispose]() {
        await stop();
        await Deno.remove(folder, { recursive: true });
      },
      async post(labels: Labels[], endsAt?: Date): Promise<void> {
        const body = JSON.stringify(labels.map((each) => ({ labels: each, endsAt })));
        const headers = { "content-type": "application/json" };
        const response = await fetch(alerts, { method: "POST", headers, body });
        assertEquals(response.status, 200, await response.text());
      },
      /** Whether exactly these alerts are inhibited. */
      async inhibits(expected: Labels[]): Promise<boolean> {
        const found: { labels: Labels; status: { inhibitedBy: string[] } }[] =
          await (await fetch(alerts)).json();
        const inhibited = found.filter(({ status }) => status.inhibitedBy.length > 0);
        return inhibited.length === expected.length &&
          expected.every((each) => inhibited.some(({ labels }) => isSame(labels, each)));
      },
    };
  } catch (error) {
    await Deno.remove(folder, { recursive: true });
    throw error;
  }
}
