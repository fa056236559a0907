import { type Definition, METRICS } from "../definitions.ts";
import { DATASOURCE, FILTERS, OF_ENVIRONMENT, series } from "./queries.ts";
import { BLUE, GREY } from "./style.ts";

const { buildInfo, created, startTime } = METRICS;

/** The choices above the dashboard: data source, job, environment, location, probe, dataset. */
export function variables() {
  const choice = (name: string, label: string, values: string, allValue?: string) => ({
    type: "query",
    name,
    label,
    datasource: DATASOURCE,
    query: { qryType: 1, query: values, refId: `Variable-${name}` },
    definition: values,
    multi: true,
    includeAll: true,
    ...allValue ? { allValue } : {},
    current: { text: ["All"], value: ["$__all"] },
    // Whenever the range changes: a random `app_id` comes and goes.
    refresh: 2,
    sort: 1,
  } as const);
  const valuesOf = (metric: Definition, filters: string, label: string) =>
    `label_values(${metric.name}${filters}, ${label})`;
  return [
    {
      type: "datasource",
      name: "datasource",
      label: "Data source",
      query: "prometheus",
      current: { text: "prometheus", value: "prometheus" },
    } as const,
    choice("job", "Job", valuesOf(buildInfo, "", "job")),
    // These two match series without the label too.
    choice("environment", "Environment", valuesOf(buildInfo, `{job=~"$job"}`, "environment"), ".*"),
    choice("location", "Location", valuesOf(buildInfo, `{job=~"$job"}`, "location"), ".*"),
    choice("app_id", "Probe", valuesOf(buildInfo, `{${OF_ENVIRONMENT}}`, "app_id"), ".+"),
    choice("dataset_id", "Dataset", valuesOf(created, `{${FILTERS}}`, "dataset_id"), ".+"),
  ];
}

/** Marks in all graphs: new builds, and starts. */
export function annotations() {
  const build = `group by (version, deno, target) (${series(buildInfo)})`;
  const before = `last_over_time(${series(buildInfo)}[1d] offset $__interval)`;
  return [
    annotation(
      "Builds",
      BLUE,
      "Build {{version}} (Deno {{deno}}, {{target}}), not seen in the day before",
      `${build} unless on (version, deno, target) ${before}`,
    ),
    {
      ...annotation(
        "Starts",
        GREY,
        "{{app_id}} at {{instance}} started",
        `1000 * ${series(startTime)}`,
      ),
      useValueForTime: true,
    },
  ] as const;
}

function annotation(name: string, iconColor: string, titleFormat: string, expr: string) {
  return {
    name,
    datasource: DATASOURCE,
    enable: true,
    iconColor,
    titleFormat,
    expr,
    target: { refId: "Anno", datasource: DATASOURCE, expr, range: true, interval: "15s" },
  } as const;
}
