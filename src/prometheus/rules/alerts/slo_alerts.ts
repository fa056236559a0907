import { METRICS } from "../../definitions.ts";
import { type Objectives, percentOf } from "../../slo.ts";
import { OUTAGE } from "../outage_rules.ts";
import { DATASET_LABELS, grown, LOCATION_LABELS, SEVERAL } from "../promql.ts";
import type { Severity } from "../rule_options.ts";
import { countName, type Objective, objectivesOf, ratioName } from "../slo_rules.ts";
import { BURN_RATES, type BurnRate, type Times } from "../windows.ts";
import type { Alert } from "./alert.ts";
import { CHECK, FAILED_TASKS, ownMatchers, steps, WHO_IS_AT_FAULT } from "./runbook.ts";
import { onlyHere, PROBED_FROM, queryOf, reasons } from "./templates.ts";

/** Alerts on error budgets that burn too fast. */
export function budgetAlerts(objectives: Objectives, times: Times): Alert[] {
  const { availability, latency } = objectivesOf(objectives);
  return [
    ...burnAlert(availability, "page", times, availabilityRunbook(times)),
    ...burnAlert(availability, "ticket", times, availabilityRunbook(times)),
    ...burnAlert(latency, "page", times, latencyRunbook(objectives, times)),
    ...burnAlert(latency, "ticket", times, latencyRunbook(objectives, times)),
  ];
}

/** The alert on the burn rates that a share of bad tasks below 1 can reach; none when none can. */
function burnAlert(
  objective: Objective,
  severity: Severity,
  times: Times,
  runbook: string,
): Alert[] {
  const burns = BURN_RATES.filter((burn) =>
    burn.severity === severity && thresholdOf(burn, objective) < 1
  );
  if (burns.length === 0) return [];
  const { title } = objective;
  const speed = severity === "page" ? "Fast" : "Slowly";
  return [{
    alert: `Dataset${title}BudgetBurns${speed}`,
    expr: burns.map((burn) => conditionOf(burn, objective, times)).join("\nor\n"),
    // An outage is an alert of its own: this one waits until it would have fired.
    ...title === "Availability" ? { for: times.outage } : {},
    // At a steady share of failures, the short window holds too few of them now and then.
    ...severity === "page" ? { keep_firing_for: times.window(1) } : {},
    severity,
    summary: `Dataset {{ $labels.dataset_id }}${PROBED_FROM}: ` +
      `${sharesOf(objective, burns, times)}. Its ${title.toLowerCase()} budget burns ` +
      speed.toLowerCase() + whyAndWhere(objective, burns, times),
    description: descriptionOf(objective, burns, times),
    runbook,
    view: {
      tasks: title === "Latency" ? "succeeded" : "failed",
      lookBackSeconds: Math.max(...burns.map(({ long }) => times.windowSeconds(long))),
    },
  }];
}

/** The shares of bad tasks now and in each long window: whether it goes on, and for how long. */
function sharesOf(objective: Objective, burns: BurnRate[], times: Times): string {
  const { subject, predicate } = objective;
  const shortest = Math.min(...burns.map(({ short }) => short));
  return [shortest, ...burns.map(({ long }) => long)]
    .map((multiple) => times.window(multiple))
    .map((window, i) => {
      const query = queryOf(
        DATASET_LABELS,
        (own) => `100 * ${ratioName(objective, window)}{${own}}`,
      );
      const share = `{{ range ${query} }}{{ printf "%.3g" .Value }} %{{ else }}none{{ end }}`;
      return `${share}${i === 0 ? ` of the ${subject} ${predicate}` : ""} in the last ${window}`;
    }).join(", ");
}

/** The reasons of failures, and the locations where the budget does not burn. */
function whyAndWhere(objective: Objective, burns: BurnRate[], times: Times): string {
  const burn = burns.reduce((one, other) => one.short > other.short ? one : other);
  const [window, threshold] = [times.window(burn.short), thresholdOf(burn, objective)];
  const elsewhere = queryOf(DATASET_LABELS, (own) => {
    const ratio = `${ratioName(objective, window)}{${own.replace("location=", "location!=")}}`;
    return `${ratio} <= ${threshold} unless on () (${ratio} > ${threshold})`;
  });
  const first = ". Most frequent reasons: ";
  const why = objective.title === "Availability" ? reasons(DATASET_LABELS, window, { first }) : "";
  return why + onlyHere(elsewhere);
}

/**
 * Both windows burn. Nothing is said of less history than the short window, nor of an outage, which
 * has an alert of its own, until failures go on after it.
 */
function conditionOf(burn: BurnRate, objective: Objective, times: Times): string {
  const [long, short] = [times.window(burn.long), times.window(burn.short)];
  const threshold = thresholdOf(burn, objective);
  const ratio = ratioName(objective, short);
  const notInOutage = objective.title === "Availability"
    ? `\n  unless ${OUTAGE}\n  unless (max_over_time(${OUTAGE}[${short}]) unless ${
      grown(DATASET_LABELS, METRICS.failed.name, times.recent)
    })`
    : "";
  return `(
  ${ratioName(objective, long)} > ${threshold}
  and ${ratio} > ${threshold}
  and ${countName(objective, short)} ${SEVERAL}
  and last_over_time(${ratio}[${short}] offset ${short})${notInOutage}
)`;
}

function descriptionOf(objective: Objective, burns: BurnRate[], times: Times): string {
  const { subject, predicate } = objective;
  const limits = burns.map((burn) =>
    `${percentOf(thresholdOf(burn, objective))} in the last ${
      times.window(burn.long)
    } and in the ` +
    `last ${times.window(burn.short)}`
  );
  return `At least three of a dataset's ${subject} ${predicate}: more than ` +
    `${limits.join(", or more than ")}.`;
}

function thresholdOf({ factor }: BurnRate, { budget }: Objective): number {
  return Number((factor * budget).toPrecision(6));
}

function availabilityRunbook(times: Times): string {
  const failures = `${METRICS.failures.name}{${ownMatchers(DATASET_LABELS)}}`;
  return steps(
    `First look at the failures by reason: \`sum by (reason) (increase(${failures}` +
      `[${times.window(12)}]))\`, or the dashboard's panel "Failures by reason".`,
    WHO_IS_AT_FAULT,
    `Open ${FAILED_TASKS}: it shows each response, and whether failures come in bursts or evenly. ` +
      "If the last failure is old, the fault is over and this alert ends by itself.",
    `Run ${CHECK}: it says what to do about a failure.`,
    "If it is the platform's fault, send its team the reason, the time of the first failure and " +
      "one `trace_id`.",
  );
}

function latencyRunbook({ latencySeconds }: Objectives, times: Times): string {
  const { phaseDuration } = METRICS;
  const [phase] = phaseDuration.labels;
  const seconds = (suffix: string) => {
    const own = `${phaseDuration.name}_${suffix}{${ownMatchers(LOCATION_LABELS)}}`;
    return `sum by (${phase}) (rate(${own}[${times.window(1)}]))`;
  };
  return steps(
    'First look at which phase became slower: the dashboard\'s panel "Where the time goes", or ' +
      `\`${seconds("sum")} / ${seconds("count")}\`.`,
    "resolve, connect and tls point to the network or the probe's machine, token to the identity " +
      "provider, processing and transfer to the platform.",
    "Open `/tasks?state=succeeded&dataset_id={{ $labels.dataset_id }}` on the probe and look for " +
      `tasks above ${latencySeconds} s. Several attempts mean that the first ones failed.`,
    "Look at the dashboard's panel \"Schedule lag\": if slots come late, the probe's machine is " +
      "too busy and its durations are wrong.",
  );
}
