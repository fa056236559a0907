import { DATASOURCE, type Query } from "./queries.ts";
import { BLUE, GREEN, GREY, ORANGE, RED, STATE_MAPPINGS, type Steps } from "./style.ts";

/** What every kind of panel needs. */
type PanelOptions = {
  title: string;
  description: string;
  queries: Query[];
  /** The most points of a range; the panel's width in pixels when left out. */
  maxDataPoints?: number;
};

type FieldOptions = {
  unit?: string;
  decimals?: number;
  min?: number;
  max?: number;
  noValue?: string;
};

/** Settings of one field that differ from the panel's. */
type Override = ReturnType<typeof override>;

export type Panel = ReturnType<
  typeof stat | typeof timeSeries | typeof heatmap | typeof timeline | typeof table
>;

/** The same outcome has the same colour in every panel. */
const OUTCOME_COLORS = [
  colorOf("succeeded", GREEN),
  colorOf("ok", GREEN),
  colorOf("SUCCEEDED", GREEN),
  colorOf("created", BLUE),
  colorOf("PENDING", BLUE),
  colorOf("failed", RED),
  colorOf("FAILED", RED),
];

const INSTANT = { instant: true, range: false } as const;

const LEGEND = { showLegend: true, placement: "bottom", displayMode: "list" } as const;

/** Current values as big numbers. */
export function stat(
  { steps, mappings, colorMode = "value", overrides = [], ...options }:
    & PanelOptions
    & FieldOptions
    & {
      steps?: Steps;
      mappings?: typeof STATE_MAPPINGS;
      colorMode?: "value" | "background";
      overrides?: Override[];
    },
) {
  const { title, description, queries, maxDataPoints, ...shown } = options;
  return {
    ...panel("stat", { title, description, queries, maxDataPoints }, INSTANT),
    options: {
      colorMode,
      graphMode: "none",
      justifyMode: "auto",
      textMode: "auto",
      wideLayout: true,
      showPercentChange: false,
      percentChangeColorMode: "standard",
      orientation: "auto",
      reduceOptions: { calcs: ["lastNotNull"], fields: "", values: false },
    },
    fieldConfig: {
      defaults: {
        ...shown,
        ...mappings ? { mappings } : {},
        color: { mode: "thresholds" },
        thresholds: thresholds(steps ?? [[null, GREY]]),
      },
      overrides,
    },
  } as const;
}

/** Lines, or bars, over time. */
export function timeSeries(
  { bars = false, stack = bars, limit, calcs = [], ...options }: PanelOptions & FieldOptions & {
    bars?: boolean;
    stack?: boolean;
    /** A dashed line at an objective. */
    limit?: number;
    calcs?: string[];
  },
) {
  const { title, description, queries, maxDataPoints, ...shown } = options;
  const limitSteps: Steps = limit === undefined ? [] : [[limit, RED]];
  return {
    ...panel("timeseries", { title, description, queries, maxDataPoints }),
    options: {
      legend: { ...LEGEND, calcs },
      tooltip: { mode: "multi", sort: "desc" },
    },
    fieldConfig: {
      defaults: {
        ...shown,
        color: { mode: "palette-classic-by-name" },
        thresholds: thresholds([[null, "transparent"], ...limitSteps]),
        custom: {
          drawStyle: bars ? "bars" : "line",
          lineWidth: 1,
          fillOpacity: bars ? 80 : stack ? 40 : 0,
          showPoints: "auto",
          // A gap means that there is no data: it must show.
          spanNulls: false,
          stacking: { mode: stack ? "normal" : "none", group: "A" },
          thresholdsStyle: { mode: limit === undefined ? "off" : "dashed" },
        },
      },
      overrides: OUTCOME_COLORS,
    },
  } as const;
}

/** How many values fell into which bucket, over time. */
export function heatmap(options: PanelOptions) {
  return {
    ...panel("heatmap", options, { range: true, format: "heatmap", exemplar: true }),
    options: {
      calculate: false,
      rowsFrame: { layout: "auto" },
      color: {
        mode: "scheme",
        // Its brightness grows evenly, also for colour-blind people.
        scheme: "Cividis",
        fill: BLUE,
        scale: "exponential",
        exponent: 0.5,
        steps: 64,
        reverse: false,
      },
      // Hides empty cells.
      filterValues: { le: 1e-9 },
      cellGap: 1,
      cellValues: { decimals: 0 },
      yAxis: { unit: "s", axisPlacement: "left", reverse: false },
      showValue: "never",
      legend: { show: true },
      tooltip: { mode: "single", yHistogram: true, showColorScale: true },
      exemplars: { color: ORANGE },
    },
    fieldConfig: {
      defaults: { custom: { hideFrom: { legend: false, tooltip: false, viz: false } } },
      overrides: [],
    },
  } as const;
}

/** States over time, as coloured bars. */
export function timeline(options: PanelOptions) {
  return {
    ...panel("state-timeline", options),
    options: {
      showValue: "auto",
      rowHeight: 0.8,
      mergeValues: true,
      alignValue: "left",
      legend: { ...LEGEND, calcs: [] },
      tooltip: { mode: "single", sort: "none" },
    },
    fieldConfig: {
      defaults: {
        mappings: STATE_MAPPINGS,
        color: { mode: "thresholds" },
        thresholds: thresholds([[null, GREY]]),
        custom: { lineWidth: 0, fillOpacity: 80, spanNulls: false },
      },
      overrides: [],
    },
  } as const;
}

/** One row for each combination of labels, one column for each query. */
export function table(
  { columns, overrides, ...options }: PanelOptions & { columns: string[]; overrides: Override[] },
) {
  const renamed = columns.map((column, i) =>
    // Grafana numbers the values only when there are several.
    [columns.length > 1 ? `Value #${refIdOf(i)}` : "Value", column] as const
  );
  return {
    ...panel("table", options, { ...INSTANT, format: "table" }),
    transformations: [
      { id: "merge", options: {} },
      {
        id: "organize",
        options: {
          excludeByName: { Time: true },
          indexByName: {},
          renameByName: {
            ...Object.fromEntries(renamed),
            dataset_id: "Dataset",
            app_id: "Probe",
            environment: "Environment",
          },
        },
      },
    ],
    options: { frameIndex: 0, showHeader: true, cellHeight: "sm" },
    fieldConfig: {
      defaults: {
        color: { mode: "fixed", fixedColor: "text" },
        custom: { align: "auto", inspect: false, cellOptions: { type: "auto" } },
      },
      overrides,
    },
  } as const;
}

/** How Grafana asks Prometheus. */
type QueryKind = {
  instant?: boolean;
  range?: boolean;
  format?: "time_series" | "table" | "heatmap";
  exemplar?: boolean;
};

function panel<const Type extends string>(
  type: Type,
  { title, description, queries, maxDataPoints }: PanelOptions,
  kind: QueryKind = { range: true },
) {
  return {
    type,
    title,
    description,
    datasource: DATASOURCE,
    ...maxDataPoints ? { maxDataPoints } : {},
    targets: queries.map(({ expr, legend, interval }, i) => ({
      refId: refIdOf(i),
      datasource: DATASOURCE,
      editorMode: "code",
      expr,
      // `__auto` names a value after its panel.
      legendFormat: legend || "__auto",
      ...interval ? { interval } : {},
      format: "time_series" as const,
      ...kind,
    } as const)),
  } as const;
}

function refIdOf(index: number): string {
  return String.fromCharCode("A".charCodeAt(0) + index);
}

function thresholds(steps: Steps) {
  return { mode: "absolute", steps: steps.map(([value, color]) => ({ value, color })) } as const;
}

/** Settings of the field with this name. */
export function override(name: string, properties: Record<string, unknown>) {
  return {
    matcher: { id: "byName", options: name },
    properties: Object.entries(properties).map(([id, value]) => ({ id, value })),
  } as const;
}

function colorOf(name: string, fixedColor: string): Override {
  return override(name, { color: { mode: "fixed", fixedColor } });
}

/** The colours of the field with this name. */
export function thresholdsOf(name: string, steps: Steps): Override {
  return override(name, { thresholds: thresholds(steps) });
}
