import { assertEquals, assertNotEquals } from "@std/assert";
import { rulesText } from "../../src/commands/rules.ts";
import { rulesAsYaml } from "../../src/prometheus/rules/rules.ts";
import { configOf } from "../support/fake_runtime.ts";

Deno.test("rulesText has the rules for the configured interval and objectives", () => {
  const objectives = { taskIntervalSeconds: 30, availability: 0.99, latencySeconds: 2.5 };
  const config = configOf({
    TASK_INTERVAL_SECONDS: "30",
    SLO_AVAILABILITY: "0.99",
    SLO_LATENCY_SECONDS: "2.5",
  });
  assertEquals(rulesText(config), rulesAsYaml(objectives));
  assertNotEquals(rulesText(config), rulesText(configOf({})));
});
