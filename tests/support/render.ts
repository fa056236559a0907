import type { Metrics } from "../../src/prometheus/metrics.ts";

const decoder = new TextDecoder();

/** The text that a scrape gets at this moment. */
export async function renderText(
  metrics: Metrics,
  format: "text" | "openmetrics" = "text",
): Promise<string> {
  return decoder.decode((await metrics.render(format)).body);
}
