import { createHash } from "node:crypto";
import { Hono, type MiddlewareHandler } from "hono";
import { accepts } from "hono/accepts";
import { basicAuth } from "hono/basic-auth";
import { bearerAuth } from "hono/bearer-auth";
import { except, some } from "hono/combine";
import { HTTPException } from "hono/http-exception";
import * as z from "zod/mini";
import type { EndpointCredentials } from "../config/credentials.ts";
import type { Page, Query } from "../probing/backlog.ts";
import type { Exposition } from "../prometheus/metrics.ts";
import { toSafeJson } from "../text/escape.ts";
import { SECURITY_HEADERS } from "./security_headers.ts";
import type { StatusQuery, StatusView } from "../status_page/view.ts";
import { type State, STATES } from "../core/task.ts";
import { DOCUMENT_VERSION, taskToJson } from "../core/task_json.ts";
import { REASONS } from "../core/reasons.ts";

/** What the endpoints read; they change nothing. */
export type ServerOptions = {
  appId: string;
  access: EndpointCredentials;
  render: (format: "text" | "openmetrics") => Promise<Exposition>;
  page: (query: Query) => Page;
  /** How many datasets are probed. */
  datasets: number;
  tracked: () => Record<State, number>;
  status: (query: StatusQuery) => StatusView;
  /** A stream of server-sent events; null when there are too many already. */
  listen: () => ReadableStream<Uint8Array> | null;
  /** Goes up when those who listen were told something. */
  flushes: () => number;
  monotonic: () => number;
  /** Resolves when the loop has gone round. */
  nextTurn: () => Promise<void>;
  /** The loops that have stopped ticking; none in a healthy probe. */
  stalledLoops: () => string[];
  isDraining: () => boolean;
  onError: (error: Error) => void;
};

const TEXT = "text/plain";
const OPENMETRICS = "application/openmetrics-text";
const HTML = "text/html";

const seqno = wholeNumber("a seqno, a whole number", 0, Number.MAX_SAFE_INTEGER);
const filters = {
  state: z.optional(z.pipe(
    z.string().check(z.toUpperCase()),
    z.enum(STATES, `one of ${STATES.join(", ").toLowerCase()}`),
  )),
  dataset_id: z.optional(z.string()),
  reason: z.optional(z.enum(REASONS, `one of ${REASONS.join(", ")}`)),
  before: z.optional(seqno),
};
const tasksQuery = z.strictObject({
  ...filters,
  limit: z.prefault(wholeNumber("a whole number from 1 to 1000", 1, 1000), "100"),
});
const statusQuery = z.strictObject({
  ...filters,
  task: z.optional(seqno),
  page: z.prefault(wholeNumber("a whole number, at least 1", 1, 1e6), "1"),
});

/** The probe's HTTP endpoints. */
export function createServer(options: ServerOptions): Hono {
  const { appId, render, page, tracked, stalledLoops, isDraining, onError } = options;
  const server = new Hono();
  const renderPage = createPages(options);
  const guards = guardsFor(options.access);

  server.use(secure);
  if (guards.length > 0) server.use(except(OPEN_PATHS, some(...guards)));

  for (const path of ["/metrics", "/"]) {
    server.get(path, async (c) => {
      const type = accepts(c, {
        header: "Accept",
        supports: path === "/" ? [TEXT, OPENMETRICS, HTML] : [TEXT, OPENMETRICS],
        default: TEXT,
      });
      if (type === HTML) {
        const { data, problem } = readQuery(statusQuery, c.req.queries(), { blanks: true });
        if (problem !== undefined) {
          return c.text(`${problem}\n`, 400);
        }
        // The page asks so for its news: it has the script and the style already.
        const minimal = c.req.header("prefer") === "return=minimal";
        const { pagePolicy, statusPage } = await loadPage(options.nextTurn);
        return c.html(renderPage(statusPage, data, minimal), 200, {
          "vary": "Accept, Prefer",
          "content-security-policy": pagePolicy(),
        });
      }
      const { contentType, body } = await render(type === OPENMETRICS ? "openmetrics" : "text");
      return c.body(streamOf(body), 200, { "content-type": contentType, "vary": "Accept" });
    });
  }

  server.get("/tasks", (c) => {
    const { data, problem } = readQuery(tasksQuery, c.req.queries());
    if (problem !== undefined) return c.json({ error: problem }, 400);
    const { dataset_id: datasetId, ...asked } = data;
    const { tasks, next } = page({ ...asked, datasetId });
    const body = toSafeJson({
      version: DOCUMENT_VERSION,
      app_id: appId,
      datasets: options.datasets,
      tracked: tracked(),
      tasks: tasks.map((task) => taskToJson(task, appId)),
      next,
    });
    return c.body(streamOf(encoder.encode(body)), 200, { "content-type": "application/json" });
  });

  server.get("/events", (c) => {
    const headers = {
      "content-type": "text/event-stream",
      // A proxy that gathers answers would hold the events back.
      "x-accel-buffering": "no",
    };
    if (c.req.method === "HEAD") return c.body(null, 200, headers);
    const events = options.listen();
    return events
      ? c.body(events, 200, headers)
      : c.json({ error: "too many listen already" }, 503, { "retry-after": "10" });
  });

  server.get("/healthz", (c) => {
    const stalled = stalledLoops();
    return stalled.length === 0
      ? c.json({ status: "ok", app_id: appId })
      : c.json({ status: "stalled", app_id: appId, loops: stalled }, 503);
  });

  server.get(
    "/readyz",
    (c) => isDraining() ? c.json({ status: "draining" }, 503) : c.json({ status: "ready" }),
  );

  const paths = new Set(server.routes.map(({ path }) => path).filter((path) => path !== "/*"));
  server.notFound((c) =>
    paths.has(c.req.path)
      ? c.json({ error: `expected GET or HEAD, got ${c.req.method}` }, 405, { allow: "GET, HEAD" })
      : c.json({ error: `nothing here; look at ${[...paths].join(", ")}` }, 404)
  );
  server.onError((error, c) => {
    if (error instanceof HTTPException) {
      const challenge = challengeOf(options.access);
      return c.json({ error: "expected credentials" }, 401, { "www-authenticate": challenge });
    }
    onError(error);
    return c.json({ error: "the probe failed to answer; its log says why" }, 500);
  });
  return server;
}

const encoder = new TextEncoder();

/** A body for long answers: a `Response` would make a copy of a text, or of bytes, at once. */
function streamOf(bytes: Uint8Array<ArrayBuffer>): ReadableStream<Uint8Array<ArrayBuffer>> {
  return ReadableStream.from([bytes]);
}

type PageModule = typeof import("../status_page/page.tsx");

let pageModule: PageModule | undefined;
let loading: Promise<unknown> = Promise.resolve();

/**
 * Most of the program's text is the page: it is read when somebody looks at it first. Who comes
 * meanwhile goes on one a turn of the loop, as all requests do. Rejects when it cannot be read; the
 * next one tries again.
 */
export async function loadPage(nextTurn: () => Promise<void>): Promise<PageModule> {
  if (pageModule) return pageModule;
  const loaded = loading.catch(() => {}).then(async () => {
    await nextTurn();
    return pageModule ??= await import("../status_page/page.tsx");
  });
  loading = loaded;
  return await loaded;
}

/** What an orchestrator asks, which carries no credentials. */
const OPEN_PATHS = ["/healthz", "/readyz"];

/** The page has a policy of its own. */
const secure: MiddlewareHandler = async (c, next) => {
  await next();
  for (const [name, value] of Object.entries(SECURITY_HEADERS)) {
    if (!c.res.headers.has(name)) c.res.headers.set(name, value);
  }
};

/** One of them has to let a request pass; none where anybody may. */
function guardsFor({ bearer, basic }: EndpointCredentials): MiddlewareHandler[] {
  // In place, since `crypto.subtle` waits for a thread, which others may hold.
  const hashFunction = (text: string) => createHash("sha256").update(text).digest("hex");
  const guards: MiddlewareHandler[] = [];
  if (bearer !== null) guards.push(bearerAuth({ token: bearer, hashFunction }));
  if (basic) {
    const { user: username, password } = basic;
    guards.push(basicAuth({ username, password, hashFunction }));
  }
  return guards;
}

/**
 * What a client may be let in with. RFC 9110, section 11.6.1. Of several in one line a browser
 * knows the first alone.
 */
function challengeOf({ bearer, basic }: EndpointCredentials): string {
  const challenges = [];
  if (basic) challenges.push('Basic realm="dataplatform-probe", charset="UTF-8"');
  if (bearer !== null) challenges.push('Bearer realm="dataplatform-probe"');
  return challenges.join(", ");
}

function wholeNumber(expected: string, least: number, most: number) {
  const written = z.string().check(z.regex(/^\d{1,16}$/, expected));
  return z.pipe(written, z.transform(Number)).check(
    z.refine((value) => value >= least && value <= most, expected),
  );
}

/** How long a page may be given out again: it shows times to the second. */
const MAX_PAGE_AGE_MS = 1_000;
const MAX_CACHED_PAGES = 100;

/**
 * Makes pages, and gives out one again until something was told to those who listen: all who then
 * ask for the news at once cost no more than one.
 */
function createPages({ status, flushes, monotonic }: ServerOptions) {
  const kept = new Map<string, { html: string; madeMs: number }>();
  let keptFlushes = flushes();
  return (
    statusPage: (status: StatusView, options: { minimal: boolean }) => string,
    { dataset_id: datasetId, ...query }: z.output<typeof statusQuery>,
    minimal: boolean,
  ): string => {
    const asked = { ...query, datasetId };
    const key = JSON.stringify([asked, minimal]);
    if (keptFlushes !== flushes() || kept.size >= MAX_CACHED_PAGES) kept.clear();
    keptFlushes = flushes();
    const nowMs = monotonic();
    const known = kept.get(key);
    if (known && nowMs - known.madeMs < MAX_PAGE_AGE_MS) return known.html;
    const html = statusPage(status(asked), { minimal });
    kept.set(key, { html, madeMs: nowMs });
    return html;
  };
}

/** Reads a query. A form sends its empty fields too: with `blanks` they are none. */
function readQuery<S extends z.ZodMiniObject>(
  schema: S,
  queries: Record<string, string[]>,
  { blanks = false } = {},
): { data: z.output<S>; problem?: never } | { problem: string; data?: never } {
  const given = Object.entries(queries).map(([name, values]) =>
    [name, values.filter((value) => !blanks || value !== "")] as const
  );
  const twice = given.find(([, values]) => values.length > 1);
  if (twice) return { problem: `${twice[0]}: expected it once` };
  const { data, error } = schema.safeParse(
    Object.fromEntries(
      given.flatMap(([name, [value]]) => value === undefined ? [] : [[name, value]]),
    ),
  );
  return data ? { data } : { problem: explainIssues(error!, schema) };
}

function explainIssues({ issues }: z.core.$ZodError, { shape }: z.ZodMiniObject): string {
  return issues.map(({ path, message, code, ...issue }) =>
    code === "unrecognized_keys" && "keys" in issue
      ? `${String(issue.keys)}: unknown; expected ${Object.keys(shape).join(", ")}`
      : `${path.join(".")}: expected ${message}`
  ).join("; ");
}
