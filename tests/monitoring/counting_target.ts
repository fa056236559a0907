import { createEmulator } from "../../local/http_server/emulator.ts";
import { type Faults, NO_FAULTS } from "../../local/http_server/faults.ts";
import type { Reason } from "../../src/core/reasons.ts";

/** The outcome of a request: still open, the dataset, or the reason for which it fails. */
type Outcome = "open" | "ok" | Reason;

/** What the target counts of the tasks that sent requests, as the metrics count them. */
export type TaskCounts = {
  created: Record<string, number>;
  succeeded: Record<string, number>;
  failed: Record<string, number>;
  /** By dataset and reason, only reasons with failures. */
  failures: Record<string, number>;
  /** Requests of settled tasks, by dataset and result. */
  attempts: Record<string, number>;
  inFlight: number;
};

type Requests = { datasetId: string; outcomes: Outcome[] };

/**
 * Starts an emulator that counts tasks independently of the probe: it remembers the outcome of each
 * request, and assigns requests to tasks by their trace ids.
 */
export function startCountingTarget(
  { seed, missingDatasets, retries }: { seed: number; missingDatasets: string[]; retries: number },
) {
  const tasks = new Map<string, Requests>();
  const { app, setFaults } = createEmulator({
    seed,
    faults: NO_FAULTS,
    missingDatasets,
    clientId: "local-client",
    clientSecret: "local-secret",
    tokenLifetimeSeconds: 300,
    requireToken: false,
    logRequests: false,
  });
  const stop = new AbortController();
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, signal: stop.signal, onListen() {} },
    respond,
  );

  async function respond(request: Request): Promise<Response> {
    const { outcomes } = requestsOf(request);
    const index = outcomes.push("open") - 1;
    const response = await app.fetch(request);
    outcomes[index] = await outcomeOf(response);
    return response;
  }

  function requestsOf({ url, headers }: Request): Requests {
    const [, traceId] = headers.get("traceparent")?.split("-") ?? [];
    if (!traceId) throw new Error(`expected a trace id in a request for ${url}`);
    const known = tasks.get(traceId);
    if (known) return known;
    const requests: Requests = {
      datasetId: new URL(url).pathname.split("/").at(-1) ?? "",
      outcomes: [],
    };
    tasks.set(traceId, requests);
    return requests;
  }

  return {
    apiUrl: `http://127.0.0.1:${server.addr.port}/metadata`,
    setFaults: (faults: Partial<Faults>) => setFaults(faults),
    traceIds: () => new Set(tasks.keys()),
    created: () => tasks.size,
    /** The number of tasks that wait for a response. */
    open: () => [...tasks.values()].filter(({ outcomes }) => outcomes.at(-1) === "open").length,
    counts: () => countsOf([...tasks.values()], retries),
    [Symbol.asyncDispose]() {
      stop.abort();
      return server.finished;
    },
  };
}

/** Counts the tasks. The outcome of the last request decides, unless the probe will retry. */
function countsOf(tasks: Requests[], retries: number): TaskCounts {
  const counts: TaskCounts = {
    created: {},
    succeeded: {},
    failed: {},
    failures: {},
    attempts: {},
    inFlight: 0,
  };
  for (const { datasetId, outcomes } of tasks) {
    add(counts.created, datasetId);
    const last = outcomes.at(-1);
    if (last === undefined || last === "open" || (isRetried(last) && outcomes.length <= retries)) {
      counts.inFlight++;
      continue;
    }
    for (const outcome of outcomes) {
      add(counts.attempts, `${datasetId} ${outcome === "ok" ? "ok" : "failed"}`);
    }
    if (last === "ok") {
      add(counts.succeeded, datasetId);
    } else {
      add(counts.failed, datasetId);
      add(counts.failures, `${datasetId} ${last}`);
    }
  }
  return counts;
}

/** The retried reasons among those that the emulator's faults cause. */
function isRetried(outcome: Outcome): boolean {
  return outcome === "server_error" || outcome === "reset";
}

async function outcomeOf(response: Response): Promise<Outcome> {
  if (response.status === 401) return "unauthorized";
  if (response.status === 404) return "not_found";
  if (response.status >= 500) return "server_error";
  const body = await response.clone().bytes();
  const announcedBytes = response.headers.get("content-length");
  if (announcedBytes !== null && Number(announcedBytes) > body.length) return "reset";
  return response.headers.get("content-type") === "application/json" ? "ok" : "invalid_response";
}

function add(tally: Record<string, number>, key: string): void {
  tally[key] = (tally[key] ?? 0) + 1;
}
