import { assert, assertEquals } from "@std/assert";
import { linkAnnotations, type LinkBases } from "../../../src/prometheus/rules/alerts/links.ts";
import { ownMatchers } from "../../../src/prometheus/rules/alerts/runbook.ts";
import { parsePageQuery } from "../../../src/server/queries.ts";
import { testRules, WITHOUT_PROMTOOL } from "../../support/prometheus_tools.ts";

const BASES: LinkBases = {
  publicUrl: "https://probe.example/path",
  dashboardUrl: "https://grafana.example/d/probe?orgId=1",
};

type Labels = Record<string, string>;

/** An alert that fires for a series with these labels two minutes after 1970 has begun. */
type Case = {
  name: string;
  labels: Labels;
  view?: { tasks?: "succeeded"; lookBackSeconds?: number };
  bases?: LinkBases;
  externalLabels?: Labels;
  links: Record<string, string>;
};

const RUNBOOK =
  "https://github.com/oslokommune/dataplatform-probe/blob/main/docs/alerts.md#datasetfails";
const DASHBOARD = "https://grafana.example/d/probe?orgId=1&from=-3480000&to=now";

const CASES: Case[] = [
  {
    name: "without addresses an alert leads to its section alone",
    labels: { dataset_id: "abc123" },
    bases: {},
    links: { runbook_url: RUNBOOK },
  },
  {
    name: "an alert on a dataset leads to its failed tasks, and to the dashboard with its choices",
    labels: { dataset_id: "a~b", environment: "prod", location: "eu west" },
    links: {
      runbook_url: RUNBOOK,
      status_url: "https://probe.example/path/?dataset_id=a~b&state=failed&until=120",
      dashboard_url: `${DASHBOARD}&var-environment=prod&var-location=eu+west&var-dataset_id=a~b`,
    },
  },
  {
    name: "an alert on slow tasks leads to those, and looks back as far as its window",
    labels: { dataset_id: "abc123" },
    view: { tasks: "succeeded", lookBackSeconds: 60 },
    links: {
      runbook_url: RUNBOOK,
      status_url: "https://probe.example/path/?dataset_id=abc123&state=succeeded&until=120",
      dashboard_url:
        "https://grafana.example/d/probe?orgId=1&from=60000&to=now&var-dataset_id=abc123",
    },
  },
  {
    name: "an alert without a dataset leads to the page as it is",
    labels: { environment: "dev" },
    externalLabels: { location: "here" },
    links: {
      runbook_url: RUNBOOK,
      status_url: "https://probe.example/path/",
      // Prometheus does not give its external labels to the series that the dashboard reads.
      dashboard_url: `${DASHBOARD}&var-environment=dev`,
    },
  },
  {
    name: "placeholders are labels of the alert, or of Prometheus itself",
    labels: { environment: "dev" },
    externalLabels: { location: "here+there, north" },
    bases: {
      publicUrl: "https://{environment}.example/{location}",
      dashboardUrl: "https://grafana.example/d/probe-{environment}",
      runbookUrl: "https://wiki.example/runbooks/{alert}",
    },
    links: {
      runbook_url: "https://wiki.example/runbooks/DatasetFails",
      status_url: "https://dev.example/here%2Bthere%2C%20north/",
      dashboard_url: "https://grafana.example/d/probe-dev?from=-3480000&to=now&var-environment=dev",
    },
  },
  {
    name: "a link whose placeholder is no label of the alert is empty",
    labels: { dataset_id: "abc123" },
    bases: {
      publicUrl: "https://{location}.example",
      dashboardUrl: "https://{environment}.grafana.example",
      runbookUrl: "https://wiki.example/probe.html",
    },
    links: {
      runbook_url: "https://wiki.example/probe.html#datasetfails",
      status_url: "",
      dashboard_url: "",
    },
  },
];

for (const { name, labels, view, bases = BASES, externalLabels = {}, links } of CASES) {
  Deno.test({
    name,
    ignore: WITHOUT_PROMTOOL,
    async fn() {
      const alert = "DatasetFails";
      const annotations = linkAnnotations(alert, view, bases);
      const series = `broken{${
        Object.entries(labels).map(([key, value]) => `${key}=${JSON.stringify(value)}`)
      }}`;
      // JSON is YAML.
      await testRules(
        JSON.stringify({
          groups: [{ name: "a", rules: [{ alert, expr: "broken", annotations }] }],
        }),
        {
          evaluation_interval: "1m",
          tests: [{
            interval: "1m",
            external_labels: externalLabels,
            input_series: [{ series, values: "1x2" }],
            alert_rule_test: [{
              eval_time: "2m",
              alertname: alert,
              exp_alerts: [{ exp_labels: labels, exp_annotations: links }],
            }],
          }],
        },
      );
    },
  });
}

Deno.test({
  name: "a query in a runbook has the alert's own labels, and none of those that it lacks",
  ignore: WITHOUT_PROMTOOL,
  async fn() {
    const labels = { job: "probes", dataset_id: "a~b" };
    const runbook = `\`up{${ownMatchers("job, environment, dataset_id")}}\``;
    const rule = { alert: "A", expr: "broken", annotations: { runbook } };
    await testRules(JSON.stringify({ groups: [{ name: "a", rules: [rule] }] }), {
      tests: [{
        interval: "1m",
        input_series: [{ series: 'broken{job="probes", dataset_id="a~b"}', values: "1x2" }],
        alert_rule_test: [{
          eval_time: "2m",
          alertname: "A",
          exp_alerts: [{
            exp_labels: labels,
            exp_annotations: { runbook: '`up{job="probes", environment="", dataset_id="a~b"}`' },
          }],
        }],
      }],
    });
  },
});

Deno.test("the status page takes the query of every link to it", () => {
  for (const { links: { status_url: url } } of CASES) {
    if (!url) continue;
    const given = [...new URL(url).searchParams].map(([name, value]) => [name, [value]]);
    const parsed = parsePageQuery(Object.fromEntries(given));
    assert(parsed.ok, parsed.ok ? "" : parsed.problem);
    assertEquals(parsed.query.until, given.length > 0 ? 120_000 : undefined);
  }
});
