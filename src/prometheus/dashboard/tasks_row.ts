import { METRICS } from "../definitions.ts";
import { listOrigins } from "../reason_text.ts";
import { type Objectives, percentOf } from "../slo.ts";
import { line, type Row, row } from "./layout.ts";
import { stat, timeSeries } from "./panels.ts";
import {
  BY_DATASET,
  over,
  perSecond,
  queriesInWindow,
  query,
  queryPerBar,
  series,
  shareOf,
  sum,
  WINDOW,
} from "./queries.ts";
import { BLUE } from "./style.ts";

const { created, succeeded, failed, failures } = METRICS;

const COUNTERS = [[created, "Created"], [succeeded, "Succeeded"], [failed, "Failed"]] as const;

/** How many tasks were created, succeeded and failed, and why. */
export function tasksRow(objectives: Objectives): Row {
  const { availability } = objectives;
  const inWindow = queriesInWindow(objectives);

  return row("Tasks", [
    line(
      4,
      ...COUNTERS.map(([metric, title]) =>
        stat({
          title: `${title}, total`,
          description: `${metric.help} Since the probe started; summed over the chosen probes.`,
          queries: [query(sum(series(metric)))],
          decimals: 0,
          noValue: "no probe",
          steps: [[null, BLUE]],
        })
      ),
      stat({
        title: "Failed by reason, total",
        description: "Number of failed tasks since the probe started. Empty when none has failed.",
        queries: [query(`${sum(series(failures), "reason")} > 0`, "{{reason}}")],
        decimals: 0,
        noValue: "none",
        steps: [[null, BLUE]],
      }),
      ...COUNTERS.map(([metric, title]) =>
        stat({
          title,
          description: `${metric.help} In the last minute, 10 minutes and hour, as Prometheus ` +
            "estimates it between scrapes.",
          queries: ["1m", "10m", "1h"].map((time) =>
            query(`round(${over(metric, time)})`, `in ${time}`)
          ),
          decimals: 0,
          noValue: "no probe",
          steps: [[null, BLUE]],
        })
      ),
    ),
    line(
      8,
      timeSeries({
        title: "Tasks a minute",
        description:
          "Created tasks must follow the schedule, and succeeded tasks must follow the " +
          "created ones. A gap is a time without a probe.",
        queries: [
          inWindow(`60 * ${perSecond(created)}`, "created"),
          inWindow(`60 * ${perSecond(succeeded)}`, "succeeded"),
          inWindow(`60 * ${perSecond(failed)}`, "failed"),
        ],
        min: 0,
      }),
      timeSeries({
        title: "Success ratio over time",
        description:
          "The share of settled tasks that succeeded. The dashed line is the objective " +
          `of ${percentOf(availability)}.`,
        queries: [
          inWindow(shareOf(succeeded, WINDOW, BY_DATASET), "{{dataset_id}} {{environment}}"),
        ],
        unit: "percentunit",
        max: 1,
        limit: availability,
      }),
      timeSeries({
        title: "Failures by reason",
        description: "Failed tasks in each bar. The reason says where the fault is: " +
          `${listOrigins()}. Empty when nothing failed.`,
        queries: [
          queryPerBar(`${over(failures, "$__interval", "reason")} > 0`, "{{reason}}"),
        ],
        min: 0,
        decimals: 0,
        noValue: "no failure",
        bars: true,
        calcs: ["sum"],
      }),
    ),
  ]);
}
