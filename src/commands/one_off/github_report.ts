import { VERSION } from "../../core/version.ts";
import { STATE_DEFINITIONS } from "../../core/verdict/states.ts";
import { describeRunCounts } from "../../terminal/run_summary.ts";
import { escapeCommandMessage, escapeCommandProperty, escapeMarkdown } from "../../text/escape.ts";
import { formatSeconds } from "../../text/format.ts";
import { describeLinks, statusPageLink } from "../../text/links.ts";
import { describeTooSlow } from "./advice.ts";
import { createLineReport } from "./line_report.ts";
import type { Report, ReportContext } from "./report.ts";
import type { DatasetResult, RunResult, Settlement } from "./run_record.ts";

/** GitHub shows so many errors of a step. */
const MAX_ANNOTATIONS = 10;

/** The folded part of the log that holds the step summary. */
const SUMMARY_GROUP = "Step summary";

/**
 * The lines of a run for the log of a GitHub Actions step: under them an annotation for each dataset
 * that failed, and the step summary in Markdown as a group of its own, since the program may write no
 * file. What comes from the platform is no workflow command: the runner is told to read none there.
 */
export function createGithubReport(context: ReportContext): Report {
  const { config, options, runtime } = context;
  const lines = createLineReport(context);
  const stop = () => {
    const token = runtime.random.hex(16);
    return { begin: `::stop-commands::${token}\n`, end: `::${token}::\n` };
  };
  const ofLines = stop();
  const ofSummary = stop();
  return {
    start: () => ofLines.begin,
    settled: lines.settled,
    async end(result) {
      const failed = result.datasets.filter((dataset) => dataset.failed);
      return [
        await lines.end(result),
        ofLines.end,
        ...annotationsOf(failed).map((annotation) => `${annotation}\n`),
        `::group::${SUMMARY_GROUP}\n`,
        ofSummary.begin,
        summaryOf(result),
        ofSummary.end,
        "::endgroup::\n",
      ].join("");
    },
  };

  function annotationsOf(failed: readonly DatasetResult[]): string[] {
    if (failed.length <= MAX_ANNOTATIONS) return failed.map(annotationOf);
    const shown = failed.slice(0, MAX_ANNOTATIONS - 1);
    const others = failed.slice(MAX_ANNOTATIONS - 1).map(({ datasetId }) => datasetId);
    const title = `${others.length} more datasets failed`;
    return [...shown.map(annotationOf), errorCommand(title, others.join(", "))];
  }

  /** The title stays below the 255 characters that GitHub takes. */
  function annotationOf(dataset: DatasetResult): string {
    const { datasetId, counts, tooSlow, lastBad, url } = dataset;
    const settled = counts.SUCCEEDED + counts.FAILED;
    const tasks = `${counts.FAILED + tooSlow} of ${settled} ${settled === 1 ? "task" : "tasks"}`;
    const lines = [
      ...lastBad === null ? [] : causeOf(lastBad),
      ...settled > 1 ? [describeRunCounts(dataset)] : [],
      url,
      ...describeLinks(config, [datasetId]),
    ];
    return errorCommand(`${datasetId}: ${tasks} failed`, lines.join("\n"));
  }

  /** What went wrong with a task, and what to do about it. */
  function causeOf({ task, advice }: Settlement): string[] {
    if (task.state === "FAILED") return [`${task.reason}: ${task.message}`, advice ?? ""];
    return [describeTooSlow(task, options.maxDurationSeconds), advice ?? ""];
  }

  function summaryOf(result: RunResult): string {
    const { datasets, exitCode } = result;
    const about = [`dataplatform-probe ${VERSION}`, config.environmentName, config.apiUrl]
      .flatMap((part) => part === null ? [] : escapeMarkdown(part));
    return [
      `### Dataplatform: ${headingOf(result)}`,
      "",
      "| Dataset | Result | State | Tasks | Last duration | Cause |",
      "| --- | --- | --- | --- | --- | --- |",
      ...datasets.map(rowOf),
      "",
      `${about.join(", ")}, exit code ${exitCode}`,
      "",
    ].join("\n");
  }

  /** The dataset with a link to its failed tasks, where the address of a running probe is known. */
  function linkedName(datasetId: string): string {
    const link = statusPageLink(config, datasetId);
    const name = escapeMarkdown(datasetId);
    return link === null ? name : `[${name}](<${new URL(link).href.replaceAll("|", "%7C")}>)`;
  }

  function rowOf(dataset: DatasetResult): string {
    const { datasetId, state, last, lastBad, failed } = dataset;
    const results = [
      ...failed ? ["**failed**"] : [],
      ...dataset.missing + dataset.counts.PENDING > 0 ? ["interrupted"] : [],
    ];
    const cells = [
      linkedName(datasetId),
      results.join(", ") || "passed",
      STATE_DEFINITIONS[state].word,
      escapeMarkdown(describeRunCounts(dataset)),
      last === null ? "" : formatSeconds(last.task.durationSeconds),
      failed && lastBad ? causeOf(lastBad).map(escapeMarkdown).join("<br>") : "",
    ];
    return `| ${cells.join(" | ")} |`;
  }
}

function headingOf({ datasets, interrupted }: RunResult): string {
  const failed = datasets.filter((dataset) => dataset.failed).length;
  const [first] = datasets;
  const name = datasets.length === 1 && first ? escapeMarkdown(first.datasetId) : null;
  if (failed > 0) {
    const what = name ?? `${failed} of ${datasets.length} datasets`;
    return `${what} failed${interrupted ? ", interrupted" : ""}`;
  }
  if (interrupted) return "interrupted";
  return name === null ? `all ${datasets.length} datasets work` : `${name} works`;
}

function errorCommand(title: string, message: string): string {
  return `::error title=${escapeCommandProperty(title)}::${escapeCommandMessage(message)}`;
}
