import { METRICS } from "../../definitions.ts";
import type { Objectives } from "../../slo.ts";
import { DATASET_LABELS, increase, JOB, SEVERAL } from "../promql.ts";
import type { Alert } from "./alert.ts";
import {
  CHECK,
  FAILED_TASKS,
  IN_ENVIRONMENT,
  PROBED_FROM,
  steps,
  WHO_IS_AT_FAULT,
} from "./runbook.ts";
import { countName, objectivesOf, ratioName } from "../slo_rules.ts";
import type { Times } from "../windows.ts";

/** Alerts on outages of datasets. */
export function datasetAlerts(objectives: Objectives, times: Times): Alert[] {
  return [datasetFails(times), datasetFailsFromSeveralLocations(objectives, times)];
}

function datasetFails({ outage }: Times): Alert {
  const { succeeded, failed, failures } = METRICS;
  return {
    alert: "DatasetFails",
    expr: `topk by (${DATASET_LABELS}) (1, ${
      increase(`${DATASET_LABELS}, reason`, failures.name, outage)
    })
and on (${DATASET_LABELS}) (
  ${increase(DATASET_LABELS, failed.name, outage)} ${SEVERAL}
  unless
  ${increase(DATASET_LABELS, succeeded.name, outage)} > 0
)`,
    severity: "page",
    summary:
      `Every task of dataset {{ $labels.dataset_id }}${PROBED_FROM} fails: {{ $labels.reason }}`,
    description: `All tasks of a dataset, at least three, have failed for ${outage}. ` +
      "Its users are probably affected.",
    runbook: steps(
      `First look at ${FAILED_TASKS}: status and reason of each attempt, and the start of the ` +
        `last response. \`up{job="${JOB}"}\` lists the addresses of the probes.`,
      `Run ${CHECK}: it tries the host name, the token and the dataset in turn, and says what ` +
        "to do about the first that fails.",
      "See whether other datasets fail too: " +
        `\`${increase("dataset_id, reason", failures.name, outage)}\`. If only this one ` +
        "fails, check its ID and the client's permissions.",
      WHO_IS_AT_FAULT,
      "If it is the platform's fault, send its team the reason and one `trace_id`.",
    ),
  };
}

function datasetFailsFromSeveralLocations(objectives: Objectives, times: Times): Alert {
  const { availability } = objectivesOf(objectives);
  const window = times.window(1);
  const failures = `${METRICS.failures.name}{dataset_id="{{ $labels.dataset_id }}"}`;
  return {
    alert: "DatasetFailsFromSeveralLocations",
    expr: `count by (environment, dataset_id) (
  count by (environment, dataset_id, location) (
    ${ratioName(availability, window)} > 0.5
    and ${countName(availability, window)} ${SEVERAL}
  )
) >= 2`,
    severity: "page",
    summary:
      `Most tasks of dataset {{ $labels.dataset_id }}${IN_ENVIRONMENT} fail from {{ $value }} locations`,
    description: `More than half of a dataset's tasks, at least three, have failed for ${window} ` +
      "in two locations or more. One probe or its network is not the cause.",
    runbook: steps(
      "First look at whether all locations fail for the same reason: " +
        `\`${increase("location, reason", failures, window)}\`.`,
      `If they do, the cause is shared: the platform, the identity provider or the client's ` +
        `credentials. ${WHO_IS_AT_FAULT}`,
      `Open ${FAILED_TASKS}, in any location, for the responses.`,
      "If it is the platform's fault, send its team the reason and one `trace_id` of each " +
        "location.",
    ),
  };
}
