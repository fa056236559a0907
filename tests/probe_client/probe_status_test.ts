import { assertEquals, assertRejects } from "@std/assert";
import { createProbeClient } from "../../src/probe_client/probe_client.ts";
import { readProbeStatus } from "../../src/probe_client/probe_status.ts";
import { ProbeClientError } from "../../src/probe_client/errors.ts";
import { statusDocument } from "../../src/server/status_document.ts";
import { runtimeWith } from "../support/probe_stub.ts";
import { NO_STATUS, serverWith } from "../support/server.ts";
import { playHealth, SCENES } from "../support/status.ts";

/** What is read of a probe that responds so, and the path of the request. */
async function read(respond: () => Response | Promise<Response>, datasetId?: string) {
  const paths: string[] = [];
  const { runtime } = runtimeWith((path) => {
    paths.push(path);
    return respond();
  });
  const client = createProbeClient(new URL("http://probe.example/behind/"));
  const { signal } = new AbortController();
  return { status: await readProbeStatus(client, datasetId, runtime, signal), paths };
}

Deno.test("readProbeStatus reads what the server sends, the most urgent dataset first", async () => {
  const { health, history } = playHealth(SCENES.mixed);
  const sources = {
    appId: "0a1b2c3d",
    environment: "dev",
    health,
    history,
    isDraining: () => false,
    stalledLoops: () => [],
  };
  const server = serverWith({ readStatus: (datasetId) => statusDocument(sources, datasetId) });
  const { status, paths } = await read(() => server.request("/status"));
  assertEquals([paths, status?.environment], [["/behind/status"], "dev"]);
  assertEquals(status?.datasets.map(({ datasetId, word, reason }) => [datasetId, word, reason]), [
    ["trafikk-102", "failing", "dns"],
    ["befolkning-101", "unsteady", "reset"],
    ["boligpriser-100", "working", null],
  ]);
  const failing = health.of("trafikk-102");
  assertEquals(status?.datasets[0]?.sinceMs, Math.floor(failing?.sinceMs ?? 0));
  assertEquals(status?.datasets[0]?.recent, { coveredSeconds: 60, ...failing?.recent });
  assertEquals(status?.datasets[0]?.outcomes, failing?.outcomes);
  assertEquals(
    status?.datasets[0]?.ratios,
    failing?.ratios.map(({ windowSeconds, coveredSeconds, settled, succeeded }) => ({
      windowSeconds,
      coveredSeconds: Math.round(coveredSeconds),
      settled,
      succeeded,
    })),
  );
});

Deno.test("readProbeStatus asks for one dataset", async () => {
  const { paths } = await read(() => Response.json(NO_STATUS), "a~b");
  assertEquals(paths, ["/behind/status?dataset_id=a%7Eb"]);
});

Deno.test("readProbeStatus is null for a probe that is too old", async () => {
  const old = await read(() => Response.json({ error: "unknown path" }, { status: 404 }));
  assertEquals(old.status, null);
});

Deno.test("readProbeStatus refuses what is no status, and escapes what acts on a terminal", async () => {
  for (
    const body of [{}, { version: 2, environment: null, datasets: [] }, {
      version: 1,
      environment: null,
      datasets: [{}],
    }]
  ) {
    await assertRejects(() => read(() => Response.json(body)), ProbeClientError);
  }
  const recent = { window_seconds: 60, settled: 0, failed: 0, slow: 0 };
  const dataset = {
    dataset_id: "\x1b[2J",
    state: "\x07",
    since: "2026-11-23T22:00:00Z",
    last_failure: { reason: "\x1b" },
    recent,
    outcomes: "F",
    ratios: [],
  };
  const { status } = await read(() =>
    Response.json({ version: 1, environment: "\x1b", datasets: [dataset] })
  );
  const [{ datasetId, word, reason, recent: shown } = {}] = status?.datasets ?? [];
  // An older probe does not say how much of the window it has run for.
  assertEquals(shown?.coveredSeconds, 60);
  assertEquals([status?.environment, datasetId, word, reason], [
    "\\u001b",
    "\\u001b[2J",
    "\\u0007",
    "\\u001b",
  ]);
});
