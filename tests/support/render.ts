import type { Metrics } from "../../src/prometheus/metrics.ts";

const decoder = new TextDecoder();

/** The text that a scrape at this moment is answered with. */
export async function renderText(
  metrics: Metrics,
  format: "text" | "openmetrics" = "text",
): Promise<string> {
  return decoder.decode((await metrics.render(format)).body);
}
