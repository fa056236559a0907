import { METRICS } from "../definitions.ts";
import { type Objectives, percentOf } from "../slo.ts";
import { line, type Row, row } from "./layout.ts";
import { override, stat, table, thresholdsOf, timeline } from "./panels.ts";
import {
  BY_DATASET,
  BY_DATASET_AND_LOCATION,
  failingSince,
  fastShare,
  lastFailureBy,
  MAX_POINTS,
  maxInRange,
  OF_SCRAPE,
  quantile,
  queriesInWindow,
  query,
  series,
  shareOf,
  stateBy,
  USUAL_SCRAPE_SECONDS,
} from "./queries.ts";
import { GREEN, NO_PROBE, ORANGE, RED, redBelow, STATE_MAPPINGS } from "./style.ts";

const { succeeded, failed, lastSuccess } = METRICS;

/** Does it work now, since when not, and is the probe itself there? */
export function nowRow(objectives: Objectives): Row {
  const { availability, latencySeconds, taskIntervalSeconds } = objectives;
  const percent = percentOf(availability);
  const inWindow = queriesInWindow(objectives);
  const observedSeconds = Math.max(taskIntervalSeconds, USUAL_SCRAPE_SECONDS);

  return row("Now", [
    line(
      4,
      stat({
        title: "State",
        description: "The worst state of the chosen datasets in the last minute or so. UNSTEADY: " +
          "some tasks succeed and some fail. NO NEWS: no task was settled. FAILING: no task " +
          "succeeds. NO PROBE: nothing was scraped; check the probe, not the platform. The table " +
          "below names the dataset.",
        queries: [inWindow(`max(${stateBy(BY_DATASET)}) or vector(${NO_PROBE})`)],
        maxDataPoints: MAX_POINTS,
        mappings: STATE_MAPPINGS,
        colorMode: "background",
      }),
      stat({
        title: "No success since",
        description: "The last success of a dataset that fails now or has no news: the outage " +
          "began after it. Shows the start of the range when the last success is older; then " +
          "widen the range. Empty while every dataset succeeds.",
        queries: [inWindow(`1000 * min(${failingSince()})`)],
        maxDataPoints: MAX_POINTS,
        unit: "dateTimeFromNow",
        noValue: "–",
        steps: [[null, RED]],
      }),
      stat({
        title: "Last success",
        description: "The time since the last success of the dataset that has waited longest. It " +
          "grows for as long as an outage lasts.",
        queries: [query(`time() - min(max by (${BY_DATASET}) (${series(lastSuccess)}))`)],
        unit: "s",
        decimals: 0,
        noValue: "none since its start",
        steps: [[null, GREEN], [3 * observedSeconds, ORANGE], [10 * observedSeconds, RED]],
      }),
      stat({
        title: "Success ratio",
        description:
          `The share of the range's settled tasks that succeeded. Objective: ${percent}.`,
        queries: [query(shareOf(succeeded, "$__range"))],
        unit: "percentunit",
        max: 1,
        noValue: "no task",
        steps: redBelow(availability),
      }),
      stat({
        title: "Fast successes",
        description: `The share of the range's successes that took at most ${latencySeconds} s. ` +
          `Objective: ${percent}.`,
        queries: [query(fastShare(objectives, "$__range"))],
        unit: "percentunit",
        max: 1,
        noValue: "no success",
        steps: redBelow(availability),
      }),
      stat({
        title: "Error budget left, 30 days",
        description:
          `How much is left of the failures that the objective of ${percent} allows in ` +
          "30 days. 100 %: nothing has failed. Below 0 %: the objective is missed. Counts only " +
          "the days that Prometheus still has.",
        queries: [query(`1 - ${shareOf(failed, "30d")} / (1 - ${availability})`)],
        unit: "percentunit",
        decimals: 1,
        noValue: "no task",
        steps: [[null, RED], [0, ORANGE], [0.25, GREEN]],
      }),
      stat({
        title: "Probes",
        description: "The number of probes that Prometheus reaches, and of those that it does " +
          "not. Repair a probe that is down first: it notices no outage.",
        queries: [
          query(`sum(up{${OF_SCRAPE}})`, "up"),
          query(`count(up{${OF_SCRAPE}} == 0) or vector(0)`, "down"),
        ],
        noValue: "none",
        steps: [[null, GREEN]],
        overrides: [thresholdsOf("down", [[null, GREEN], [1, RED]])],
      }),
    ),
    line(
      8,
      timeline({
        title: "State of each dataset",
        description: "The state of each dataset over time. An outage begins or ends where a bar " +
          "changes its colour. A gap is a time without a probe.",
        queries: [
          inWindow(stateBy(BY_DATASET_AND_LOCATION), "{{dataset_id}} {{environment}} {{location}}"),
        ],
      }),
      table({
        title: "Datasets",
        description:
          "The state now and the last success and failure, by dataset, environment and location. " +
          "The last failure is exact to about a minute. If a dataset fails in one location only, " +
          "suspect the network there. If it fails everywhere, suspect the platform, and look at " +
          "the reasons below.",
        queries: [
          inWindow(stateBy(BY_DATASET_AND_LOCATION)),
          query(`time() - max by (${BY_DATASET_AND_LOCATION}) (${maxInRange(lastSuccess)})`),
          inWindow(`time() - ${lastFailureBy(BY_DATASET_AND_LOCATION)}`),
          query(shareOf(succeeded, "$__range", BY_DATASET_AND_LOCATION)),
          query(quantile(0.9, "$__range", BY_DATASET_AND_LOCATION)),
        ],
        columns: ["State", "Last success", "Last failure", "Success ratio", "p90"],
        maxDataPoints: MAX_POINTS,
        overrides: [
          override("State", {
            mappings: STATE_MAPPINGS,
            "custom.cellOptions": { type: "color-background" },
          }),
          override("Last success", { unit: "s", decimals: 0, noValue: "none" }),
          override("Last failure", { unit: "s", decimals: 0, noValue: "none" }),
          override("Success ratio", { unit: "percentunit" }),
          override("p90", { unit: "s" }),
        ],
      }),
    ),
  ]);
}
