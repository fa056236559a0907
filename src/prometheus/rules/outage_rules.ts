import { reasonsFrom } from "../../core/reasons.ts";
import { METRICS } from "../definitions.ts";
import { failingSince } from "./history_rules.ts";
import { DATASET_LABELS, grown, increase, indented, LOCATION_LABELS, SEVERAL } from "./promql.ts";
import type { RecordingRule } from "./rule_file.ts";
import { duration, type Times } from "./windows.ts";

/**
 * Since when a dataset fails of which every task has failed for a while, until it recovers; seconds
 * since the epoch. No sample of any other.
 */
export const OUTAGE = "dataset:probe_outage:since";

/** The same for outages that did not begin with tasks that only lack a token. */
export const DATASET_OUTAGE = "dataset:probe_outage_of_dataset:since";

/** The reasons of a task that sends no request to the platform, since it gets no token. */
const WITHOUT_TOKEN = reasonsFrom("identity provider").join("|");

/** In so many steps a window is looked at for gaps; so many of them must have a sample. */
const [STEPS, NEEDED_STEPS] = [24, 20];

/** Which datasets fail altogether: alerts on them and on budgets must not differ about that. */
export function outageRules(times: Times): RecordingRule[] {
  const withToken = `${METRICS.failures.name}{reason!~"${WITHOUT_TOKEN}"}`;
  return [
    {
      record: OUTAGE,
      // In this order it keeps its begin, of which a probe that is restarted knows nothing.
      expr: `(\n  ${indented(lasts(times))}\n)\nor\n(\n  ${indented(begins(times))}\n)`,
    },
    {
      record: DATASET_OUTAGE,
      // An outage keeps its name when the token ends meanwhile.
      expr: `${OUTAGE}
and (
  ${increase(DATASET_LABELS, withToken, times.outage)} ${SEVERAL}
  or
  ${DATASET_OUTAGE}
)`,
    },
  ];
}

/**
 * All tasks of the window failed. Nothing is said of a window with a gap, in which Prometheus has not
 * seen the dataset: it is new, or the probe was away.
 */
function begins({ outage, outageSeconds }: Times): string {
  const { succeeded, failed } = METRICS;
  const step = duration(outageSeconds / STEPS);
  return `(
  ${indented(failingSince())}
  or
  (time() - ${outageSeconds}) * group by (${DATASET_LABELS}) (${failed.name})
)
and
${increase(DATASET_LABELS, failed.name, outage)} ${SEVERAL}
unless
${increase(DATASET_LABELS, succeeded.name, outage)} > 0
and on (${DATASET_LABELS})
last_over_time(${failed.name}[${outage}] offset ${outage})
and
count_over_time((group by (${DATASET_LABELS}) (${failed.name}))[${outage}:${step}]) >= ${NEEDED_STEPS}`;
}

/**
 * It began before, and nothing says that it is over: most tasks fail, and there was no time with two
 * successes and without a failure, or nobody has looked since. One success may be alone between two
 * scrapes, while most tasks fail.
 */
function lasts(times: Times): string {
  const { outage, recovery } = times;
  const { succeeded, failed } = METRICS;
  const [by, on] = [`by (${DATASET_LABELS})`, `on (${DATASET_LABELS})`];
  return `${OUTAGE}
unless ${on} (
  ${grown(DATASET_LABELS, succeeded.name, recovery, 2)}
  unless ${grown(DATASET_LABELS, failed.name, recovery)}
  or
  ${increase(DATASET_LABELS, succeeded.name, outage)}
  > ${increase(DATASET_LABELS, failed.name, outage)}
)
and ${on} (
  group ${by} (${failed.name})
  or
  group ${by} (${nobodyLooks(times)})
)`;
}

/** The datasets of a location whose probe is away, but not for good. */
export function nobodyLooks({ hours }: Times): string {
  const { failed } = METRICS;
  return `last_over_time(${failed.name}[${
    hours(1)
  }]) unless on (${LOCATION_LABELS}) ${failed.name}`;
}
