import { readEndpointCredentials } from "../config/credentials.ts";
import type { TasksCommand } from "./command_line.ts";
import type { Config } from "../config/config.ts";
import { EXIT } from "../core/exit_code.ts";
import type { Runtime } from "../runtime/runtime.ts";
import {
  newestTasks,
  PAGE,
  type TaskList,
  taskListOf,
  type TaskListQuery,
} from "../probe_client/task_list.ts";
import { localProbeClient, probeClientAt } from "../probe_client/probe_client.ts";
import { toSafeJson } from "../text/escape.ts";
import type { Screen } from "../terminal/screen.ts";
import {
  headingOf,
  NONE_FITS,
  olderLine,
  renderTable,
  type TableOptions,
  tallyOf,
} from "../terminal/table.ts";
import { STATES } from "../core/task.ts";
import { watchOnScreen, watchPlainly } from "../terminal/watch.ts";

const DEFAULT_ROWS = 20;

/** How many tasks a watch reads at most, to find so many that have settled as it has columns. */
const MAX_TASKS_READ = 3 * PAGE;

/**
 * Shows the tasks of a probe that is running, once or for as long as somebody watches; returns the
 * exit code. `screen` is null where standard output is no terminal. Throws a `ProbeClientError`.
 */
export async function showTasks(
  command: TasksCommand,
  { utc }: { utc: boolean },
  config: Pick<Config, "host" | "port" | "tls" | "bearerAuth" | "basicAuth">,
  runtime: Runtime,
  screen: Screen | null,
  signal: AbortSignal,
): Promise<number> {
  const { stdout, clock, terminal } = runtime;
  const { json, state, datasetId } = command;
  const access = await readEndpointCredentials(config, runtime.readFile);
  const client = command.url
    ? probeClientAt(command.url, access)
    : await localProbeClient(config, access, runtime.readFile);
  const rows = command.rows ?? DEFAULT_ROWS;
  const filter = filterOf(command);

  const newest = (query: TaskListQuery, most: number) =>
    newestTasks(client, query, most, runtime, signal);
  const look = async () => taskListOf(await newest(command, rows), command);

  if (json) {
    stdout.write(toSafeJson(await newest(command, rows), 2) + "\n");
    return EXIT.ok;
  }
  if (!command.watch) {
    const taskList = await look();
    const lines = linesOf(taskList, filter, clock.now(), { ...terminal(), utc });
    stdout.write([...lines, ""].join("\n"));
    return EXIT.ok;
  }
  if (!screen) {
    const table = (taskList: TaskList, nowMs: number) =>
      linesOf(taskList, filter, nowMs, { ...terminal(), utc });
    return await watchPlainly({ look, table }, runtime, signal);
  }
  const shown = { url: client.url.href.replace(/\/$/, ""), filter, utc, mostRows: command.rows };
  // Pending tasks have no duration yet and are read besides: as many as the last look has seen.
  let pending = MAX_TASKS_READ;
  return await watchOnScreen(
    {
      ...shown,
      async look(wanted) {
        const most = Math.min(wanted.durations + pending, MAX_TASKS_READ);
        // Tasks of one state do not show how the durations are.
        const recent = taskListOf(
          await newest({ datasetId }, state ? most : Math.max(wanted.rows, most)),
          { datasetId },
        );
        pending = recent.rows.filter((row) => row.state === "PENDING").length;
        const taskList = state ? taskListOf(await newest(command, wanted.rows), command) : recent;
        return { taskList, recent: recent.rows };
      },
    },
    runtime,
    screen,
    signal,
  );
}

/** A taskList as a table with what is shown over it. */
function linesOf(taskList: TaskList, filter: string, nowMs: number, options: TableOptions) {
  const { rows, older, severalDatasets, tracked } = taskList;
  const more = rows.length === 0 && older === 0 && filter ? NONE_FITS : olderLine(older);
  const tally = tracked ? tallyOf(tracked) : tallyOfShown(taskList);
  return [
    ...headingOf(nowMs, tally + filter, options),
    ...renderTable(rows, { severalDatasets, nowMs, more }, options),
  ];
}

/** The tally of what is shown, where a probe tells no other. */
function tallyOfShown({ rows }: TaskList): string {
  const counts = STATES.map((state) =>
    `${rows.filter((row) => row.state === state).length} ${state.toLowerCase()}`
  );
  return `${rows.length} shown: ${counts.join(", ")}`;
}

function filterOf({ state, datasetId }: TaskListQuery): string {
  const parts = [state?.toLowerCase(), datasetId && `dataset ${datasetId}`].filter(Boolean);
  return parts.length === 0 ? "" : ` (shown: ${parts.join(", ")})`;
}
