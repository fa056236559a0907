import { setTimeout as sleep } from "node:timers/promises";
import { type Context, Hono, type MiddlewareHandler } from "hono";
import { cutResponse, datasetResponse, missingResponse, statusResponse } from "./dataset.ts";
import { drawFate, type Faults, mergeFaults, WrongFaults } from "./faults.ts";
import { mulberry32 } from "./random.ts";
import { answerTokenRequest, IssuedTokens, TOKEN_PATH, tokenError } from "./token.ts";

/** All that decides how an emulator answers. */
export interface Behaviour {
  seed: number;
  /** The faults at the start, to which `DELETE /faults` returns. */
  faults: Faults;
  missingDatasets: string[];
  clientId: string;
  clientSecret: string;
  tokenLifetimeSeconds: number;
  requireToken: boolean;
  logRequests: boolean;
}

/**
 * What became of the dataset requests. Each is in `requests` when it comes; when
 * it ends, it is in `by_status`, or in `aborted` when its connection was cut or
 * its client left before the answer.
 */
export interface Counts {
  requests: number;
  by_status: Record<string, number>;
  aborted: number;
  token_requests: number;
}

type Env = { Variables: { aborted?: true } };

/** The emulator without a port. */
export function createEmulator(behaviour: Behaviour) {
  const { clientId, clientSecret, missingDatasets, requireToken } = behaviour;
  const random = mulberry32(behaviour.seed);
  const tokens = new IssuedTokens(behaviour.tokenLifetimeSeconds);
  const counts: Counts = {
    requests: 0,
    by_status: {},
    aborted: 0,
    token_requests: 0,
  };
  let faults = behaviour.faults;

  function setFaults(named: unknown): Faults {
    return faults = mergeFaults(behaviour.faults, named);
  }

  const count: MiddlewareHandler<Env> = async (c, next) => {
    counts.requests++;
    await next();
    if (c.get("aborted")) counts.aborted++;
    else increment(counts.by_status, c.res.status);
  };

  async function answerDataset(c: Context<Env, "/:id">): Promise<Response> {
    // Drawn before anything is awaited: slow requests must not shuffle the draws.
    const fate = drawFate(faults, random);
    const id = c.req.param("id");
    const response = fate.status
      ? statusResponse(fate.status)
      : deservedResponse(id, c.req.header("authorization"));

    if (fate.delayMs > 0) {
      const stayed = await waitedOut(fate.delayMs, c.req.raw.signal);
      if (!stayed) return abandon(c, response);
    }
    const cut = fate.reset && c.req.method !== "HEAD";
    return cut ? abandon(c, cutResponse(id)) : response;
  }

  function deservedResponse(id: string, authorization?: string): Response {
    if (!admits(authorization)) return statusResponse(401);
    if (missingDatasets.includes(id)) return missingResponse(id);
    return datasetResponse(id, faults.body);
  }

  function admits(authorization?: string): boolean {
    if (authorization === undefined) return !requireToken;
    const [, token = ""] = authorization.match(/^bearer (.+)$/i) ?? [];
    return tokens.accepts(token);
  }

  function answerToken(c: Context<Env>): Response | Promise<Response> {
    counts.token_requests++;
    if (faults.token_status) {
      return tokenError(faults.token_status, "on_demand");
    }
    const client = { id: clientId, secret: clientSecret };
    return answerTokenRequest(c.req.raw, client, tokens);
  }

  const app = new Hono<Env>();
  if (behaviour.logRequests) app.use(logRequest);
  app.get("/metadata/:id", count, answerDataset);
  app.get("/metadata/datasets/:id", count, answerDataset);
  app.post(TOKEN_PATH, answerToken);
  app.get("/heartbeat", (c) => c.json({ status: "ok" }));
  app.get("/counts", (c) => c.json(counts));
  app.get("/faults", (c) => c.json(faults));
  app.put("/faults", async (c) => c.json(setFaults(json(await c.req.text()))));
  app.delete("/faults", (c) => c.json(setFaults({})));
  app.notFound(answerUnknown);
  app.onError(answerError);
  return { app, setFaults, counts: () => structuredClone(counts) };
}

function answerUnknown(c: Context): Response {
  const message = `There is no ${c.req.method} ${c.req.path} here`;
  return c.json({ message }, 404);
}

function answerError(error: Error, c: Context): Response {
  if (!(error instanceof WrongFaults)) throw error;
  return c.json({ message: "Wrong faults", errors: error.problems }, 400);
}

/** Timings a request that gets no whole answer, because of its client or of us. */
function abandon(c: Context<Env>, response: Response): Response {
  c.set("aborted", true);
  return response;
}

const logRequest: MiddlewareHandler<Env> = async (c, next) => {
  const startMs = performance.now();
  await next();
  const outcome = c.get("aborted") ? "aborted" : c.res.status;
  const { pathname } = new URL(c.req.url);
  const durationMs = Math.round(performance.now() - startMs);
  console.error(`${c.req.method} ${pathname} ${outcome} ${durationMs} ms`);
};

/** Whether the time is over; if not, the signal came first. */
function waitedOut(delayMs: number, signal: AbortSignal): Promise<boolean> {
  return sleep(delayMs, true, { signal }).catch(() => false);
}

function increment(tally: Record<string, number>, status: number): void {
  tally[status] = (tally[status] ?? 0) + 1;
}

/** What is not JSON stays text, for the schema to refuse and to quote. */
function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
