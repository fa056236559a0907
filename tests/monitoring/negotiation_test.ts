import { assertEquals } from "@std/assert";
import { newMetrics } from "../prometheus/sample_metrics.ts";
import { renderText } from "../support/render.ts";
import { serverWith } from "../support/server.ts";

const TEXT = "text/plain; version=0.0.4; charset=utf-8";
const OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8";

const ACCEPTS: [what: string, accept: string | undefined, expected: string][] = [
  ["no Accept header", undefined, TEXT],
  ["curl, anything", "*/*", TEXT],
  ["plain text", "text/plain", TEXT],
  ["plain text of a version", "text/plain;version=0.0.4", TEXT],
  ["OpenMetrics", "application/openmetrics-text; version=1.0.0", OPENMETRICS],
  [
    "Prometheus 2.42",
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75," +
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
    OPENMETRICS,
  ],
  [
    "Prometheus 2.50 with native histograms",
    "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;" +
    "q=0.6,application/openmetrics-text;version=1.0.0;q=0.5,application/openmetrics-text;" +
    "version=0.0.1;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
    OPENMETRICS,
  ],
  [
    "Prometheus 3",
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5," +
    "application/openmetrics-text;version=0.0.1;q=0.4," +
    "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1",
    OPENMETRICS,
  ],
  [
    "a scraper that prefers text",
    "application/openmetrics-text;version=1.0.0;q=0.4,text/plain;version=0.0.4;q=0.6,*/*;q=0.3",
    TEXT,
  ],
  ["a scraper that refuses OpenMetrics", "application/openmetrics-text;q=0,*/*", TEXT],
  ["an unknown type", "application/xml", TEXT],
  ["an unreadable header", ";;;,q=,", TEXT],
];

for (const [what, accept, expected] of ACCEPTS) {
  for (const path of ["/metrics", "/"]) {
    Deno.test(`GET ${path} responds to ${what} with ${expected.split(";")[0]}`, async () => {
      const metrics = newMetrics();
      const server = serverWith({ renderMetrics: (format) => metrics.render(format) });
      const response = await server.request(path, { headers: accept ? { accept } : {} });
      const body = await response.text();

      assertEquals([response.status, response.headers.get("content-type")], [200, expected]);
      assertEquals(response.headers.get("vary")?.toLowerCase().includes("accept"), true);
      assertEquals(body.endsWith("\n# EOF\n"), expected === OPENMETRICS);
      assertEquals(body, await renderText(metrics, expected === TEXT ? "text" : "openmetrics"));
    });
  }
}
