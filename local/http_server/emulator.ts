import { setTimeout as sleep } from "node:timers/promises";
import { type Context, Hono, type MiddlewareHandler } from "hono";
import { cutResponse, datasetResponse, missingResponse, statusResponse } from "./dataset.ts";
import { drawPlan, type Faults, InvalidFaultsError, mergeFaults } from "./faults.ts";
import { mulberry32 } from "./random.ts";
import { IssuedTokens, TOKEN_PATH, tokenError, tokenResponseTo } from "./token.ts";

/** How an emulator behaves. */
export interface Behaviour {
  seed: number;
  /** The faults at the start and after `DELETE /faults`. */
  faults: Faults;
  missingDatasets: string[];
  clientId: string;
  clientSecret: string;
  tokenLifetimeSeconds: number;
  requireToken: boolean;
  logRequests: boolean;
}

/**
 * The document of `/counts`. Each dataset request is counted in `requests` when it arrives. When it
 * ends it is counted in `by_status`, or in `aborted` when its connection ended before the response
 * was complete.
 */
export interface Counts {
  requests: number;
  by_status: Record<string, number>;
  aborted: number;
  token_requests: number;
}

type Env = { Variables: { aborted?: true } };

/** An emulator as a Hono application, which listens on no port. */
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

  function setFaults(given: unknown): Faults {
    return faults = mergeFaults(behaviour.faults, given);
  }

  const count: MiddlewareHandler<Env> = async (c, next) => {
    counts.requests++;
    await next();
    if (c.get("aborted")) counts.aborted++;
    else increment(counts.by_status, c.res.status);
  };

  async function handleDataset(c: Context<Env, "/:id">): Promise<Response> {
    // Drawn before the first await: requests get their draws in the order of their arrival.
    const plan = drawPlan(faults, random);
    const id = c.req.param("id");
    const response = plan.status
      ? statusResponse(plan.status)
      : regularResponse(id, c.req.header("authorization"));

    if (plan.delayMs > 0) {
      const isConnected = await elapses(plan.delayMs, c.req.raw.signal);
      if (!isConnected) return markAborted(c, response);
    }
    const isCut = plan.reset && c.req.method !== "HEAD";
    return isCut ? markAborted(c, cutResponse(id)) : response;
  }

  function regularResponse(id: string, authorization?: string): Response {
    if (!isAuthorized(authorization)) return statusResponse(401);
    if (missingDatasets.includes(id)) return missingResponse(id);
    return datasetResponse(id, faults.body);
  }

  function isAuthorized(authorization?: string): boolean {
    if (authorization === undefined) return !requireToken;
    const [, token = ""] = authorization.match(/^bearer (.+)$/i) ?? [];
    return tokens.accepts(token);
  }

  function handleToken(c: Context<Env>): Response | Promise<Response> {
    counts.token_requests++;
    if (faults.token_status) return tokenError(faults.token_status, "on_demand");
    return tokenResponseTo(c.req.raw, { id: clientId, secret: clientSecret }, tokens);
  }

  const app = new Hono<Env>();
  if (behaviour.logRequests) app.use(logRequest);
  app.get("/metadata/:id", count, handleDataset);
  app.get("/metadata/datasets/:id", count, handleDataset);
  app.post(TOKEN_PATH, handleToken);
  app.get("/heartbeat", (c) => c.json({ status: "ok" }));
  app.get("/counts", (c) => c.json(counts));
  app.get("/faults", (c) => c.json(faults));
  app.put("/faults", async (c) => c.json(setFaults(parseJson(await c.req.text()))));
  app.delete("/faults", (c) => c.json(setFaults({})));
  app.notFound(handleUnknown);
  app.onError(handleError);
  return { app, setFaults, counts: () => structuredClone(counts) };
}

function handleUnknown(c: Context): Response {
  const message = `There is no ${c.req.method} ${c.req.path} here`;
  return c.json({ message }, 404);
}

function handleError(error: Error, c: Context): Response {
  if (!(error instanceof InvalidFaultsError)) throw error;
  return c.json({ message: "Invalid faults", errors: error.problems }, 400);
}

/** Marks a request whose response does not arrive completely. */
function markAborted(c: Context<Env>, response: Response): Response {
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

/** Whether the delay passes before the signal aborts. */
function elapses(delayMs: number, signal: AbortSignal): Promise<boolean> {
  return sleep(delayMs, true, { signal }).catch(() => false);
}

function increment(tally: Record<string, number>, status: number): void {
  tally[status] = (tally[status] ?? 0) + 1;
}

/** The value of a JSON text; any other text itself, which the schema rejects and quotes. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
