import type { Config } from "../config/config.ts";
import { readEndpointCredentials } from "../config/credentials.ts";
import { EXIT } from "../core/exit_code.ts";
import { STATES } from "../core/task.ts";
import { ProbeClientError } from "../probe_client/errors.ts";
import {
  createLocalProbeClient,
  createProbeClient,
  type ProbeClient,
} from "../probe_client/probe_client.ts";
import { type ProbeStatus, readProbeStatus } from "../probe_client/probe_status.ts";
import {
  PAGE_SIZE,
  readNewestTasks,
  type TaskList,
  type TaskListQuery,
  type TasksDocument,
  toTaskList,
} from "../probe_client/task_list.ts";
import type { Runtime } from "../runtime/runtime.ts";
import { renderDatasetLines } from "../terminal/dataset_lines.ts";
import type { Screen } from "../terminal/screen.ts";
import {
  describeCounts,
  footerFor,
  NO_MATCH,
  renderHeading,
  renderTable,
} from "../terminal/table.ts";
import {
  type ScreenWatch,
  type ShownTasks,
  watchAsText,
  watchOnScreen,
} from "../terminal/watch.ts";
import { toSafeJson } from "../text/escape.ts";
import { DEFAULT_ROWS, type TasksCommand } from "./command_line.ts";

/** The most tasks that one poll of a watch reads to fill the line of durations. */
const MAX_TASKS_READ = 3 * PAGE_SIZE;

/** Reads the newest tasks of one probe. */
type Read = (query: TaskListQuery, limit: number) => Promise<TasksDocument>;

/**
 * Shows the tasks of a running probe, once or as a watch that lasts until `signal` aborts; returns
 * the exit code. `screen` is null when standard output is not a terminal. Throws a `ProbeClientError`
 * when the probe cannot be read, and a `FileError` for the files of its credentials.
 */
export async function showTasks(
  command: TasksCommand,
  { utc }: { utc: boolean },
  config: Pick<Config, "host" | "port" | "tls" | "bearerAuth" | "basicAuth">,
  runtime: Runtime,
  screen: Screen | null,
  signal: AbortSignal,
): Promise<number> {
  const { stdout, clock } = runtime;
  const client = await createClient(command, config, runtime.readFile);
  const rows = command.rows ?? DEFAULT_ROWS;
  const read: Read = (query, limit) => readNewestTasks(client, query, limit, runtime, signal);
  const readStatus = () => readProbeStatus(client, command.datasetId, runtime, signal);
  const readShown = async (): Promise<ShownTasks> => ({
    taskList: toTaskList(await read(command, rows), command),
    // The table is worth showing where a proxy, or another version, has no such status.
    status: await readStatus().catch(nullIfUnreadable),
  });
  const render = (shown: ShownTasks, nowMs: number) =>
    renderShown(shown, describeFilter(command), nowMs, { ...runtime.terminal(), rows, utc });

  if (command.json) {
    stdout.write(toSafeJson(await read(command, rows), 2) + "\n");
    return EXIT.ok;
  }
  if (!command.watch) {
    stdout.write([...render(await readShown(), clock.now()), ""].join("\n"));
    return EXIT.ok;
  }
  if (!screen) return await watchAsText({ poll: readShown, render }, runtime, signal);
  const watch: ScreenWatch = {
    url: client.url.href.replace(/\/$/, ""),
    filter: describeFilter(command),
    poll: pollForScreen(read, readStatus, command),
    maxTasks: command.rows,
    utc,
  };
  return await watchOnScreen(watch, runtime, screen, signal);
}

function nullIfUnreadable(error: unknown): null {
  if (error instanceof ProbeClientError) return null;
  throw error;
}

async function createClient(
  { url }: TasksCommand,
  config: Pick<Config, "host" | "port" | "tls" | "bearerAuth" | "basicAuth">,
  readFile: Runtime["readFile"],
): Promise<ProbeClient> {
  const credentials = await readEndpointCredentials(config, readFile);
  return url
    ? createProbeClient(url, credentials)
    : await createLocalProbeClient(config, credentials, readFile);
}

/**
 * Reads the tasks of the table, as many recent tasks as fill the line of durations, and the states of
 * the datasets.
 */
function pollForScreen(
  read: Read,
  readStatus: () => Promise<ProbeStatus | null>,
  { state, datasetId }: TaskListQuery,
): ScreenWatch["poll"] {
  // Pending tasks have no duration. As many as the last poll found are read in addition.
  let pending = MAX_TASKS_READ;
  return async ({ rows, durations }) => {
    const status = await readStatus();
    const recentQuery = { datasetId };
    // Only one dataset has a line of durations.
    const bars = status && status.datasets.length > 1 ? 0 : durations + pending;
    const recentLimit = Math.min(bars, MAX_TASKS_READ);
    const recent = toTaskList(
      await read(recentQuery, Math.max(state ? 1 : rows, recentLimit)),
      recentQuery,
    );
    pending = recent.rows.filter((row) => row.state === "PENDING").length;
    // The durations are those of all states, so that a state needs a list of its own.
    const query = { state, datasetId };
    const taskList = state ? toTaskList(await read(query, rows), query) : recent;
    return { taskList, recent: recent.rows, status };
  };
}

/** The list as a table, under a heading and the states of the datasets. */
function renderShown(
  { taskList: { rows, older, severalDatasets, tracked }, status }: ShownTasks,
  filter: string,
  nowMs: number,
  { rows: maxLines, ...options }: { rows: number; width: number; utc: boolean; color: boolean },
): string[] {
  const summary = tracked ? describeCounts(tracked) : describeShown(rows);
  const isEmpty = rows.length === 0 && older === 0;
  const footer = isEmpty && filter ? NO_MATCH : footerFor(older);
  return [
    ...renderHeading(nowMs, summary + filter, options),
    ...renderDatasetLines(status?.datasets ?? [], { ...options, nowMs, maxLines, strips: false }),
    ...renderTable(rows, { severalDatasets, nowMs, footer }, options),
  ];
}

/** The counts of the rows themselves, for a probe that does not report its own. */
function describeShown(rows: TaskList["rows"]): string {
  const counts = STATES.map((state) =>
    `${rows.filter((row) => row.state === state).length} ${state.toLowerCase()}`
  );
  return `${rows.length} shown: ${counts.join(", ")}`;
}

function describeFilter({ state, datasetId }: TaskListQuery): string {
  const parts = [state?.toLowerCase(), datasetId && `dataset ${datasetId}`].filter(Boolean);
  return parts.length === 0 ? "" : ` (shown: ${parts.join(", ")})`;
}
