import { type Definition, METRICS } from "../definitions.ts";
import { fastSuccesses, type Objectives } from "../slo.ts";

/** The data source that a variable of the dashboard names. */
const DATASOURCE = { type: "prometheus", uid: "${datasource}" } as const;

/** Told apart by colour-blind people too (Okabe and Ito), on light and on dark. */
const GREEN = "#009E73";
const BLUE = "#56B4E9";
const ORANGE = "#E69F00";
const RED = "#D55E00";
const GREY = "#8E8E8E";

/** What the numbers of `stateBy` mean, the worst last. */
const STATES = [
  { text: "OK", color: GREEN },
  { text: "UNSTEADY", color: ORANGE },
  { text: "NO NEWS", color: GREY },
  { text: "FAILING", color: RED },
  { text: "NO PROBE", color: RED },
] as const;

const NO_PROBE = STATES.length - 1;

/** Holds at least four scrapes, however far the dashboard is zoomed out. */
const WINDOW = "$__rate_interval";

/** So many points that Grafana keeps `WINDOW` short: what is now is not the mean of a day. */
const MAX_POINTS = 10_000;

/** A target probed less often than this is seen only in longer windows. */
const USUAL_SCRAPE_SECONDS = 15;

/** A slice of time that a bar stands for. */
const BAR = "1m";

/** What the variables choose: of everything that is scraped, of probes, of datasets. */
const OF_SCRAPE = `job=~"$job", location=~"$location"`;
const FILTERS = `${OF_SCRAPE}, app_id=~"$app_id"`;
const OF_DATASET = `dataset_id=~"$dataset_id"`;

const {
  created,
  succeeded,
  failed,
  failures,
  attempts,
  duration,
  lastDuration,
  lastSuccess,
  phaseDuration,
  tracked,
  inFlight,
  oldestPending,
  dismissed,
  skipped,
  lag,
  tokenRequests,
  tokenExpiry,
  certificateExpiry,
  heartbeats,
  buildInfo,
  startTime,
  cpu,
  memory,
  heap,
} = METRICS;

const TOTALS = [[created, "Created"], [succeeded, "Succeeded"], [failed, "Failed"]] as const;

/** The dashboard as plain data, in the form that Grafana imports. */
export function dashboard(objectives: Objectives) {
  return {
    uid: "dataplatform-probe",
    title: "dataplatform-probe",
    description: "Whether the dataplatform works as its users see it, and whether the probe does.",
    tags: ["dataplatform", "probe"],
    schemaVersion: 42,
    version: 1,
    editable: true,
    graphTooltip: 1,
    timezone: "browser",
    refresh: "10s",
    time: { from: "now-1h", to: "now" },
    templating: { list: variables() },
    annotations: { list: annotations() },
    panels: layOut(rows(objectives)),
  } as const;
}

function rows(objectives: Objectives): Row[] {
  const { availability, latencySeconds, taskIntervalSeconds } = objectives;
  const percent = `${round(availability * 100)} %`;
  const now = { maxDataPoints: MAX_POINTS };
  const lowerBound = shareSteps(availability);
  // A window must hold several tasks too.
  const interval = taskIntervalSeconds > USUAL_SCRAPE_SECONDS
    ? { interval: `${taskIntervalSeconds}s` }
    : {};
  const inWindow = (expr: string, legend = ""): Query => ({ expr, legend, ...interval });

  return [
    row("Now", [
      line(
        4,
        stat({
          title: "State",
          description:
            "The worst of the chosen datasets in the last minute or so. UNSTEADY: some " +
            "tasks succeed and some fail. NO NEWS: no task was settled. NO PROBE: nothing was " +
            "scraped; look at the probe, not at the platform. The table below names the dataset.",
          queries: [inWindow(`max(${stateBy("dataset_id")}) or vector(${NO_PROBE})`)],
          ...{ ...now, mappings: STATE_MAPPINGS, colorMode: "background" },
        }),
        stat({
          title: "No success since",
          description: "When a dataset that is failing now, or of which there is no news, last " +
            "succeeded. Where the range has no success, its start: then widen the range. Empty " +
            "while every dataset succeeds.",
          queries: [inWindow(`1000 * min(${failingSince()})`)],
          ...{ ...now, unit: "dateTimeFromNow", noValue: "–", steps: [[null, RED]] },
        }),
        stat({
          title: "Last success",
          description:
            "How long ago the dataset that has waited longest last succeeded. It grows " +
            "for as long as an outage lasts.",
          queries: [query(`time() - min(max by (dataset_id) (${series(lastSuccess)}))`)],
          ...{ unit: "s", decimals: 0, noValue: "none since its start" },
          steps: [
            [null, GREEN],
            [3 * Math.max(taskIntervalSeconds, USUAL_SCRAPE_SECONDS), ORANGE],
            [10 * Math.max(taskIntervalSeconds, USUAL_SCRAPE_SECONDS), RED],
          ],
        }),
        stat({
          title: "Success ratio",
          description: `Share of the range's settled tasks that succeeded. Objective: ${percent}.`,
          queries: [query(shareOf(succeeded, "$__range"))],
          ...{ unit: "percentunit", max: 1, noValue: "no task", steps: lowerBound },
        }),
        stat({
          title: "Fast successes",
          description: `Share of the range's successes that took at most ${latencySeconds} s. ` +
            `Objective: ${percent}.`,
          queries: [query(fastShare(objectives, "$__range"))],
          ...{ unit: "percentunit", max: 1, noValue: "no success", steps: lowerBound },
        }),
        stat({
          title: "Error budget left, 30 days",
          description:
            `How much of the failures that an objective of ${percent} allows in 30 days ` +
            "is left: 100 % without a failure, below 0 % when the objective is missed. Counts what " +
            "Prometheus still has of these days.",
          queries: [query(`1 - ${shareOf(failed, "30d")} / (1 - ${availability})`)],
          ...{ unit: "percentunit", decimals: 1, noValue: "no task" },
          steps: [[null, RED], [0, ORANGE], [0.25, GREEN]],
        }),
        stat({
          title: "Probes",
          description:
            "How many probes Prometheus reaches, and how many it does not. A probe that " +
            "is down sees no outage: mend it first.",
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
          description: "When each dataset was in which state: where a bar changes its colour, an " +
            "outage began or ended. A gap is a time without a probe.",
          queries: [inWindow(stateBy("dataset_id, location"), "{{dataset_id}} {{location}}")],
        }),
        table({
          title: "Datasets",
          description: "State now and since when, by dataset and location. The last failure is " +
            "known to about a minute. Failing at one location alone: suspect the network there. " +
            "Everywhere: suspect the platform, and look at the reasons below.",
          queries: [
            inWindow(stateBy("dataset_id, location")),
            query(`time() - max by (dataset_id, location) (${overTime(lastSuccess)})`),
            inWindow(`time() - ${lastFailureBy("dataset_id, location")}`),
            query(shareOf(succeeded, "$__range", "dataset_id, location")),
            query(quantile(0.9, "$__range", "dataset_id, location")),
          ],
          columns: ["State", "Last success", "Last failure", "Success ratio", "p90"],
          ...now,
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
    ]),
    row("Tasks", [
      line(
        4,
        ...TOTALS.map(
          ([metric, title]) =>
            stat({
              title: `${title}, total`,
              description: `${metric.help} Since the probe started; of several probes the sum.`,
              queries: [query(sum(series(metric)))],
              ...{ decimals: 0, noValue: "no probe", steps: [[null, BLUE]] },
            }),
        ),
        stat({
          title: "Failed by reason, total",
          description: "Since the probe started. Empty when nothing has failed.",
          queries: [query(`${sum(series(failures), "reason")} > 0`, "{{reason}}")],
          ...{ decimals: 0, noValue: "none", steps: [[null, BLUE]] },
        }),
        ...TOTALS.map(
          ([metric, title]) =>
            stat({
              title,
              description:
                `${metric.help} In the last minute, 10 minutes and hour, as Prometheus ` +
                "estimates it between scrapes.",
              queries: ["1m", "10m", "1h"].map((time) =>
                query(`round(${over(metric, time)})`, `in ${time}`)
              ),
              ...{ decimals: 0, noValue: "no probe", steps: [[null, BLUE]] },
            }),
        ),
      ),
      line(
        8,
        timeSeries({
          title: "Tasks a minute",
          description:
            "Created tasks must follow the schedule, and succeeded ones must follow the " +
            "created. A gap means that there was no probe.",
          queries: [
            inWindow(`60 * ${perSecond(created)}`, "created"),
            inWindow(`60 * ${perSecond(succeeded)}`, "succeeded"),
            inWindow(`60 * ${perSecond(failed)}`, "failed"),
          ],
          min: 0,
        }),
        timeSeries({
          title: "Success ratio over time",
          description: `Share of settled tasks that succeeded, and the objective of ${percent}.`,
          queries: [inWindow(shareOf(succeeded, WINDOW, "dataset_id"), "{{dataset_id}}")],
          ...{ unit: "percentunit", max: 1, limit: availability },
        }),
        timeSeries({
          title: "Failures by reason",
          description: "Failed tasks a bar. The reason says where to look: auth, the identity " +
            "provider; dns, connect and tls, the network or a certificate; server_error, the " +
            "platform; internal, the probe's log. Empty when nothing failed.",
          queries: [{
            expr: `${over(failures, "$__interval", "reason")} > 0`,
            legend: "{{reason}}",
            interval: BAR,
          }],
          ...{ min: 0, decimals: 0, noValue: "no failure", bars: true, calcs: ["sum"] },
        }),
      ),
    ]),
    row("Durations", [
      line(
        4,
        stat({
          title: "Last",
          description: "Duration of each dataset's last success, if there was one in the last " +
            "minute or so: in an outage the old one says nothing.",
          queries: [inWindow(`max by (dataset_id) (${freshDuration()})`, "{{dataset_id}}")],
          ...{ ...now, unit: "s", noValue: "no success", steps: limitSteps(latencySeconds) },
        }),
        stat({
          title: "Average",
          description: "Mean duration of the range's successes.",
          queries: [query(meanDuration("$__range"))],
          ...{ unit: "s", noValue: "no success", steps: limitSteps(latencySeconds) },
        }),
        stat({
          title: "Max, at most",
          description: "Upper bound of the slowest bucket that a success of the range fell into: " +
            "the slowest success took at most that long. 60 s may also mean longer.",
          queries: [query(quantile(1, "$__range"))],
          ...{ unit: "s", noValue: "no success", steps: limitSteps(latencySeconds) },
        }),
        stat({
          title: "p90",
          description: "Nine in ten of the range's successes took at most about that long.",
          queries: [query(quantile(0.9, "$__range"))],
          ...{ unit: "s", noValue: "no success", steps: limitSteps(latencySeconds) },
        }),
      ),
      line(
        9,
        heatmap({
          title: "Durations of successes",
          description: "How many successes took how long: the brighter on a dark page, the more. " +
            "Two bands mean two kinds of answers. The dots are traces of single tasks.",
          queries: [
            inWindow(sum(`increase(${successes("_bucket")}[${WINDOW}])`, "le"), "{{le}}"),
          ],
        }),
        timeSeries({
          title: "Quantiles of successes",
          description: "Estimated between the bounds of buckets. The line is the objective of " +
            `${latencySeconds} s, within which ${percent} of the successes shall be. A gap is a ` +
            "time without a success.",
          queries: [
            inWindow(quantile(0.5), "p50"),
            inWindow(quantile(0.9), "p90"),
            inWindow(quantile(0.99), "p99"),
            inWindow(meanDuration(WINDOW), "average"),
          ],
          ...{ unit: "s", min: 0, limit: latencySeconds },
        }),
        timeSeries({
          title: "Where the time goes",
          description: "Mean time in each phase of the last attempts that reached it, of all " +
            "datasets together. Thick processing or transfer is the platform; token the identity " +
            "provider; resolve, connect and tls the way there.",
          queries: [inWindow(meanPhases(), "{{phase}}")],
          ...{ unit: "s", min: 0, stack: true },
        }),
      ),
    ]),
    row("Attempts", [
      line(
        7,
        timeSeries({
          title: "Attempts a minute",
          description: "Requests of settled tasks. Failed ones beside few failed tasks: retries " +
            "still hide a fault.",
          queries: [inWindow(`60 * ${perSecond(attempts, "result")}`, "{{result}}")],
          ...{ min: 0, stack: true },
        }),
        timeSeries({
          title: "Attempts a task",
          description: "1 when every first attempt succeeds, 0 while tasks fail for want of a " +
            "token; more when tasks have to try again.",
          queries: [
            inWindow(
              ratio(perSecond(attempts), perSecond(duration, "", "_count")),
              "attempts",
            ),
          ],
          min: 0,
        }),
        timeSeries({
          title: "Tasks in flight",
          description:
            "Tasks that wait for their end. When they pile up, the platform has stopped " +
            "answering.",
          queries: [query(sum(series(inFlight), "app_id"), "{{app_id}}")],
          ...{ min: 0, decimals: 0 },
        }),
        timeSeries({
          title: "Oldest task in flight",
          description: "How long the oldest task has waited. Never much above the deadline of a " +
            "task; if it is, the probe is broken.",
          queries: [query(`max by (app_id) (${series(oldestPending)})`, "{{app_id}}")],
          ...{ unit: "s", min: 0 },
        }),
      ),
    ]),
    row("The probe itself", [
      line(
        7,
        timeSeries({
          title: "Schedule lag",
          description: "How late tasks are created. Above some 10 ms the probe's machine is too " +
            "busy, and its durations are not to be trusted.",
          queries: [
            inWindow(lagQuantile(0.5), "p50"),
            inWindow(lagQuantile(0.99), "p99"),
            inWindow(lagQuantile(1), "max, at most"),
          ],
          ...{ unit: "s", min: 0 },
        }),
        timeSeries({
          title: "Skipped slots",
          description: "Slots of the schedule without a task, a bar. late: the probe or its " +
            "machine was held up; in_flight: too many tasks were in flight.",
          queries: [{
            expr: over(skipped, "$__interval", "cause"),
            legend: "{{cause}}",
            interval: BAR,
          }],
          ...{ min: 0, decimals: 0, bars: true, calcs: ["sum"] },
        }),
        timeSeries({
          title: "Backlog",
          description:
            "Tasks that the probe keeps for its table and /tasks. It grows until tasks " +
            "are as old as they may get, then stays.",
          queries: [
            query(sum(series(tracked), "state"), "{{state}}"),
            inWindow(`60 * ${perSecond(dismissed)}`, "dismissed a minute"),
          ],
          min: 0,
        }),
        timeSeries({
          title: "Heartbeats a minute",
          description: "Beats to the address of HEARTBEAT_URL. None are sent while a dataset " +
            "fails. Failed ones: the receiver cannot be reached, and may raise a false alarm.",
          queries: [inWindow(`60 * ${perSecond(heartbeats, "result")}`, "{{result}}")],
          min: 0,
        }),
      ),
      line(
        7,
        timeSeries({
          title: "Token requests a minute",
          description:
            "Requests to the identity provider. Failed ones come before tasks that fail " +
            "with auth: look at its state and at the client secret.",
          queries: [inWindow(`60 * ${perSecond(tokenRequests, "result")}`, "{{result}}")],
          min: 0,
        }),
        stat({
          title: "Token ends in",
          description:
            "How long the current token still lives. It is renewed at 80 % of its life; " +
            "below 0 no task gets through.",
          queries: [query(`min by (app_id) (${series(tokenExpiry)}) - time()`, "{{app_id}}")],
          ...{ unit: "s", decimals: 0, noValue: "no token", steps: [[null, RED], [0, GREEN]] },
        }),
        stat({
          title: "Certificates end in",
          description: "Days until the certificate that a host last showed ends. Have it renewed " +
            "while it is orange. Empty without TLS.",
          queries: [
            query(`(min by (host) (${series(certificateExpiry)}) - time()) / 86400`, "{{host}}"),
          ],
          ...{ unit: "d", decimals: 1, noValue: "no TLS" },
          steps: [[null, RED], [7, ORANGE], [21, GREEN]],
        }),
        timeSeries({
          title: "CPU",
          description: "Of one core. More than usual without more tasks is a fault of the probe.",
          queries: [inWindow(perSecond(cpu, "app_id"), "{{app_id}}")],
          ...{ unit: "percentunit", min: 0 },
        }),
        timeSeries({
          title: "Memory",
          description:
            "Resident memory and the part of it that is JavaScript's heap. It must level " +
            "off once the backlog has.",
          queries: [
            query(sum(series(memory), "app_id"), "{{app_id}} resident"),
            query(sum(series(heap), "app_id"), "{{app_id}} heap"),
          ],
          ...{ unit: "bytes", min: 0 },
        }),
      ),
      line(
        5,
        table({
          title: "What runs",
          description: "Every probe, what it was built from, and when it started. Different " +
            "versions side by side are right only during a deployment.",
          queries: [query(runningSince())],
          columns: ["Started"],
          overrides: [override("Started", { unit: "dateTimeFromNow" })],
        }),
      ),
    ]),
  ];
}

// ------------------------------------------------------------------ queries

type Query = {
  expr: string;
  legend: string;
  /** The least distance of two points. */
  interval?: string;
};

function query(expr: string, legend = ""): Query {
  return { expr, legend };
}

/** Of a histogram's series. */
type Suffix = "_bucket" | "_count" | "_sum" | "";

/** The series that the variables choose, narrowed by these matchers. */
function series(
  { name, labels }: Definition,
  matchers: string[] = [],
  suffix: Suffix = "",
): string {
  const all = [FILTERS, ...labels.includes("dataset_id") ? [OF_DATASET] : [], ...matchers];
  return `${name}${suffix}{${all.join(", ")}}`;
}

function successes(suffix: Suffix): string {
  return series(duration, [`outcome="succeeded"`], suffix);
}

/** The sum, or one for each set of these labels. */
function sum(expr: string, by = ""): string {
  return by ? `sum by (${by}) (${expr})` : `sum(${expr})`;
}

function over(metric: Definition, time: string, by?: string): string {
  return sum(`increase(${series(metric)}[${time}])`, by);
}

function perSecond(metric: Definition, by?: string, suffix?: Suffix): string {
  return sum(`rate(${series(metric, [], suffix)}[${WINDOW}])`, by);
}

/** Has no value where there is nothing to divide by. */
function ratio(part: string, whole: string): string {
  return `${part} / (${whole} > 0)`;
}

function shareOf(part: Definition, time: string, by?: string): string {
  return ratio(over(part, time, by), `${over(succeeded, time, by)} + ${over(failed, time, by)}`);
}

function fastShare(objectives: Objectives, time: string): string {
  return ratio(
    sum(`increase(${fastSuccesses(objectives, FILTERS, OF_DATASET)}[${time}])`),
    sum(`increase(${successes("_count")}[${time}])`),
  );
}

/** An index of `STATES`: 2 without a success, and 1 more with a failure. */
function stateBy(labels: string): string {
  const noneSucceeded = `(${over(succeeded, WINDOW, labels)} == bool 0)`;
  const someFailed = `(${over(failed, WINDOW, labels)} > bool 0)`;
  return `2 * ${noneSucceeded} + ${someFailed}`;
}

/** The last success of each dataset without one now; the range's start where it has none. */
function failingSince(): string {
  const last = `max by (dataset_id) (${overTime(lastSuccess)})`;
  const start = `0 * ${sum(series(failed), "dataset_id")} + time() - $__range_s`;
  return `(${last} or ${start}) and on (dataset_id) (${stateBy("dataset_id")} >= 2)`;
}

function lastFailureBy(labels: string): string {
  const failing = `${over(failed, WINDOW, labels)} > 0`;
  return `max_over_time(timestamp(${failing})[$__range:${WINDOW}])`;
}

function overTime(metric: Definition): string {
  return `max_over_time(${series(metric)}[$__range])`;
}

/** The gauge keeps its value for ever: it only counts where there was a success lately. */
function freshDuration(): string {
  return `${series(lastDuration)} and increase(${series(succeeded)}[${WINDOW}]) > 0`;
}

function meanDuration(time: string): string {
  const [total, count] = ["_sum", "_count"].map((suffix) =>
    sum(`rate(${successes(suffix as Suffix)}[${time}])`)
  );
  return ratio(total, count);
}

/** A quantile of the durations of successes; has no value where there is none. */
function quantile(q: number, time = WINDOW, by = ""): string {
  const buckets = sum(`rate(${successes("_bucket")}[${time}])`, by ? `le, ${by}` : "le");
  const count = sum(`rate(${successes("_count")}[${time}])`, by);
  return `histogram_quantile(${q}, ${buckets}) and on (${by}) ${count} > 0`;
}

function meanPhases(): string {
  return ratio(
    perSecond(phaseDuration, "phase", "_sum"),
    perSecond(phaseDuration, "phase", "_count"),
  );
}

function lagQuantile(q: number): string {
  const buckets = series(lag, [`loop="probe"`], "_bucket");
  return `histogram_quantile(${q}, ${sum(`rate(${buckets}[${WINDOW}])`, "le")})`;
}

function runningSince(): string {
  const times = `1000 * ${series(startTime)}`;
  return sum(
    `${series(buildInfo)} * on (job, instance, app_id) group_left () (${times})`,
    "app_id, version, deno, target, job, instance, location",
  );
}

// ---------------------------------------------------- variables, annotations

function variables() {
  const chosen = (name: string, label: string, of: string, allValue?: string) => ({
    type: "query",
    name,
    label,
    datasource: DATASOURCE,
    query: { qryType: 1, query: of, refId: `Variable-${name}` },
    definition: of,
    multi: true,
    includeAll: true,
    ...allValue ? { allValue } : {},
    current: { text: ["All"], value: ["$__all"] },
    // When the range changes: a name that is random comes and goes.
    refresh: 2,
    sort: 1,
  } as const);
  const values = (metric: Definition, filters: string, label: string) =>
    `label_values(${metric.name}${filters}, ${label})`;
  return [
    {
      type: "datasource",
      name: "datasource",
      label: "Data source",
      query: "prometheus",
      current: { text: "prometheus", value: "prometheus" },
    } as const,
    chosen("job", "Job", values(buildInfo, "", "job")),
    // Matches series without that label too.
    chosen("location", "Location", values(buildInfo, `{job=~"$job"}`, "location"), ".*"),
    chosen("app_id", "Probe", values(buildInfo, `{${OF_SCRAPE}}`, "app_id"), ".+"),
    chosen("dataset_id", "Dataset", values(created, `{${FILTERS}}`, "dataset_id"), ".+"),
  ];
}

function annotations() {
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

// ------------------------------------------------------------------- panels

type Steps = readonly (readonly [from: number | null, color: string])[];

/** What every kind of panel is made of. */
type About = {
  title: string;
  description: string;
  queries: Query[];
  /** Points of a range at most; Grafana takes the panel's width where it is left out. */
  maxDataPoints?: number;
};

type Shown = {
  unit?: string;
  decimals?: number;
  min?: number;
  max?: number;
  noValue?: string;
};

type Override = ReturnType<typeof override>;

type Panel = ReturnType<
  typeof stat | typeof timeSeries | typeof heatmap | typeof timeline | typeof table
>;

const STATE_MAPPINGS = [{
  type: "value",
  options: Object.fromEntries(STATES.map((state, index) => [index, { ...state, index }])),
}] as const;

/** The same outcome has the same colour everywhere. */
const OUTCOME_COLORS = [
  colorOf("succeeded", GREEN),
  colorOf("ok", GREEN),
  colorOf("SUCCEEDED", GREEN),
  colorOf("created", BLUE),
  colorOf("PENDING", BLUE),
  colorOf("failed", RED),
  colorOf("FAILED", RED),
];

const LIST = { showLegend: true, placement: "bottom", displayMode: "list" } as const;

/** Values as they are now. */
function stat(
  { steps, mappings, colorMode = "value", overrides = [], ...about }: About & Shown & {
    steps?: Steps;
    mappings?: typeof STATE_MAPPINGS;
    colorMode?: "value" | "background";
    overrides?: Override[];
  },
) {
  const { title, description, queries, maxDataPoints, ...shown } = about;
  return {
    ...panel("stat", { title, description, queries, maxDataPoints }, {
      kind: { instant: true, range: false },
    }),
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

function timeSeries(
  { bars = false, stack = bars, limit, calcs = [], ...about }: About & Shown & {
    bars?: boolean;
    stack?: boolean;
    /** Where a line timings an objective. */
    limit?: number;
    calcs?: string[];
  },
) {
  const { title, description, queries, maxDataPoints, ...shown } = about;
  const limitSteps: Steps = limit === undefined ? [] : [[limit, RED]];
  return {
    ...panel("timeseries", { title, description, queries, maxDataPoints }),
    options: {
      legend: { ...LIST, calcs },
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
          // A gap is told as one.
          spanNulls: false,
          stacking: { mode: stack ? "normal" : "none", group: "A" },
          thresholdsStyle: { mode: limit === undefined ? "off" : "dashed" },
        },
      },
      overrides: OUTCOME_COLORS,
    },
  } as const;
}

function heatmap(about: About) {
  return {
    ...panel("heatmap", about, { kind: { range: true, format: "heatmap", exemplar: true } }),
    options: {
      calculate: false,
      rowsFrame: { layout: "auto" },
      color: {
        mode: "scheme",
        // Even in brightness, and made for colour-blind people.
        scheme: "Cividis",
        fill: BLUE,
        scale: "exponential",
        exponent: 0.5,
        steps: 64,
        reverse: false,
      },
      // Cells in which nothing fell are left out.
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

/** States as coloured bars over time. */
function timeline(about: About) {
  return {
    ...panel("state-timeline", about),
    options: {
      showValue: "auto",
      rowHeight: 0.8,
      mergeValues: true,
      alignValue: "left",
      legend: { ...LIST, calcs: [] },
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

/** One row a set of labels, one column a query. */
function table(
  { columns, overrides, ...about }: About & { columns: string[]; overrides: Override[] },
) {
  const renamed = columns.map((column, i) =>
    // Grafana numbers the values only where there are several.
    [columns.length > 1 ? `Value #${refIdOf(i)}` : "Value", column] as const
  );
  return {
    ...panel("table", about, { kind: { instant: true, range: false, format: "table" } }),
    transformations: [
      { id: "merge", options: {} },
      {
        id: "organize",
        options: {
          excludeByName: { Time: true },
          indexByName: {},
          renameByName: { ...Object.fromEntries(renamed), dataset_id: "Dataset", app_id: "Probe" },
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

type Kind = {
  instant?: boolean;
  range?: boolean;
  format?: "time_series" | "table" | "heatmap";
  exemplar?: boolean;
};

function panel<const Type extends string>(
  type: Type,
  { title, description, queries, maxDataPoints }: About,
  { kind = { range: true } }: { kind?: Kind } = {},
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
      // Without a name of its own a value has that of its panel.
      legendFormat: legend || "__auto",
      ...interval ? { interval } : {},
      ...{ format: "time_series" as const, ...kind },
    } as const)),
  } as const;
}

function refIdOf(index: number): string {
  return String.fromCharCode("A".charCodeAt(0) + index);
}

function thresholds(steps: Steps) {
  return { mode: "absolute", steps: steps.map(([value, color]) => ({ value, color })) } as const;
}

/** Red below the objective. */
function shareSteps(objective: number): Steps {
  return [[null, RED], [objective, GREEN]];
}

/** Orange above the objective. */
function limitSteps(objective: number): Steps {
  return [[null, GREEN], [objective, ORANGE]];
}

function override(name: string, properties: Record<string, unknown>) {
  return {
    matcher: { id: "byName", options: name },
    properties: Object.entries(properties).map(([id, value]) => ({ id, value })),
  } as const;
}

function colorOf(name: string, fixedColor: string): Override {
  return override(name, { color: { mode: "fixed", fixedColor } });
}

function thresholdsOf(name: string, steps: Steps): Override {
  return override(name, { thresholds: thresholds(steps) });
}

/** Without the noise of binary fractions. */
function round(value: number): number {
  return Number(value.toPrecision(12));
}

// ------------------------------------------------------------------- layout

const WIDTH = 24;

/** A heading and lines of panels under each other; the panels of a line share its width. */
type Row = { title: string; lines: Line[] };
type Line = { height: number; panels: Panel[] };

function row(title: string, lines: Line[]): Row {
  return { title, lines };
}

function line(height: number, ...panels: Panel[]): Line {
  return { height, panels };
}

/** Gives each panel its number and its place. */
function layOut(rows: Row[]) {
  let id = 0;
  let y = 0;
  return rows.flatMap(({ title, lines }) => {
    const heading = {
      type: "row",
      id: ++id,
      title,
      collapsed: false,
      gridPos: { x: 0, y: y++, w: WIDTH, h: 1 },
      panels: [],
    } as const;
    const placed = lines.flatMap(({ height, panels }) => {
      const edges = [...panels, null].map((_, i) => Math.round(i * WIDTH / panels.length));
      const there = panels.map((panel, i) => ({
        ...panel,
        id: ++id,
        gridPos: { x: edges[i], y, w: edges[i + 1] - edges[i], h: height },
      }));
      y += height;
      return there;
    });
    return [heading, ...placed];
  });
}
