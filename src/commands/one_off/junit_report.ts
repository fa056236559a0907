import type { Attempt } from "../../core/task.ts";
import { VERSION } from "../../core/version.ts";
import { describeReasons } from "../../terminal/run_summary.ts";
import { formatSeconds, formatTraceUrl } from "../../text/format.ts";
import { describeLinks } from "../../text/links.ts";
import { renderXml, type XmlElement } from "../../text/xml.ts";
import { describeTooSlow } from "./advice.ts";
import type { Report, ReportContext } from "./report.ts";
import type { DatasetResult, RunResult, Settlement } from "./run_record.ts";

/** A task of a dataset, and what is reported of it. */
type Case = {
  datasetId: string;
  /** Its number among those of the dataset. */
  number: number;
  /** How it ended, or why it did not. */
  result: Settlement | string;
  /** What is said of the tasks before it. */
  earlier?: string;
};

/**
 * JUnit XML at the end: a test case for each task; after a wait, one for the last task of each
 * dataset. The document keeps to what the schemas of Maven Surefire and Jenkins have in common: a
 * `testsuite` as the root, children in one order, three digits of a second.
 */
export function createJunitReport({ config, options }: ReportContext): Report {
  const { count, waitSeconds, maxDurationSeconds } = options;
  const settlements: Settlement[] = [];
  return {
    settled(settlement) {
      // After a wait the results hold the tasks that count.
      if (waitSeconds === null) settlements.push(settlement);
      return "";
    },
    end(result) {
      const cases = casesOf(result).map(testCase);
      const withOutcome = (outcome: string) =>
        cases.filter(({ children }) => children.some(({ name }) => name === outcome)).length;
      return renderXml({
        name: "testsuite",
        attributes: {
          name: config.environmentName ? `${PROGRAM} ${config.environmentName}` : PROGRAM,
          tests: cases.length,
          failures: withOutcome("failure"),
          errors: withOutcome("error"),
          skipped: withOutcome("skipped"),
          time: result.durationSeconds.toFixed(3),
        },
        children: [propertiesOf(result), ...cases],
      });
    },
  };

  function casesOf({ datasets, abandoned }: RunResult): Case[] {
    const created = waitSeconds === null
      ? createdCases(abandoned)
      : datasets.flatMap((dataset) => caseAfterWait(dataset, abandoned));
    return [...created, ...datasets.flatMap(missingCase)];
  }

  function createdCases(abandoned: RunResult["abandoned"]): Case[] {
    const numbers = new Map<string, number>();
    return [...settlements, ...abandoned.map((task) => ({ task }))]
      .sort((a, b) => a.task.seqno - b.task.seqno)
      .map((each) => {
        const { datasetId } = each.task;
        const number = (numbers.get(datasetId) ?? 0) + 1;
        numbers.set(datasetId, number);
        return { datasetId, number, result: "advice" in each ? each : ABANDONED };
      });
  }

  /** One case for all tasks that a dataset lacks: there may be a million of them. */
  function missingCase({ datasetId, missing }: DatasetResult): Case[] {
    if (missing === 0) return [];
    const which = count > 1 ? `${missing} of ${count} tasks were ` : "";
    const result = `${which}not created: ${INTERRUPTED}`;
    return [{ datasetId, number: count - missing + 1, result }];
  }

  function testCase({ datasetId, number, result, earlier }: Case) {
    const settlement = typeof result === "string" ? null : result;
    const skipped = { name: "skipped", attributes: { message: String(result) } };
    const ofMany = count > 1 ? `, task ${number} of ${count}` : "";
    return {
      name: "testcase",
      attributes: {
        classname: datasetId,
        name: `metadata of ${datasetId}${ofMany}`,
        time: (settlement?.task.durationSeconds ?? 0).toFixed(3),
      },
      children: [
        ...settlement ? outcomeOf(settlement) : [skipped],
        ...earlier === undefined ? [] : [{ name: "system-out", children: [earlier] }],
      ],
    };
  }

  function outcomeOf({ task, advice, tooSlow }: Settlement): XmlElement[] {
    if (task.state === "FAILED") {
      // A fault of the probe is none of the platform, which is what is tested.
      const name = task.reason === "internal" ? "error" : "failure";
      const message = `${task.reason}: ${task.message}`;
      const text = [message, advice, ...detailsOf(task)].join("\n");
      return [{ name, attributes: { type: task.reason, message }, children: [text] }];
    }
    if (!tooSlow) return [];
    const message = describeTooSlow(task, maxDurationSeconds);
    const text = [message, advice, ...detailsOf(task)].join("\n");
    return [{ name: "failure", attributes: { type: "too_slow", message }, children: [text] }];
  }

  function detailsOf({ datasetId, traceId, attempts }: Settlement["task"]): string[] {
    const { apiUrl, traceUrl } = config;
    return [
      ...describeLinks(config, [datasetId]),
      `URL: ${apiUrl}/${datasetId}`,
      `trace: ${traceUrl === undefined ? traceId : formatTraceUrl(traceUrl, traceId)}`,
      ...attempts.map((attempt, i) => `attempt ${i + 1}: ${describeAttempt(attempt)}`),
    ];
  }

  function propertiesOf({ exitCode }: RunResult): XmlElement {
    const properties = {
      version: VERSION,
      environment: config.environmentName,
      url: config.apiUrl,
      app_id: config.appId,
      wait_seconds: waitSeconds,
      max_duration_seconds: maxDurationSeconds,
      exit_code: exitCode,
    };
    return {
      name: "properties",
      children: Object.entries(properties).filter(([, value]) => value !== null)
        .map(([name, value]) => ({ name: "property", attributes: { name, value } })),
    };
  }
}

const PROGRAM = "dataplatform-probe";

const INTERRUPTED = "the run was interrupted";

const ABANDONED = `abandoned: ${INTERRUPTED}`;

/** The task of a dataset that a wait ended with; none when not one was even created. */
function caseAfterWait(
  { datasetId, last, counts, tooSlow, reasons }: DatasetResult,
  abandoned: RunResult["abandoned"],
): Case[] {
  const pending = abandoned.find((task) => task.datasetId === datasetId);
  const result = pending ? ABANDONED : last;
  if (result === null) return [];
  const bad = counts.FAILED + tooSlow;
  const tries = counts.SUCCEEDED + counts.FAILED;
  const earlier = `${bad} of ${tries} tries failed: ${describeReasons({ reasons, tooSlow })}`;
  return [{ datasetId, number: 1, result, ...tries > 1 ? { earlier } : {} }];
}

function describeAttempt({ status, reason, durationSeconds }: Attempt): string {
  const result = [reason, status && `status ${status}`].filter(Boolean).join(", ");
  return `${result} in ${formatSeconds(durationSeconds)}`;
}
