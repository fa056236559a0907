import { assertEquals, assertMatch } from "@std/assert";
import type { Hono } from "hono";
import { NO_CREDENTIALS } from "../../src/config/credentials.ts";
import { systemClock } from "../../src/core/clock.ts";
import { NO_PAST } from "../../src/history/past.ts";
import { createServer, type ServerOptions } from "../../src/server/server.ts";
import type { StatusDocument } from "../../src/server/status_document.ts";
import type { StatusView } from "../../src/status_page/view.ts";

/** What a probe shows that has just been started. */
export const NOTHING_YET: StatusView = {
  appId: "0a1b2c3d",
  environment: "dev",
  version: "1.2.3",
  nowMs: Date.UTC(2026, 10, 23, 22, 1, 5),
  nowMonotonicMs: 65_000,
  startedMs: Date.UTC(2026, 10, 23, 22),
  taskIntervalSeconds: 10,
  traceUrl: null,
  dashboardUrl: null,
  apiUrl: "http://api",
  draining: false,
  stalledLoops: [],
  tally: { failing: 0, no_news: 0, unsteady: 0, slow: 0, working: 0, starting: 1 },
  outage: [],
  lastOutageEndMs: null,
  recent: { settled: 0, failed: 0, reasons: [], coveredSeconds: 60 },
  slowness: null,
  quietMs: null,
  pending: 0,
  tracked: { PENDING: 0, SUCCEEDED: 0, FAILED: 0 },
  datasets: [],
  quarter: null,
  matches: 1,
  pages: 1,
  hidden: 0,
  datasetIds: ["abc123"],
  incidents: [],
  past: NO_PAST.source(),
  knownSinceMs: Date.UTC(2026, 10, 23, 22),
  failures: [],
  schedule: {
    elapsedMs: 0,
    slots: 0,
    skipped: { late: 0, in_flight: 0 },
    lastLagMs: null,
    worstLagMs: null,
    isLate: false,
  },
  chart: { range: "5m", lines: [], points: [], outages: [] },
  tasks: [],
  next: null,
  untilMs: null,
  query: { page: 1 },
};

/** The status of a probe that has no dataset. */
export const NO_STATUS: StatusDocument = {
  version: 1,
  app_id: NOTHING_YET.appId,
  environment: NOTHING_YET.environment,
  state: "starting",
  counts: NOTHING_YET.tally,
  draining: false,
  stalled_loops: [],
  datasets: [],
};

/** The endpoints of a probe that has nothing to show but what is given here. */
export function serverWith(options: Partial<ServerOptions>): Hono {
  return createServer({
    appId: NOTHING_YET.appId,
    environment: NOTHING_YET.environment,
    clock: systemClock,
    credentials: NO_CREDENTIALS,
    renderMetrics: () => Promise.reject(new Error("no metrics here")),
    listTasks: () => ({ tasks: [], next: null }),
    readStatus: () => NO_STATUS,
    datasetCount: 1,
    trackedCounts: () => NOTHING_YET.tracked,
    viewStatus: (query) => ({ ...NOTHING_YET, query }),
    openEvents: () => null,
    eventFlushes: () => 0,
    stalledLoops: () => [],
    isDraining: () => false,
    onError(error) {
      throw error;
    },
    ...options,
  });
}

/** Every response has these headers, whatever its status. */
export function assertHasSecurityHeaders({ headers }: { headers: Headers }, shown = ""): void {
  assertEquals(headers.get("cache-control"), "no-store, no-transform", shown);
  assertEquals(headers.get("x-content-type-options"), "nosniff", shown);
  assertEquals(headers.get("referrer-policy"), "no-referrer", shown);
  assertEquals(headers.get("x-frame-options"), "DENY", shown);
  assertEquals(headers.get("cross-origin-resource-policy"), "same-origin", shown);
  assertMatch(headers.get("content-security-policy") ?? "", /^default-src 'none'/, shown);
  assertMatch(headers.get("content-security-policy") ?? "", /frame-ancestors 'none'/, shown);
  const open = [...headers.keys()].filter((name) => /^access-control-|^server$|powered/.test(name));
  assertEquals(open, [], shown);
}
