import { type Objectives, percentOf } from "../slo.ts";
import { line, type Row, row } from "./layout.ts";
import { heatmap, stat, timeSeries } from "./panels.ts";
import {
  BY_DATASET,
  freshDuration,
  MAX_POINTS,
  meanDuration,
  meanPhases,
  quantile,
  queriesInWindow,
  query,
  successes,
  sum,
  WINDOW,
} from "./queries.ts";
import { orangeAbove } from "./style.ts";

/** How long successes take, and where the time goes. */
export function durationsRow(objectives: Objectives): Row {
  const { availability, latencySeconds } = objectives;
  const inWindow = queriesInWindow(objectives);

  return row("Durations", [
    line(
      4,
      stat({
        title: "Last",
        description: "The duration of each dataset's last success. Empty when there was none in " +
          "the last minute or so, as in an outage.",
        queries: [
          inWindow(`max by (${BY_DATASET}) (${freshDuration()})`, "{{dataset_id}} {{environment}}"),
        ],
        maxDataPoints: MAX_POINTS,
        unit: "s",
        noValue: "no success",
        steps: orangeAbove(latencySeconds),
      }),
      stat({
        title: "Average",
        description: "The mean duration of the range's successes.",
        queries: [query(meanDuration("$__range"))],
        unit: "s",
        noValue: "no success",
        steps: orangeAbove(latencySeconds),
      }),
      stat({
        title: "Max, at most",
        description:
          "The upper bound of the bucket of the range's slowest success, which took at " +
          "most that long. 60 s may also mean longer.",
        queries: [query(quantile(1, "$__range"))],
        unit: "s",
        noValue: "no success",
        steps: orangeAbove(latencySeconds),
      }),
      stat({
        title: "p90",
        description: "Nine of ten successes of the range took at most about that long.",
        queries: [query(quantile(0.9, "$__range"))],
        unit: "s",
        noValue: "no success",
        steps: orangeAbove(latencySeconds),
      }),
    ),
    line(
      9,
      heatmap({
        title: "Durations of successes",
        description: "How many successes took how long: the brighter on a dark page, the more. " +
          "Two bands mean two kinds of responses. The dots are traces of single tasks.",
        queries: [
          inWindow(sum(`increase(${successes("_bucket")}[${WINDOW}])`, "le"), "{{le}}"),
        ],
      }),
      timeSeries({
        title: "Quantiles of successes",
        description: "Estimated between the bounds of buckets. The dashed line is the objective: " +
          `${
            percentOf(availability)
          } of the successes take at most ${latencySeconds} s. A gap is ` +
          "a time without a success.",
        queries: [
          inWindow(quantile(0.5), "p50"),
          inWindow(quantile(0.9), "p90"),
          inWindow(quantile(0.99), "p99"),
          inWindow(meanDuration(WINDOW), "average"),
        ],
        unit: "s",
        min: 0,
        limit: latencySeconds,
      }),
      timeSeries({
        title: "Where the time goes",
        description: "The mean time in each phase of the last attempts that reached it, over all " +
          "chosen datasets. The phase that grew says where to look: processing or transfer, the " +
          "platform; token, the identity provider; resolve, connect or tls, the network.",
        queries: [inWindow(meanPhases(), "{{phase}}")],
        unit: "s",
        min: 0,
        stack: true,
      }),
    ),
  ]);
}
