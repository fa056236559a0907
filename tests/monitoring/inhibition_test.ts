/** Which alerts the Alertmanager of the local services leaves out while another one fires. */
import { assertEquals } from "@std/assert";
import { rules } from "../../src/prometheus/rules/rules.ts";
import { eventually } from "../support/program.ts";
import { WITHOUT_ALERTMANAGER } from "../support/prometheus_tools.ts";
import { startAlertmanager } from "./alertmanager.ts";

const CONFIG = new URL("../../local/alertmanager/alertmanager.yml", import.meta.url);

type Labels = { alertname: string } & Record<string, string>;

/** Alerts that fire together, each with whether it is left out. */
const TOGETHER: [labels: Labels, isInhibited: boolean][] = [
  [{ alertname: "IdentityProviderFails", job: "token" }, false],
  [{ alertname: "ProbeTokenRequestsFail", job: "token" }, true],
  [{ alertname: "ProbeTokenRequestsFail", job: "other" }, false],
  [{ alertname: "DatasetFails", job: "other", dataset_id: "a" }, false],
  [
    { alertname: "DatasetFailsFromOneLocation", job: "other", dataset_id: "a", location: "x" },
    true,
  ],
  [{ alertname: "DatasetAvailabilityBudgetBurnsFast", job: "other", dataset_id: "a" }, true],
  [{ alertname: "DatasetAvailabilityBudgetBurnsFast", job: "other", dataset_id: "b" }, false],
  [{ alertname: "DatasetLatencyBudgetBurnsFast", job: "other", dataset_id: "a" }, false],
  [{ alertname: "ProbeNetworkSuspect", job: "network" }, false],
  [{ alertname: "DatasetFails", job: "network", dataset_id: "a" }, true],
  [{ alertname: "DatasetFails", job: "network", dataset_id: "a", environment: "prod" }, false],
];

Deno.test({
  name: "an alert is left out while the one that explains it fires, and no other alert is",
  ignore: WITHOUT_ALERTMANAGER,
  async fn() {
    const webhook = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen() {} },
      () => new Response(),
    );
    const webhookUrl = `http://127.0.0.1:${webhook.addr.port}/`;
    const config = (await Deno.readTextFile(CONFIG)).replace(/http:\/\/\S+/, webhookUrl);
    {
      await using alertmanager = await startAlertmanager({ webhookUrl, config });
      const url = `http://${alertmanager.address}/api/v2/alerts`;
      const posted = await fetch(url, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(TOGETHER.map(([labels]) => ({ labels }))),
      });
      assertEquals([posted.status, await posted.text()], [200, ""]);
      const keyOf = (labels: Labels) => JSON.stringify(Object.entries(labels).sort());
      const expected = new Map(TOGETHER.map(([labels, is]) => [keyOf(labels), is]));
      let found = new Map<string, boolean>();
      await eventually("each alert is known, and whether it is inhibited", async () => {
        const alerts: { labels: Labels; status: { inhibitedBy: string[] } }[] =
          await (await fetch(url)).json();
        found = new Map(
          alerts.map(({ labels, status }) => [keyOf(labels), status.inhibitedBy.length > 0]),
        );
        return [...expected].every(([key, is]) => found.get(key) === is);
      }).catch(() => {});
      assertEquals(found, expected);
    }
    await webhook.shutdown();
  },
});

Deno.test("the alerts that the Alertmanager knows by name are alerts of the rules", async () => {
  const objectives = { taskIntervalSeconds: 10, availability: 0.999, latencySeconds: 1 };
  const names = rules(objectives).groups.flatMap(({ rules }) => rules)
    .flatMap((rule) => "alert" in rule ? [rule.alert] : []);
  const config = await Deno.readTextFile(CONFIG);
  for (const [, pattern] of config.matchAll(/alertname=~?"([^"]+)"/g)) {
    const matches = names.filter((name) => new RegExp(`^(?:${pattern})$`).test(name));
    assertEquals(matches.length > 0, true, pattern);
  }
});
