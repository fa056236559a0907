import * as z from "zod/mini";
import { EXIT } from "../core/exit_code.ts";
import type { Runtime } from "../runtime/runtime.ts";
import { escapeControls } from "../text/escape.ts";
import { ask, type ProbeClient } from "./probe_client.ts";
import { ProbeClientError } from "./errors.ts";
import type { Row } from "../terminal/table.ts";
import { type State, STATES } from "../core/task.ts";
import { DOCUMENT_VERSION } from "../core/task_json.ts";

/** Which tasks of a running probe are asked for. */
export type TaskListQuery = { state?: State; datasetId?: string };

/** What a running probe tells of its tasks at one moment. */
export type TaskList = {
  /** Newest last. */
  rows: Row[];
  /** How many tasks are older than these; null when there are some, and nobody knows how many. */
  older: number | null;
  /** Null where a probe does not tell. */
  tracked: Record<State, number> | null;
  severalDatasets: boolean;
  appId: string;
};

/**
 * Tasks in one answer: even with the longest bodies, every character of them escaped, they stay
 * below what the transport takes.
 */
export const PAGE = 200;

const count = z.int().check(z.gte(0));
const moment = z.iso.datetime({ offset: true });

/** A task as a probe gives it; fields that this program does not know are kept. */
const task = z.looseObject({
  seqno: count,
  app_id: z.optional(z.string()),
  dataset_id: z.string(),
  state: z.enum(STATES),
  created: moment,
  settled: z.nullable(moment),
  duration_seconds: z.nullable(z.number().check(z.gte(0), z.lte(1e9))),
  reason: z.nullable(z.string()),
  attempts: z.array(z.looseObject({})),
});

const page = z.looseObject({
  version: z.literal(DOCUMENT_VERSION),
  // An older probe gives none of these three.
  app_id: z.optional(z.string()),
  tracked: z.optional(z.object({ PENDING: count, SUCCEEDED: count, FAILED: count })),
  datasets: z.optional(count),
  tasks: z.array(task),
  next: z.nullable(count),
});

/** The document that `/tasks` answers with. */
export type TasksDocument = z.infer<typeof page>;

/**
 * The newest `rows` tasks of a probe, as one document like those of `/tasks`; read page
 * by page. Throws a `ProbeClientError`.
 */
export async function newestTasks(
  client: ProbeClient,
  query: TaskListQuery,
  rows: number,
  runtime: Runtime,
  signal: AbortSignal,
): Promise<TasksDocument> {
  const asked = new URL(client.url);
  asked.pathname = `${asked.pathname.replace(/\/*$/, "")}/tasks`;
  if (query.state) asked.searchParams.set("state", query.state.toLowerCase());
  if (query.datasetId !== undefined) asked.searchParams.set("dataset_id", query.datasetId);

  const tasks: TasksDocument["tasks"] = [];
  let first: TasksDocument | null = null;
  let before = Infinity;
  for (;;) {
    asked.searchParams.set("limit", String(Math.min(PAGE, rows - tasks.length)));
    const document = await ask(client, asked, { schema: page }, runtime, signal);
    first ??= document;
    if (document.app_id !== first.app_id || !goesOn(document, before)) {
      const brief = "its pages of tasks do not fit together: is there more than one probe?";
      const where = `${asked.origin}${asked.pathname}`;
      throw new ProbeClientError(EXIT.invalidResponse, `${where} answers, but ${brief}`, brief);
    }
    tasks.push(...document.tasks);
    const { next } = document;
    if (next === null || tasks.length >= rows) return { ...first, tasks, next };
    before = next;
    asked.searchParams.set("before", String(before));
  }
}

/** Whether a page begins below `before`, and each number in it is smaller than the one above. */
function goesOn({ tasks, next }: TasksDocument, before: number): boolean {
  let last = before;
  for (const { seqno } of tasks) {
    if (seqno >= last) return false;
    last = seqno;
  }
  return next === null || (next < before && next <= last);
}

/** What a document tells, its texts made harmless. */
export function taskListOf(
  { tracked, datasets, tasks, next, ...document }: TasksDocument,
  { state, datasetId }: TaskListQuery,
): TaskList {
  const rows = tasks.map(rowOf).reverse();
  const ids = new Set(rows.map((row) => row.datasetId));
  // The totals are those of all datasets.
  const total = tracked && datasetId === undefined ? totalOf(tracked, state) : null;
  return {
    rows,
    older: next === null ? 0 : total === null ? null : Math.max(1, total - rows.length),
    tracked: tracked ?? null,
    severalDatasets: datasetId === undefined && (datasets ?? ids.size) > 1,
    appId: escapeControls(document.app_id ?? tasks[0]?.app_id ?? ""),
  };
}

function rowOf({ seqno, state, ...task }: TasksDocument["tasks"][number]): Row {
  return {
    ...{ seqno, state },
    datasetId: escapeControls(task.dataset_id),
    createdMs: Date.parse(task.created),
    settledMs: task.settled === null ? null : Date.parse(task.settled),
    durationSeconds: task.duration_seconds,
    attempts: state === "PENDING" ? null : task.attempts.length,
    reason: task.reason === null ? null : escapeControls(task.reason),
  };
}

function totalOf(tracked: Record<State, number>, state: State | undefined): number {
  return state ? tracked[state] : tracked.PENDING + tracked.SUCCEEDED + tracked.FAILED;
}
