import { reasonsFrom } from "../../core/reasons.ts";
import { METRICS } from "../definitions.ts";
import { DATASET_LABELS, increase, SEVERAL } from "./promql.ts";
import type { RecordingRule } from "./rule_file.ts";
import type { Times } from "./windows.ts";

/** How many tasks of a dataset have failed, while none succeeds; no sample otherwise. */
export const OUTAGE = "dataset:probe_outage:failures";

/** The same for outages that did not begin with tasks that only lack a token. */
export const DATASET_OUTAGE = "dataset:probe_outage_of_dataset:failures";

/** The reasons of a task that sends no request to the platform, since it gets no token. */
const WITHOUT_TOKEN = reasonsFrom("identity provider").join("|");

/** Which datasets fail altogether: alerts on them and on budgets must not differ about that. */
export function outageRules({ outage }: Times): RecordingRule[] {
  const { succeeded, failed, failures } = METRICS;
  const withToken = `${failures.name}{reason!~"${WITHOUT_TOKEN}"}`;
  return [
    {
      record: OUTAGE,
      // Of a dataset that Prometheus knows for less than the window, nothing is said yet.
      expr: `${increase(DATASET_LABELS, failed.name, outage)} ${SEVERAL}
unless
${increase(DATASET_LABELS, succeeded.name, outage)} > 0
and on (${DATASET_LABELS})
last_over_time(${failed.name}[${outage}] offset ${outage})`,
    },
    {
      record: DATASET_OUTAGE,
      // An outage keeps its name when the token ends meanwhile.
      expr: `${OUTAGE}
and (
  ${increase(DATASET_LABELS, withToken, outage)} ${SEVERAL}
  or
  ${DATASET_OUTAGE}
)`,
    },
  ];
}
