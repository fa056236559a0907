import { lineOf } from "../../probing/log/task_log.ts";
import { paintTaskState, renderRunSummary } from "../../terminal/run_summary.ts";
import { describeLinks } from "../../text/links.ts";
import { createTableRenderer } from "../serve_parts.ts";
import type { RunOptions } from "./options.ts";
import type { Report, ReportContext } from "./report.ts";
import type { RunResult } from "./run_record.ts";

/** A line for each task, one for each dataset at the end, and the table where it is asked for. */
export function createLineReport(
  { config, options, view, runtime, backlog }: ReportContext,
): Report {
  const { color } = runtime.terminal();
  return {
    settled({ task, tooSlow }) {
      const paint = (state: typeof task.state) => paintTaskState(state, color);
      const late = tooSlow ? `, slower than ${options.maxDurationSeconds} s: counts as failed` : "";
      return `${lineOf(task, { traceUrl: config.traceUrl, paint })}${late}\n`;
    },
    async end(result) {
      const lines = [
        ...renderRunSummary(result.datasets, color),
        ...waitLines(result, options),
        ...linksFor(result.datasets, config),
      ];
      const text = [...lines, ""].join("\n");
      if (!view.table) return text;
      const renderTable = await createTableRenderer(config, view, runtime);
      return text + renderTable(backlog);
    },
  };
}

/** Where to look further, when a dataset has failed. */
function linksFor(datasets: RunResult["datasets"], config: ReportContext["config"]): string[] {
  const failed = datasets.filter((dataset) => dataset.failed).map(({ datasetId }) => datasetId);
  return failed.length === 0 ? [] : describeLinks(config, failed);
}

/** How a wait ended, when that was asked for. */
function waitLines(
  { datasets, durationSeconds }: RunResult,
  { waitSeconds }: RunOptions,
): string[] {
  if (waitSeconds === null) return [];
  const bad = datasets.filter(({ failed, last }) => failed || last === null).length;
  const all = datasets.length === 1 ? "1 dataset" : `${datasets.length} datasets`;
  const end = bad === 0 ? "every dataset has succeeded" : `${bad} of ${all} did not succeed`;
  return [`waited ${durationSeconds.toFixed(1)} s: ${end}`];
}
