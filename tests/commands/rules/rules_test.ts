import { assertEquals, assertNotEquals } from "@std/assert";
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
