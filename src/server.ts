import { Hono } from "hono";
import { accepts } from "hono/accepts";
import * as z from "zod";
import type { Page, Query } from "./backlog.ts";
import type { Exposition } from "./metrics.ts";
import { DOCUMENT_VERSION, STATES, taskToJson } from "./task.ts";

/** What the endpoints read; they change nothing. */
export type ServerOptions = {
  appId: string;
  render: (format: "text" | "openmetrics") => Promise<Exposition>;
  page: (query: Query) => Page;
  /** The loops that have stopped ticking; none in a healthy probe. */
  stalledLoops: () => string[];
  isDraining: () => boolean;
  onError: (error: Error) => void;
};

const TEXT = "text/plain";
const OPENMETRICS = "application/openmetrics-text";

const query = z.strictObject({
  state: z.string().toUpperCase()
    .pipe(z.enum(STATES, `one of ${STATES.join(", ").toLowerCase()}`)).optional(),
  dataset_id: z.string().optional(),
  limit: wholeNumber("a whole number from 1 to 1000", 1, 1000).default(100),
  before: wholeNumber("a seqno, a whole number", 0, Number.MAX_SAFE_INTEGER).optional(),
});

/** The probe's HTTP endpoints. */
export function createServer(options: ServerOptions): Hono {
  const { appId, render, page, stalledLoops, isDraining, onError } = options;
  const server = new Hono();

  for (const path of ["/metrics", "/"]) {
    server.get(path, async (c) => {
      const type = accepts(c, {
        header: "Accept",
        supports: [TEXT, OPENMETRICS],
        default: TEXT,
      });
      const { contentType, body } = await render(type === OPENMETRICS ? "openmetrics" : "text");
      return c.body(body, 200, { "content-type": contentType, "vary": "Accept" });
    });
  }

  server.get("/tasks", (c) => {
    const { data, error } = query.safeParse(c.req.query());
    if (error) return c.json({ error: error.issues.map(describeIssue).join("; ") }, 400);
    const { state, dataset_id: datasetId, limit, before } = data;
    const { tasks, next } = page({ state, datasetId, limit, before });
    return c.json({
      version: DOCUMENT_VERSION,
      tasks: tasks.map((task) => taskToJson(task, appId)),
      next,
    });
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

  const paths = new Set(server.routes.map(({ path }) => path));
  server.notFound((c) =>
    paths.has(c.req.path)
      ? c.json({ error: `expected GET or HEAD, got ${c.req.method}` }, 405, { allow: "GET, HEAD" })
      : c.json({ error: `nothing here; look at ${[...paths].join(", ")}` }, 404)
  );
  server.onError((error, c) => {
    onError(error);
    return c.json({ error: "the probe failed to answer; its log says why" }, 500);
  });
  return server;
}

function wholeNumber(expected: string, least: number, most: number) {
  return z.string().regex(/^\d{1,16}$/, expected).transform(Number)
    .refine((value) => value >= least && value <= most, expected);
}

function describeIssue({ path, message, code, ...issue }: z.core.$ZodIssue): string {
  if (code === "unrecognized_keys" && "keys" in issue) {
    return `${String(issue.keys)}: unknown; expected ${Object.keys(query.shape).join(", ")}`;
  }
  return `${path.join(".")}: expected ${message}`;
}
