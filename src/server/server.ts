import { type Context, Hono } from "hono";
import { accepts } from "hono/accepts";
import { HTTPException } from "hono/http-exception";
import type { EndpointCredentials } from "../config/credentials.ts";
import type { State } from "../core/task.ts";
import { DOCUMENT_VERSION, taskToJson } from "../core/task_json.ts";
import type { Page as TaskPage, Query as TaskQuery } from "../probing/backlog.ts";
import type { Exposition } from "../prometheus/metrics.ts";
import { toSafeJson } from "../text/escape.ts";
import { challengeFor, createGuard } from "./auth.ts";
import { badgeOf, datasetOfBadge } from "./badge.ts";
import { Compressor } from "./compression/compressor.ts";
import { send } from "./compression/send.ts";
import { createPageRenderer, type PageOptions } from "./pages.ts";
import { parsePageQuery, parseStatusQuery, parseTaskQuery } from "./queries.ts";
import { addSecurityHeaders } from "./security_headers.ts";
import type { StatusDocument } from "./status_document.ts";

/** What the endpoints need. Readers only: none of these functions changes the probe. */
export type ServerOptions = PageOptions & {
  appId: string;
  /** Null when it is not known. */
  environment: string | null;
  credentials: EndpointCredentials;
  renderMetrics: (format: "text" | "openmetrics") => Promise<Exposition>;
  listTasks: (query: TaskQuery) => TaskPage;
  /** The verdict on all datasets, or on one. */
  readStatus: (datasetId?: string) => StatusDocument;
  /** How many datasets are probed. */
  datasetCount: number;
  /** How many tasks of each state are tracked. */
  trackedCounts: () => Record<State, number>;
  /** A stream of server-sent events; null when too many are open already. */
  openEvents: () => ReadableStream<Uint8Array> | null;
  /** The names of loops that have stopped ticking; empty in a healthy probe. */
  stalledLoops: () => string[];
  isDraining: () => boolean;
  /** Notified of errors that a handler did not expect. */
  onError: (error: Error) => void;
};

const TEXT = "text/plain";
const OPENMETRICS = "application/openmetrics-text";
const HTML = "text/html";

/** The probe's HTTP endpoints. */
export function createServer(options: ServerOptions): Hono {
  const { appId, environment, credentials, stalledLoops, isDraining, onError } = options;
  const renderPage = createPageRenderer(options);
  const compressor = new Compressor(options.clock);
  const guard = createGuard(credentials);
  const server = new Hono();

  server.use(addSecurityHeaders);
  if (guard) server.use(guard);

  server.get("/metrics", (c) => sendMetrics(c, preferredType(c, [TEXT, OPENMETRICS])));

  server.get("/", async (c) => {
    const type = preferredType(c, [TEXT, OPENMETRICS, HTML]);
    if (type !== HTML) return await sendMetrics(c, type);
    const parsed = parsePageQuery(c.req.queries());
    if (!parsed.ok) return c.text(`${parsed.problem}\n`, 400);
    // An open page updates itself this way: it has script and style already. RFC 7240, section 4.2.
    const minimal = c.req.header("prefer") === "return=minimal";
    const { body, policy } = await renderPage(parsed.query, minimal);
    return await send(c, compressor, body, {
      "content-type": "text/html; charset=UTF-8",
      "content-security-policy": policy,
      "vary": "Accept, Prefer",
    });
  });

  server.get("/tasks", (c) => {
    const parsed = parseTaskQuery(c.req.queries());
    if (!parsed.ok) return c.json({ error: parsed.problem }, 400);
    const { tasks, next } = options.listTasks(parsed.query);
    const body = toSafeJson({
      version: DOCUMENT_VERSION,
      app_id: appId,
      environment,
      datasets: options.datasetCount,
      tracked: options.trackedCounts(),
      tasks: tasks.map((task) => taskToJson(task, appId)),
      next,
    });
    return sendJson(c, body);
  });

  server.get("/status", (c) => {
    const parsed = parseStatusQuery(c.req.queries());
    if (!parsed.ok) return c.json({ error: parsed.problem }, 400);
    return sendJson(c, toSafeJson(options.readStatus(parsed.query.datasetId)));
  });

  server.get("/badge/:file", (c) => {
    const datasetId = datasetOfBadge(c.req.param("file"));
    const [dataset] = datasetId === null ? [] : options.readStatus(datasetId).datasets;
    if (!dataset) {
      return c.json({ error: "no badge of that name; expected the ID of a dataset and .svg" }, 404);
    }
    return c.body(badgeOf(dataset.dataset_id, dataset.state), 200, {
      "content-type": "image/svg+xml",
      // Other sites show it; they cannot read it.
      "cross-origin-resource-policy": "cross-origin",
    });
  });

  server.get("/events", (c) => {
    const headers = {
      "content-type": "text/event-stream",
      // A proxy that buffers responses would hold the events back.
      "x-accel-buffering": "no",
    };
    if (c.req.method === "HEAD") return c.body(null, 200, headers);
    const events = options.openEvents();
    return events
      ? c.body(events, 200, headers)
      : c.json({ error: "too many event streams are open" }, 503, { "retry-after": "10" });
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
  const known = new RegExp(`^(?:${[...paths].join("|").replaceAll(/:\w+/g, "[^/]+")})$`);
  server.notFound((c) =>
    known.test(c.req.path)
      ? c.json({ error: `expected GET or HEAD, got ${c.req.method}` }, 405, { allow: "GET, HEAD" })
      : c.json({ error: `unknown path; expected one of ${[...paths].join(", ")}` }, 404)
  );
  server.onError((error, c) => {
    if (error instanceof HTTPException) {
      const challenge = challengeFor(credentials);
      return c.json({ error: "expected credentials" }, 401, { "www-authenticate": challenge });
    }
    onError(error);
    return c.json({ error: "internal error; the probe's log has the details" }, 500);
  });
  return server;

  async function sendMetrics(c: Context, type: string): Promise<Response> {
    const format = type === OPENMETRICS ? "openmetrics" : "text";
    const { contentType, body } = await options.renderMetrics(format);
    return await send(c, compressor, body, { "content-type": contentType, "vary": "Accept" });
  }

  function sendJson(c: Context, json: string): Promise<Response> {
    const body = new TextEncoder().encode(json);
    return send(c, compressor, body, { "content-type": "application/json" });
  }
}

function preferredType(c: Context, supports: string[]): string {
  return accepts(c, { header: "Accept", supports, default: TEXT });
}
