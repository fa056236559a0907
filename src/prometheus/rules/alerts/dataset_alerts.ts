import { METRICS } from "../../definitions.ts";
import { DATASET_OUTAGE } from "../outage_rules.ts";
import { DATASET_LABELS, FLEET_LABELS, increase, LOCATION_LABELS } from "../promql.ts";
import type { Times } from "../windows.ts";
import type { Alert } from "./alert.ts";
import { CHECK, FAILED_TASKS, ownMatchers, steps, WHO_IS_AT_FAULT } from "./runbook.ts";
import {
  failsSince,
  IN_ENVIRONMENT,
  onlyHere,
  probedFromAll,
  queryOf,
  reasons,
  THIS_LOCATION,
} from "./templates.ts";

/** Alerts on datasets of which every task fails. */
export function datasetAlerts(times: Times): Alert[] {
  return [datasetFails(times), datasetFailsFromOneLocation(times)];
}

function datasetFails(times: Times): Alert {
  const { created, failures } = METRICS;
  const { outage } = times;
  const from = probedFromAll(FLEET_LABELS, DATASET_OUTAGE);
  const others = `${failures.name}{${ownMatchers("job, environment")}}`;
  return {
    alert: "DatasetFails",
    // Without `location`: an outage that spreads stays one alert.
    expr: `count by (${FLEET_LABELS}) (${DATASET_OUTAGE}) >= 2
or
count by (${FLEET_LABELS}) (${DATASET_OUTAGE})
unless
${succeedsElsewhere(times)}`,
    severity: "page",
    summary: `${failsSince(FLEET_LABELS, outage, `${from} has failed`)}: ${
      reasons(FLEET_LABELS, outage, { explained: true })
    }`,
    description: `For ${outage} every task of a dataset has failed, at least three: from each ` +
      "location that probes it, or from two at least. Its users are probably affected.",
    runbook: steps(
      `First look at ${FAILED_TASKS}: status and reason of each attempt, and the start of the ` +
        `last response. \`${created.name}{${ownMatchers(FLEET_LABELS)}}\` lists the addresses of ` +
        "the probes.",
      `Run ${CHECK}: it tries the host name, the token and the dataset in turn, and says what ` +
        "to do about the first that fails.",
      "See whether other datasets fail too: " +
        `\`${increase("dataset_id, reason", others, outage)} > 0\`. If only this one ` +
        "fails, check its ID and the client's permissions. If it is probed from one location " +
        "alone, suspect the probe's own network too.",
      WHO_IS_AT_FAULT,
      "If it is the platform's fault, send its team the reason and one `trace_id`.",
    ),
  };
}

/**
 * Datasets with a success where they are not in an outage: there, one success ends nothing. A location
 * whose probe is away, or has just come back, counts as it was left.
 */
function succeedsElsewhere({ outage, hours }: Times): string {
  const { succeeded, failed } = METRICS;
  const here = `on (${LOCATION_LABELS})`;
  const left = `last_over_time(${succeeded.name}[${hours(1)}]) > 0 unless ${here} ` +
    `(${failed.name} and ${here} ${failed.name} offset ${outage})`;
  return `group by (${FLEET_LABELS}) ((
  ${increase(DATASET_LABELS, succeeded.name, outage)} > 0
  or
  group by (${DATASET_LABELS}) (${left})
) unless ${DATASET_OUTAGE})`;
}

function datasetFailsFromOneLocation(times: Times): Alert {
  const { succeeded } = METRICS;
  const { outage } = times;
  const working = queryOf(
    FLEET_LABELS,
    (own) => `${increase("location", `${succeeded.name}{${own}}`, outage)} > 0`,
  );
  return {
    alert: "DatasetFailsFromOneLocation",
    expr: `${DATASET_OUTAGE}
unless on (${FLEET_LABELS})
count by (${FLEET_LABELS}) (${DATASET_OUTAGE}) >= 2
and on (${FLEET_LABELS})
${succeedsElsewhere(times)}`,
    // Locations do not notice an outage of the dataset in the same second.
    for: times.minutes(1),
    severity: "page",
    summary: `${
      failsSince(DATASET_LABELS, outage, `${IN_ENVIRONMENT} has failed from ${THIS_LOCATION} alone`)
    }: ${reasons(DATASET_LABELS, outage, { explained: true })}${onlyHere(working)}`,
    description: `For ${outage} every task of a dataset has failed, at least three, from one ` +
      "location, while another one reaches it. The probe's own network is suspect.",
    runbook: steps(
      "First look at whether the probe's machine in that location reaches anything else: its name " +
        "server, its gateway, a site outside.",
      `Run ${CHECK}, there and in a location that works: the step that differs is what is broken.`,
      `Open ${FAILED_TASKS}, for the responses. ${WHO_IS_AT_FAULT}`,
      "If its network works, users near that location are probably affected: send the platform's " +
        "team the reason, the location and one `trace_id`.",
    ),
  };
}
