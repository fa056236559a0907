import { parse } from "npm:deno-std@1.4.0/yaml/parse.js";
import {
  assert,
  assertEquals,
  assertMatch,
  assertNotEquals,
  assertStringIncludes,
} from "@std/assert";
import type { AlertingRule, RuleFile } from "../../../src/prometheus/rules/rule_file.ts";
import { rulesDocument } from "../../../src/commands/rules/rules.ts";
import { rulesAsYaml } from "../../../src/prometheus/rules/rules.ts";
import { configOf } from "../../support/fake_runtime.ts";

Deno.test("rulesDocument has the rules for the configured interval, objectives and options", () => {
  const objectives = { taskIntervalSeconds: 30, availability: 0.99, latencySeconds: 2.5 };
  const config = configOf({
    TASK_INTERVAL_SECONDS: "30",
    SLO_AVAILABILITY: "0.99",
    SLO_LATENCY_SECONDS: "2.5",
  });
  const options = { labels: { team: "data" } };
  const text = rulesAsYaml(objectives, options);
  assertEquals(rulesDocument(config, options), { text, warnings: [] });
  assertNotEquals(text, rulesDocument(configOf({}), options).text);
  assertNotEquals(text, rulesDocument(config, {}).text);
});

Deno.test("rulesDocument warns of windows that are longer than Prometheus keeps samples", () => {
  const { warnings } = rulesDocument(configOf({ TASK_INTERVAL_SECONDS: "3600" }), {});
  assertEquals(warnings.length, 1);
});

Deno.test("rulesDocument gives alerts the links of the configuration and of the options", () => {
  const config = configOf({
    PUBLIC_URL: "https://probe.example/",
    DASHBOARD_URL: "https://grafana.example/d/probe",
  });
  const { text } = rulesDocument(config, { links: { runbookUrl: "https://wiki.example/{alert}" } });
  assertStringIncludes(text, "\n# PUBLIC_URL=https://probe.example\n");
  assertStringIncludes(text, "\n# DASHBOARD_URL=https://grafana.example/d/probe\n");
  const alerts = rulesOf(text);
  assert(alerts.length > 10);
  for (const { alert, annotations } of alerts) {
    assertEquals(annotations.runbook_url, `https://wiki.example/${alert}`);
    // Nobody is sent to the page of a probe that is down.
    if (alert === "ProbeDown") assertEquals(annotations.status_url, undefined);
    else assertMatch(annotations.status_url ?? "", /^https:\/\/probe\.example\/\{\{ if /);
    assertMatch(annotations.dashboard_url ?? "", /^https:\/\/grafana\.example\/d\/probe\?from=/);
  }
  for (const { annotations } of rulesOf(rulesDocument(configOf({}), {}).text)) {
    assertEquals(Object.keys(annotations).filter((name) => name.endsWith("_url")), ["runbook_url"]);
  }
});

/** The alerts of a file of rules. */
function rulesOf(text: string): AlertingRule[] {
  const { groups } = parse(text) as RuleFile;
  return groups.flatMap((group) => group.rules).flatMap((rule) => "alert" in rule ? [rule] : []);
}
