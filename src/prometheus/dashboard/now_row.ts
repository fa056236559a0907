import { DATASET_STATES, STATE_DEFINITIONS } from "../../core/verdict/states.ts";
import { METRICS } from "../definitions.ts";
import { type Objectives, percentOf } from "../slo.ts";
import { line, type Row, row } from "./layout.ts";
import { override, stat, table, thresholdsOf, timeline } from "./panels.ts";
import {
  BY_DATASET,
  BY_DATASET_AND_LOCATION,
  failingSecondsBy,
  fastShare,
  incidentsBy,
  MAX_POINTS,
  maxInRange,
  quantile,
  query,
  series,
  shareOf,
  stateBy,
  stateSinceBy,
  targets,
  USUAL_SCRAPE_SECONDS,
} from "./queries.ts";
import { GREEN, NO_PROBE, ORANGE, RED, redBelow, STATE_MAPPINGS } from "./style.ts";

const { succeeded, failed, lastSuccess } = METRICS;

/** Does it work now, since when not, and is the probe itself there? */
export function nowRow(objectives: Objectives): Row {
  const { availability, latencySeconds, taskIntervalSeconds } = objectives;
  const percent = percentOf(availability);
  const observedSeconds = Math.max(taskIntervalSeconds, USUAL_SCRAPE_SECONDS);

  return row("Now", [
    line(
      4,
      stat({
        title: "State",
        description: "The most urgent state of the chosen datasets, as the probes decide it: " +
          `${listStates()}. no probe: nothing was scraped; check the probe, not the platform. ` +
          "The table below names the dataset.",
        queries: [query(`${stateBy("")} or vector(${NO_PROBE})`)],
        mappings: STATE_MAPPINGS,
        colorMode: "background",
      }),
      stat({
        title: "Since",
        description: "Since when a dataset is in that state. failing: since the first of the " +
          "tasks that fail now. working, slow and unsteady: since the last outage, or the " +
          "start of the probe.",
        queries: [query(`1000 * ${stateSinceBy("")}`)],
        unit: "dateTimeFromNow",
        noValue: "–",
      }),
      stat({
        title: "Incidents",
        description: "The number of outages in the range, over the chosen datasets: times in " +
          "which a dataset was failing. Those between two points of the range are not seen. " +
          "The bars below show when they were.",
        queries: [query(`sum(${incidentsBy(BY_DATASET)})`)],
        maxDataPoints: MAX_POINTS,
        decimals: 0,
        noValue: "–",
        steps: [[null, GREEN], [1, ORANGE]],
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
          query(`sum(${targets()})`, "up"),
          query(`count(${targets()} == 0) or vector(0)`, "down"),
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
          query(stateBy(BY_DATASET_AND_LOCATION), "{{dataset_id}} {{environment}} {{location}}"),
        ],
      }),
      table({
        title: "Datasets",
        description: "State, last success and outages of the range, by dataset, environment " +
          "and location. If a dataset fails in one location only, suspect the network there. " +
          "If it fails everywhere, suspect the platform, and look at the reasons below.",
        queries: [
          query(stateBy(BY_DATASET_AND_LOCATION)),
          query(`1000 * ${stateSinceBy(BY_DATASET_AND_LOCATION)}`),
          query(`time() - max by (${BY_DATASET_AND_LOCATION}) (${maxInRange(lastSuccess)})`),
          query(incidentsBy(BY_DATASET_AND_LOCATION)),
          query(failingSecondsBy(BY_DATASET_AND_LOCATION)),
          query(shareOf(succeeded, "$__range", BY_DATASET_AND_LOCATION)),
          query(quantile(0.9, "$__range", BY_DATASET_AND_LOCATION)),
        ],
        columns: [
          ...["State", "Since", "Last success", "Incidents", "Time failing"],
          ...["Success ratio", "p90"],
        ],
        maxDataPoints: MAX_POINTS,
        overrides: [
          override("State", {
            mappings: STATE_MAPPINGS,
            "custom.cellOptions": { type: "color-background" },
          }),
          override("Last success", { unit: "s", decimals: 0, noValue: "none" }),
          override("Since", { unit: "dateTimeFromNow" }),
          override("Incidents", { decimals: 0 }),
          override("Time failing", { unit: "s", decimals: 0, noValue: "none" }),
          override("Success ratio", { unit: "percentunit" }),
          override("p90", { unit: "s" }),
        ],
      }),
    ),
  ]);
}

/** Each state with its meaning, the most urgent first. */
function listStates(): string {
  return DATASET_STATES.map((state) => {
    const { word, meaning } = STATE_DEFINITIONS[state];
    return `${word}: ${meaning}`;
  }).join(". ");
}
