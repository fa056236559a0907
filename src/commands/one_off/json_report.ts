import { type State, STATES, type Task } from "../../core/task.ts";
import { DOCUMENT_VERSION, taskToJson } from "../../core/task_json.ts";
import { VERSION } from "../../core/version.ts";
import { sumRuns } from "../../terminal/run_summary.ts";
import { toSafeJson } from "../../text/escape.ts";
import type { Report, ReportContext } from "./report.ts";
import type { DatasetResult } from "./run_record.ts";

type TaskDocument = ReturnType<typeof taskToJson> & { too_slow?: boolean };

/** One document at the end, with the tasks as `/tasks` has them, in the order of their numbers. */
export function createJsonReport({ config, options }: ReportContext): Report {
  const { maxDurationSeconds, waitSeconds } = options;
  const tasks: TaskDocument[] = [];
  const add = (task: Task, tooSlow: boolean) =>
    tasks.push({
      ...taskToJson(task, config.appId),
      ...maxDurationSeconds === null ? {} : { too_slow: tooSlow },
    });
  return {
    settled({ task, tooSlow }) {
      add(task, tooSlow);
      return "";
    },
    end({ datasets, abandoned, exitCode }) {
      for (const task of abandoned) add(task, false);
      const document = {
        version: DOCUMENT_VERSION,
        program_version: VERSION,
        environment: config.environmentName,
        url: config.apiUrl,
        exit_code: exitCode,
        wait_seconds: waitSeconds,
        max_duration_seconds: maxDurationSeconds,
        counts: countsOf(sumRuns(datasets)),
        datasets: datasets.map((dataset) => ({
          dataset_id: dataset.datasetId,
          url: dataset.url,
          state: dataset.state,
          failed: dataset.failed,
          counts: countsOf(dataset),
        })),
        tasks: tasks.sort((a, b) => a.seqno - b.seqno),
      };
      return toSafeJson(document, 2) + "\n";
    },
  };
}

function countsOf(
  { counts, tooSlow, reasons }: Pick<DatasetResult, "counts" | "tooSlow" | "reasons">,
) {
  const byState = (state: State) => counts[state];
  return {
    created: STATES.map(byState).reduce((sum, count) => sum + count, 0),
    pending: counts.PENDING,
    succeeded: counts.SUCCEEDED,
    failed: counts.FAILED,
    too_slow: tooSlow,
    reasons: Object.fromEntries(reasons),
  };
}
