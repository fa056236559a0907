import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { dashboardText } from "../../src/commands/dashboard.ts";
import { dashboard } from "../../src/prometheus/dashboard/dashboard.ts";
import { configOf } from "../support/fake_runtime.ts";

Deno.test("dashboardText is one JSON document for the configured interval and objectives", () => {
  const objectives = { taskIntervalSeconds: 30, availability: 0.99, latencySeconds: 2.5 };
  const text = dashboardText(configOf({
    TASK_INTERVAL_SECONDS: "30",
    SLO_AVAILABILITY: "0.99",
    SLO_LATENCY_SECONDS: "2.5",
  }));
  assertEquals(JSON.parse(text), JSON.parse(JSON.stringify(dashboard(objectives))));
  assertNotEquals(text, dashboardText(configOf({})));
  assert(text.endsWith("}\n"));
});

Deno.test("dashboardText leads to the status page, unless its URL is that of several probes", () => {
  const linksOf = (env: Record<string, string>) => JSON.parse(dashboardText(configOf(env))).links;
  const [link, ...others] = linksOf({ PUBLIC_URL: "https://probe.example/" });
  assertEquals([link.url, others], ["https://probe.example/", []]);
  assertEquals(linksOf({ PUBLIC_URL: "https://{environment}.example" }), []);
  assertEquals(linksOf({}), []);
});
