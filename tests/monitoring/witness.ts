import { createEmulator } from "../../local/http_server/emulator.ts";
import { type Faults, NO_FAULTS } from "../../local/http_server/faults.ts";
import type { Reason } from "../../src/core/reasons.ts";

/** What a request came to: not answered yet, the dataset, or what is wrong with the answer. */
type Outcome = "open" | "ok" | Reason;

/** What the target knows of the tasks that it was asked by, in the words of the metrics. */
export type Account = {
  created: Record<string, number>;
  succeeded: Record<string, number>;
  failed: Record<string, number>;
  /** By dataset and reason, those without a failure left out. */
  failures: Record<string, number>;
  /** Requests of settled tasks, by dataset and result. */
  attempts: Record<string, number>;
  inFlight: number;
};

type Visits = { datasetId: string; outcomes: Outcome[] };

/**
 * The emulator, watched: it remembers what it did to each request of each task, which it tells apart
 * by their trace ids, and so counts the tasks on its own.
 */
export function startWitness(
  { seed, missingDatasets, retries }: { seed: number; missingDatasets: string[]; retries: number },
) {
  const tasks = new Map<string, Visits>();
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
    watch,
  );

  async function watch(request: Request): Promise<Response> {
    const { outcomes } = visitsOf(request);
    const visit = outcomes.push("open") - 1;
    const response = await app.fetch(request);
    outcomes[visit] = await outcomeOf(response);
    return response;
  }

  function visitsOf({ url, headers }: Request): Visits {
    const [, traceId] = headers.get("traceparent")?.split("-") ?? [];
    if (!traceId) throw new Error("a request without a trace id");
    const known = tasks.get(traceId);
    if (known) return known;
    const visits: Visits = {
      datasetId: new URL(url).pathname.split("/").at(-1) ?? "",
      outcomes: [],
    };
    tasks.set(traceId, visits);
    return visits;
  }

  return {
    apiUrl: `http://127.0.0.1:${server.addr.port}/metadata`,
    setFaults: (faults: Partial<Faults>) => setFaults(faults),
    traceIds: () => new Set(tasks.keys()),
    created: () => tasks.size,
    /** How many requests are not answered yet. */
    open: () => [...tasks.values()].filter(({ outcomes }) => outcomes.at(-1) === "open").length,
    account: () => accountOf([...tasks.values()], retries),
    [Symbol.asyncDispose]() {
      stop.abort();
      return server.finished;
    },
  };
}

/** Adds the tasks up. The last answer decides about a task, unless it is to be asked for again. */
function accountOf(tasks: Visits[], retries: number): Account {
  const account: Account = {
    created: {},
    succeeded: {},
    failed: {},
    failures: {},
    attempts: {},
    inFlight: 0,
  };
  for (const { datasetId, outcomes } of tasks) {
    add(account.created, datasetId);
    const last = outcomes[outcomes.length - 1];
    if (last === "open" || (isRetried(last) && outcomes.length <= retries)) {
      account.inFlight++;
      continue;
    }
    for (const outcome of outcomes) {
      add(account.attempts, `${datasetId} ${outcome === "ok" ? "ok" : "failed"}`);
    }
    if (last === "ok") {
      add(account.succeeded, datasetId);
    } else {
      add(account.failed, datasetId);
      add(account.failures, `${datasetId} ${last}`);
    }
  }
  return account;
}

/** The contract's list, as far as the emulator's faults go. */
function isRetried(outcome: Outcome): boolean {
  return outcome === "server_error" || outcome === "reset";
}

async function outcomeOf(response: Response): Promise<Outcome> {
  if (response.status === 401) return "unauthorized";
  if (response.status === 404) return "not_found";
  if (response.status >= 500) return "server_error";
  const body = await response.clone().bytes();
  const promised = response.headers.get("content-length");
  if (promised !== null && Number(promised) > body.length) return "reset";
  return response.headers.get("content-type") === "application/json" ? "ok" : "invalid_response";
}

function add(tally: Record<string, number>, key: string): void {
  tally[key] = (tally[key] ?? 0) + 1;
}
