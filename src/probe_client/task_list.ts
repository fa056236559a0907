import * as z from "zod/mini";
import { EXIT } from "../core/exit_code.ts";
import { type State, STATES } from "../core/task.ts";
import { DOCUMENT_VERSION } from "../core/task_json.ts";
import type { TaskRow } from "../core/task_row.ts";
import type { Runtime } from "../runtime/runtime.ts";
import { escapeControls } from "../text/escape.ts";
import { ProbeClientError } from "./errors.ts";
import { endpointOf, type ProbeClient, readDocument } from "./probe_client.ts";

/** Which tasks of a probe are read; all without a state and a dataset. */
export type TaskListQuery = { state?: State; datasetId?: string };

/** A probe's tasks at one moment, without characters that act on a terminal. */
export type TaskList = {
  /** Newest last. */
  rows: TaskRow[];
  /** How many matching tasks are older than these; null when there are some, in unknown number. */
  older: number | null;
  /** Tracked tasks of all datasets; null when the probe does not report them. */
  tracked: Record<State, number> | null;
  severalDatasets: boolean;
  appId: string;
};

/**
 * Tasks in one result page. With this many, even tasks with every attempt, the longest messages and
 * bodies with every character escaped stay below the largest response that is read.
 */
export const PAGE_SIZE = 110;

const count = z.int().check(z.gte(0));
const moment = z.iso.datetime({ offset: true });

/** A task of `/tasks`; fields that this program does not know are kept. */
const taskDocument = z.looseObject({
  seqno: count,
  app_id: z.optional(z.string()),
  dataset_id: z.string(),
  state: z.enum(STATES),
  created: moment,
  settled: z.nullable(moment),
  duration_seconds: z.nullable(z.number().check(z.gte(0), z.lte(1e9))),
  reason: z.nullable(z.string()),
  // Older versions of the probe keep no messages.
  message: z.optional(z.nullable(z.string())),
  attempts: z.array(z.looseObject({})),
});

const tasksDocument = z.looseObject({
  version: z.literal(DOCUMENT_VERSION),
  // Older versions of the probe send none of these three.
  app_id: z.optional(z.string()),
  tracked: z.optional(z.object({ PENDING: count, SUCCEEDED: count, FAILED: count })),
  datasets: z.optional(count),
  tasks: z.array(taskDocument),
  next: z.nullable(count),
});

/** The JSON document of `/tasks`, newest task first. */
export type TasksDocument = z.infer<typeof tasksDocument>;

/**
 * Reads the newest `limit` tasks of a probe, page by page, as one document. Throws a
 * `ProbeClientError` as `readDocument` does, and with exit code 6 when the pages contradict each
 * other.
 */
export async function readNewestTasks(
  client: ProbeClient,
  { state, datasetId }: TaskListQuery,
  limit: number,
  runtime: Pick<Runtime, "exchange" | "clock">,
  signal: AbortSignal,
): Promise<TasksDocument> {
  const url = endpointOf(client, "tasks");
  if (state) url.searchParams.set("state", state.toLowerCase());
  if (datasetId !== undefined) url.searchParams.set("dataset_id", datasetId);

  const tasks: TasksDocument["tasks"] = [];
  let first: TasksDocument | null = null;
  let before = Infinity;
  for (;;) {
    url.searchParams.set("limit", String(Math.min(PAGE_SIZE, limit - tasks.length)));
    const page = await readDocument(client, url, { schema: tasksDocument }, runtime, signal);
    first ??= page;
    if (page.app_id !== first.app_id || !continues(page, before)) {
      const brief = "its pages of tasks contradict each other: is there more than one probe?";
      const address = `${url.origin}${url.pathname}`;
      throw new ProbeClientError(EXIT.invalidResponse, `${address} responds, but ${brief}`, brief);
    }
    tasks.push(...page.tasks);
    const { next } = page;
    if (next === null || tasks.length >= limit) return { ...first, tasks, next };
    before = next;
    url.searchParams.set("before", String(before));
  }
}

/** Whether all sequence numbers of a page are below `before` and descend, down to `next`. */
function continues({ tasks, next }: TasksDocument, before: number): boolean {
  let last = before;
  for (const { seqno } of tasks) {
    if (seqno >= last) return false;
    last = seqno;
  }
  return next === null || (next < before && next <= last);
}

/** The list of a document that was read with this query. */
export function toTaskList(
  { tracked, datasets, tasks, next, app_id }: TasksDocument,
  { state, datasetId }: TaskListQuery,
): TaskList {
  const rows = tasks.map(toRow).reverse();
  // `tracked` counts the tasks of all datasets.
  const matching = tracked && datasetId === undefined ? countTracked(tracked, state) : null;
  const datasetCount = datasets ?? new Set(rows.map((row) => row.datasetId)).size;
  return {
    rows,
    older: next === null ? 0 : matching === null ? null : Math.max(1, matching - rows.length),
    tracked: tracked ?? null,
    severalDatasets: datasetId === undefined && datasetCount > 1,
    appId: escapeControls(app_id ?? tasks[0]?.app_id ?? ""),
  };
}

function toRow({ seqno, state, ...task }: TasksDocument["tasks"][number]): TaskRow {
  return {
    seqno,
    state,
    datasetId: escapeControls(task.dataset_id),
    createdMs: Date.parse(task.created),
    settledMs: task.settled === null ? null : Date.parse(task.settled),
    durationSeconds: task.duration_seconds,
    attempts: state === "PENDING" ? null : task.attempts.length,
    reason: task.reason === null ? null : escapeControls(task.reason),
    message: task.message ? escapeControls(task.message) : null,
  };
}

function countTracked(tracked: Record<State, number>, state: State | undefined): number {
  return state ? tracked[state] : tracked.PENDING + tracked.SUCCEEDED + tracked.FAILED;
}
