import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { parse as parseYaml } from "npm:yaml@2.9.1";
import { REASONS, reasonsFrom } from "../../../src/core/reasons.ts";
import { METRICS } from "../../../src/prometheus/definitions.ts";
import { retentionWarning, rules, rulesAsYaml } from "../../../src/prometheus/rules/rules.ts";
import type { Objectives } from "../../../src/prometheus/slo.ts";
import { checkRules, WITHOUT_PROMTOOL } from "../../support/prometheus_tools.ts";
import { check, read, type Recorded } from "../../support/promql.ts";
import { OBJECTIVES, rulesOf } from "./rules_of.ts";

const OTHERS: Objectives[] = [
  { taskIntervalSeconds: 0.1, availability: 0.9, latencySeconds: 0.25 },
  { taskIntervalSeconds: 60, availability: 0.99999, latencySeconds: 60 },
  { taskIntervalSeconds: 3600, availability: 0.999, latencySeconds: 3600 },
  { taskIntervalSeconds: 7.3, availability: 0.5, latencySeconds: 1.5 },
  { taskIntervalSeconds: 0.001, availability: Number.MIN_VALUE, latencySeconds: 0.001 },
  { taskIntervalSeconds: 2_592_000, availability: 1 - Number.EPSILON, latencySeconds: 2_592_000 },
];

for (const objectives of [OBJECTIVES, ...OTHERS]) {
  const name = JSON.stringify(objectives);

  Deno.test(`the rules name only metrics and labels that are exposed: ${name}`, () => {
    const { recordings, alerts } = rulesOf(objectives);
    const recorded: Recorded = {};
    // Twice, since a rule may name itself.
    for (const { record, expr, labels = {} } of [...recordings, ...recordings]) {
      recorded[record] ??= [];
      recorded[record] = [...read(expr, recorded).labels ?? [], ...Object.keys(labels)];
    }
    for (const { record, expr } of recordings) assertEquals(check(expr, recorded), [], record);
    for (const { alert, expr, annotations } of alerts) {
      // An alert that names itself is about a location.
      const { problems, labels } = read(expr, { ...recorded, ALERTS: ["environment"] });
      assertEquals(problems, [], alert);
      const named = JSON.stringify(annotations).matchAll(/\$labels\.(\w+)/g);
      for (const [, label = ""] of named) assert(labels?.has(label), `${alert}: no ${label}`);
    }
  });

  Deno.test({
    name: `the rules pass promtool's checks: ${name}`,
    ignore: WITHOUT_PROMTOOL,
    fn: () => checkRules(rulesAsYaml(objectives)),
  });

  Deno.test(`the YAML file holds the same rules and names its settings: ${name}`, () => {
    const yaml = rulesAsYaml(objectives);

    assertEquals(parseYaml(yaml), rules(objectives));
    const { taskIntervalSeconds, availability, latencySeconds } = objectives;
    assertStringIncludes(
      yaml.split("\n").slice(0, 2).join(" "),
      `TASK_INTERVAL_SECONDS=${taskIntervalSeconds} SLO_AVAILABILITY=${availability} ` +
        `SLO_LATENCY_SECONDS=${latencySeconds}`,
    );
  });
}

Deno.test("rules and dashboard take the names of metrics from their definitions", async () => {
  for (const folder of ["rules", "rules/alerts", "dashboard"]) {
    const url = new URL(`../../../src/prometheus/${folder}/`, import.meta.url);
    for await (const { name: file, isFile } of Deno.readDir(url)) {
      if (!isFile) continue;
      const source = await Deno.readTextFile(new URL(file, url));
      const written = Object.values(METRICS).map(({ name }) => name);
      assertEquals(written.filter((name) => source.includes(name)), [], `${folder}/${file}`);
    }
  }
});

Deno.test("the network alert follows the table of reasons", () => {
  const { recordings } = rulesOf(OBJECTIVES);
  const rule = recordings.find(({ record }) => record.startsWith("location:"));
  const [network, notResponded] = [...rule?.expr.matchAll(/reason[!=]~"([^"]*)"/g) ?? []]
    .map(([, pattern = ""]) => pattern);

  // Deployed rules have these texts: the order of reasons is a promise.
  const where = "edit tests/prometheus/rules/rules_test.ts for a new reason of these origins";
  assertEquals(network, "dns|connect|tls|reset|timeout", where);
  assertEquals(
    notResponded,
    "dns|connect|tls|reset|timeout|identity_provider|internal",
    where,
  );
  // A provider that refuses has responded.
  const reasons = reasonsFrom("network", "identity provider", "probe")
    .filter((reason) => reason !== "auth").sort();
  assertEquals<string[] | undefined>(notResponded?.split("|").sort(), reasons);
});

Deno.test("the runbook of DatasetFails names every reason", () => {
  const { alerts } = rulesOf(OBJECTIVES);
  const runbook = alerts.find(({ alert }) => alert === "DatasetFails")?.annotations.runbook;

  for (const reason of REASONS) assert(runbook?.match(RegExp(`\\b${reason}\\b`)), reason);
});

Deno.test("rules have unique names", () => {
  const { recordings, alerts } = rulesOf(OBJECTIVES);
  const names = [
    ...recordings.map(({ record, labels }) => record + JSON.stringify(labels ?? {})),
    ...alerts.map(({ alert }) => alert),
  ];

  assertEquals(new Set(names).size, names.length);
});

Deno.test("runbooks start with what to look at first and have two to four steps", () => {
  for (
    const { alert, annotations: { runbook, description } } of rulesOf(OBJECTIVES).alerts
  ) {
    const [first = "", ...others] = runbook.split("\n");
    assert(first.startsWith("First look at "), alert);
    assert(others.length >= 2 && others.length <= 4, `${alert}: ${others.length} steps`);
    others.forEach((step, i) => assert(step.startsWith(`${i + 1}. `), step));
    assert(description.length < 200, alert);
  }
});

Deno.test("queries in runbooks show only what has the alert's own labels", () => {
  const own: Record<string, number> = {};
  for (const { alert, annotations: { runbook } } of rulesOf(OBJECTIVES).alerts) {
    for (const [selector] of runbook.matchAll(/\bprobe_\w+(?:\{(?:\{\{.*?\}\}|[^{}])*\})?/g)) {
      own[alert] = (own[alert] ?? 0) + 1;
      const labels = ["job", "environment"];
      if (alert.startsWith("DatasetAvailability")) labels.push("location", "dataset_id");
      for (const label of labels) {
        assertStringIncludes(selector, `${label}="{{ $labels.${label} }}"`, alert);
      }
    }
  }
  assertEquals(own, {
    DatasetFails: 2,
    DatasetAvailabilityBudgetBurnsFast: 1,
    DatasetAvailabilityBudgetBurnsSlowly: 1,
    DatasetLatencyBudgetBurnsFast: 2,
    DatasetLatencyBudgetBurnsSlowly: 2,
    ProbeStalled: 1,
  });
});

Deno.test("burn rates that cannot be reached have no alert", () => {
  const names = (availability: number) =>
    rulesOf({ ...OBJECTIVES, availability }).alerts.map(({ alert }) => alert)
      .filter((alert) => alert.startsWith("DatasetAvailability"));
  const fast = (availability: number) =>
    rulesOf({ ...OBJECTIVES, availability }).alerts
      .find(({ alert }) => alert === "DatasetAvailabilityBudgetBurnsFast")?.expr;

  assertEquals(names(0.999), [
    "DatasetAvailabilityBudgetBurnsFast",
    "DatasetAvailabilityBudgetBurnsSlowly",
  ]);
  assertEquals(names(0.5), ["DatasetAvailabilityBudgetBurnsSlowly"]);
  assertEquals(names(Number.MIN_VALUE), []);
  assertStringIncludes(fast(0.9) ?? "", "> 0.6\n");
  assertEquals(fast(0.9)?.includes("> 1.44"), false);
});

Deno.test("budget alerts need a long and a short window that burn too fast", () => {
  const conditions = (name: string) => {
    const rule = rulesOf(OBJECTIVES).alerts.find(({ alert }) => alert === name);
    return rule?.expr.replaceAll("dataset:probe_tasks_failed:", "").replace(/\s+/g, " ");
  };

  const failuresGoOn =
    "group by (job, environment, location, dataset_id) (probe_tasks_failed_total " +
    "> (probe_tasks_failed_total offset 1m or 0 * probe_tasks_failed_total))";
  const burns = (long: string, short: string, share: number) =>
    `( ratio_rate${long} > ${share} and ratio_rate${short} > ${share} and increase${short} > 2.5 ` +
    `and last_over_time(ratio_rate${short}[${short}] offset ${short}) ` +
    `unless dataset:probe_outage:since ` +
    `unless (max_over_time(dataset:probe_outage:since[${short}]) unless ${failuresGoOn}) )`;
  assertEquals(
    conditions("DatasetAvailabilityBudgetBurnsFast"),
    `${burns("1h", "5m", 0.0144)} or ${burns("6h", "30m", 0.006)}`,
  );
  assertEquals(
    conditions("DatasetAvailabilityBudgetBurnsSlowly"),
    `${burns("1d", "2h", 0.003)} or ${burns("3d", "6h", 0.001)}`,
  );
});

Deno.test("no label of an alert says why it fires", () => {
  const { groups } = rulesOf(OBJECTIVES);
  const recorded: Recorded = Object.fromEntries(
    groups.flatMap(({ rules }) => rules).flatMap((rule) =>
      "record" in rule ? [[rule.record, [...read(rule.expr).labels ?? []]]] : []
    ),
  );
  for (const { alert, expr } of rulesOf(OBJECTIVES).alerts) {
    const labels = read(expr, recorded).labels ?? new Set();
    for (const changing of ["reason", "cause", "app_id"]) assert(!labels.has(changing), alert);
  }
});

Deno.test("severities, job and further labels are those that are asked for", () => {
  const { alerts, groups } = rulesOf(OBJECTIVES, {
    job: "team/probes",
    severities: { page: "critical", ticket: "warning" },
    labels: { team: "data" },
  });
  const severities = alerts.map(({ labels }) => labels.severity);
  assertEquals([...new Set(severities)].sort(), [
    "warning",
    '{{ if match "^(dev|local)$" $labels.environment }}warning{{ else }}critical{{ end }}',
  ]);
  for (const { alert, labels } of alerts) assertEquals(labels.team, "data", alert);
  const text = JSON.stringify(groups.map(({ rules }) => rules));
  assertStringIncludes(text, 'up{job=\\"team/probes\\"}');
  assertEquals(text.includes('job=\\"dataplatform-probe'), false);
});

Deno.test("windows that outgrow what Prometheus keeps by default are said, also in the file", () => {
  const of = (taskIntervalSeconds: number) => {
    const objectives = { ...OBJECTIVES, taskIntervalSeconds };
    const [, , third] = rulesAsYaml(objectives).split("\n");
    return { warning: retentionWarning(objectives), third };
  };

  assertEquals(of(250), { warning: null, third: "groups:" });
  const warning = "for TASK_INTERVAL_SECONDS=300 the rules look back 18d, but Prometheus keeps " +
    "samples for 15d by default: start it with --storage.tsdb.retention.time=18d or longer. " +
    "With less, the alerts on budgets judge by what is left.";
  assertEquals(of(300), { warning, third: `# Note: ${warning}` });
});

Deno.test("windows and waits follow the shortest window and the task interval", () => {
  const windows = (objectives: Objectives, shortestWindowSeconds?: number) => {
    const { groups, alerts } = rulesOf(objectives, { shortestWindowSeconds });
    const text = groups.flatMap((group) => group.rules).map(({ expr }) => expr).join("\n");
    const used = new Set([...text.matchAll(/\[(\w+)\]/g)].map(([, window]) => window));
    return {
      windows: [...used].join(" "),
      waits: alerts.flatMap((alert) => alert.for ?? []).join(" "),
    };
  };

  assertEquals(windows(OBJECTIVES), {
    windows: "5m 30m 1h 2h 6h 1d 3d 15m 2m",
    waits: "1m 2m 2m 2m 2m",
  });
  assertEquals(windows({ ...OBJECTIVES, taskIntervalSeconds: 61 }).windows.split(" ")[0], "7m");
  assertEquals(windows({ ...OBJECTIVES, taskIntervalSeconds: 3600 }), {
    windows: "6h 1d12h 3d 6d 18d 72d 216d 5m 15m 1h 1d",
    waits: "1m 6h 6h 2m 2m",
  });
  assertEquals(windows({ ...OBJECTIVES, taskIntervalSeconds: 0.2 }, 5), {
    windows: "5s 30s 1m 2m 6m 24m 1h12m 15s 2s",
    waits: "1s 2s 2s 2s 2s",
  });
});
