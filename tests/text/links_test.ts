import { assertEquals } from "@std/assert";
import { parsePageQuery } from "../../src/server/queries.ts";
import {
  dashboardLink,
  describeLinks,
  type LinkSettings,
  publicLink,
  statusPageLink,
  withoutChoices,
} from "../../src/text/links.ts";

const SETTINGS: LinkSettings = {
  publicUrl: "https://probe.example/path",
  dashboardUrl: "https://grafana.example/d/probe?orgId=1",
  environmentName: "dev",
};

/** The query of a link as the probe's own page takes it. */
function queryOf(link: string | null) {
  const { searchParams } = new URL(link ?? "");
  const parameters = Object.fromEntries(
    [...searchParams].map(([name, value]) => [name, [value]]),
  );
  const parsed = parsePageQuery(parameters);
  return parsed.ok ? parsed.query : parsed.problem;
}

Deno.test("a link to the status page has the failed tasks of a dataset, or of all", () => {
  assertEquals(publicLink(SETTINGS), "https://probe.example/path/");
  assertEquals(
    statusPageLink(SETTINGS, "a~b"),
    "https://probe.example/path/?dataset_id=a%7Eb&state=failed",
  );
  assertEquals(queryOf(statusPageLink(SETTINGS, "a~b")), {
    datasetId: "a~b",
    state: "FAILED",
    page: 1,
  });
  assertEquals(statusPageLink(SETTINGS), "https://probe.example/path/?state=failed");
});

Deno.test("a link to the dashboard keeps the parameters of its URL and adds the choices", () => {
  assertEquals(
    dashboardLink(SETTINGS, { datasetId: "abc123", from: "now-1h" }),
    "https://grafana.example/d/probe?orgId=1&from=now-1h&to=now&var-environment=dev&var-dataset_id=abc123",
  );
  const elsewhere = {
    dashboardUrl: "https://grafana.example/d/probe",
    environmentName: null,
    prometheusLocation: "a b",
  };
  assertEquals(
    dashboardLink(elsewhere, { from: "1700000000000" }),
    "https://grafana.example/d/probe?from=1700000000000&to=now&var-location=a+b",
  );
});

Deno.test("a dashboard's URL from a browser loses the choices that links add, and nothing else", () => {
  for (
    const [url, kept] of [
      [
        "https://g.example/d/probe?orgId=1&from=now-6h&to=now&var-environment=prod&kiosk",
        "?orgId=1&kiosk",
      ],
      [
        "https://g.example/d/probe?var-dataset_id=$__all&var-location=a%20b&var-job=x+y",
        "?var-job=x+y",
      ],
      ["https://g.example/d/probe?from=1&to=2", ""],
      ["https://g.example/d/probe", ""],
    ] as const
  ) {
    assertEquals(withoutChoices(url), `https://g.example/d/probe${kept}`);
  }
});

Deno.test("a placeholder is the environment or the location; a link of which none is known is left out", () => {
  const both = {
    publicUrl: "https://{environment}.example/{location}",
    dashboardUrl: "https://grafana-{environment}.example/",
  };
  assertEquals(
    publicLink({ ...both, environmentName: "prod", prometheusLocation: "a/b" }),
    "https://prod.example/a%2Fb/",
  );
  assertEquals(publicLink({ ...both, environmentName: "prod" }), null);
  assertEquals(statusPageLink({ ...both, environmentName: "prod" }, "abc123"), null);
  assertEquals(dashboardLink({ ...both, environmentName: null }, { from: "now-1h" }), null);
});

Deno.test("describeLinks has a line for each link that is configured, with the only dataset filled in", () => {
  assertEquals(describeLinks(SETTINGS, ["abc123"]), [
    `running probe: ${statusPageLink(SETTINGS, "abc123")}`,
    `dashboard: ${dashboardLink(SETTINGS, { datasetId: "abc123", from: "now-1h" })}`,
  ]);
  const { dashboardUrl: _, ...onlyPage } = SETTINGS;
  assertEquals(describeLinks(onlyPage, ["a", "b"]), [
    "running probe: https://probe.example/path/?state=failed",
  ]);
  assertEquals(describeLinks({}, ["a"]), []);
});
