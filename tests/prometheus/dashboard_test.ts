import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import type * as common from "npm:@grafana/grafana-foundation-sdk@0.0.21/common";
import type * as grafana from "npm:@grafana/grafana-foundation-sdk@0.0.21/dashboard";
import type { Options as HeatmapOptions } from "npm:@grafana/grafana-foundation-sdk@0.0.21/heatmap";
import type { FieldConfig as HeatmapField } from "npm:@grafana/grafana-foundation-sdk@0.0.21/heatmap";
import type { Dataquery } from "npm:@grafana/grafana-foundation-sdk@0.0.21/prometheus";
import type { Options as StatOptions } from "npm:@grafana/grafana-foundation-sdk@0.0.21/stat";
import type * as timeline from "npm:@grafana/grafana-foundation-sdk@0.0.21/statetimeline";
import type { Options as TableOptions } from "npm:@grafana/grafana-foundation-sdk@0.0.21/table";
import type { Options as TimeSeriesOptions } from "npm:@grafana/grafana-foundation-sdk@0.0.21/timeseries";
import type { HttpServer } from "../../local/http_server/http_server.ts";
import { METRICS } from "../../src/prometheus/definitions.ts";
import { dashboard } from "../../src/prometheus/dashboard/dashboard.ts";
import { fastSuccesses } from "../../src/prometheus/slo.ts";
import type { taskToJson } from "../../src/core/task_json.ts";
import { eventually, startLoop } from "../support/program.ts";
import { startEmulator } from "../support/targets.ts";
import { startServer } from "../monitoring/prometheus.ts";
import { check, read } from "../support/promql.ts";
import { WITHOUT_PROMETHEUS } from "../support/prometheus_tools.ts";

const OBJECTIVES = { taskIntervalSeconds: 10, availability: 0.9, latencySeconds: 0.25 };

// ------------------------------------------------------------ Grafana's types

/** What Grafana's types say of plain JSON: the values of their enums, and queries of Prometheus. */
type Plain<T> = 0 extends 1 & T ? unknown
  : T extends { _implementsDataqueryVariant(): void } ? Query
  : T extends string ? `${T}`
  : T extends number | boolean | null | undefined ? T
  : T extends readonly (infer E)[] ? readonly Plain<E>[]
  : { [K in keyof T]: Plain<T[K]> };
type Query = Plain<Omit<Dataquery, "_implementsDataqueryVariant">>;

type PanelOf<Type, Options, Custom> =
  & Plain<Omit<grafana.Panel, "type" | "options" | "fieldConfig">>
  & {
    type: Type;
    options: Plain<Options>;
    fieldConfig: Plain<Omit<grafana.FieldConfigSource, "defaults">> & {
      defaults: Plain<Omit<grafana.FieldConfig, "custom">> & { custom?: Plain<Custom> };
    };
  };
type KnownPanels = {
  row: Plain<grafana.RowPanel>;
  stat: PanelOf<"stat", StatOptions, never>;
  timeseries: PanelOf<"timeseries", TimeSeriesOptions, common.GraphFieldConfig>;
  heatmap: PanelOf<"heatmap", HeatmapOptions, HeatmapField>;
  "state-timeline": PanelOf<"state-timeline", timeline.Options, timeline.FieldConfig>;
  table: PanelOf<"table", TableOptions, common.TableFieldOptions>;
};
type KnownDashboard = Plain<Omit<grafana.Dashboard, "panels">> & {
  panels: readonly KnownPanels[keyof KnownPanels][];
};

type KeysOf<T> = T extends unknown ? keyof T : never;
type ValuesOf<T, K> = T extends unknown ? K extends keyof T ? T[K] : never : never;
/** The names of fields in the first that the second does not have: Grafana would ignore them. */
type Unknown<T, Known> = unknown extends Known ? never
  : T extends readonly (infer E)[] ? Known extends readonly (infer K)[] ? Unknown<E, K> : never
  : T extends object ? {
      [K in keyof T & string]: K extends KeysOf<Known> ? Unknown<T[K], ValuesOf<Known, K>>
        : K;
    }[keyof T & string]
  : never;

type OurDashboard = ReturnType<typeof dashboard>;
type OurPanel = OurDashboard["panels"][number];
type UnknownInPanels = {
  [Type in OurPanel["type"]]: Unknown<Extract<OurPanel, { type: Type }>, KnownPanels[Type]>;
}[OurPanel["type"]];

Deno.test("the dashboard is of Grafana's types, and of nothing that they do not know", () => {
  // What is to be tested is tested when this is compiled.
  const typed: KnownDashboard = dashboard(OBJECTIVES);
  const unknown: (Unknown<Omit<OurDashboard, "panels">, KnownDashboard> | UnknownInPanels)[] = [];
  const never: never[] = unknown;
  assertEquals([typed.uid, never], ["dataplatform-probe", []]);
});

// ------------------------------------------------------------------ its form

const shown = dashboard(OBJECTIVES);
const panels = shown.panels.filter((panel) => panel.type !== "row");
const targets = panels.flatMap(({ title, type, targets }) =>
  targets.map((target) => ({ panel: title, type, ...target }))
);
const expressions = [
  ...targets.map(({ panel, refId, expr }) => ({ name: `${panel} ${refId}`, expr })),
  ...shown.annotations.list.map(({ name, expr }) => ({ name, expr })),
];

Deno.test("every query is PromQL of what the probe exposes", () => {
  assert(new Set(expressions.map(({ expr }) => expr)).size >= 20);
  for (const { name, expr } of expressions) assertEquals(check(filledIn(expr)), [], name);
});

Deno.test("every metric of the probe is on the dashboard", () => {
  const read_ = expressions.flatMap(({ expr }) => [...read(filledIn(expr)).metrics]);
  const families = new Set(read_.map((name) => name.replace(/_(bucket|sum|count)$/, "")));
  families.delete("up");
  assertEquals([...families].sort(), Object.values(METRICS).map(({ name }) => name).sort());
});

Deno.test("what is grouped by is what the legend names", () => {
  for (const { panel, type, expr, legendFormat } of targets) {
    const named = [...legendFormat.matchAll(/\{\{(\w+)\}\}/g)].map(([, label]) => label);
    const { labels } = read(filledIn(expr));
    for (const label of named) assert(labels?.has(label), `${panel} has no ${label}`);
    if (type === "timeseries") assertEquals(new Set(named), labels, panel);
  }
});

Deno.test("panels fill the width, do not overlap, and have numbers and texts of their own", () => {
  const cells = new Set<string>();
  const { length } = shown.panels.flatMap(({ gridPos: { x, y, w, h } }) =>
    Array.from({ length: w * h }, (_, i) => cells.add(`${x + i % w} ${y + Math.floor(i / w)}`))
  );
  const bottom = Math.max(...shown.panels.map(({ gridPos: { y, h } }) => y + h));
  assertEquals([cells.size, length], [24 * bottom, 24 * bottom]);
  for (const { gridPos: { x, w } } of shown.panels) assert(x + w <= 24);

  for (const unique of [shown.panels.map(({ id }) => id), shown.panels.map(({ title }) => title)]) {
    assertEquals(new Set<unknown>(unique).size, unique.length);
  }
  for (const { title, description, targets } of panels) {
    assert(description.length > 20 && description.endsWith("."), title);
    assertEquals(targets.map(({ refId }) => refId), [..."ABCDE"].slice(0, targets.length));
  }
});

Deno.test("variables that are named exist, and those that exist are used", () => {
  const text = JSON.stringify(shown);
  const named = [...text.matchAll(/\$(?:\{(\w+)\}|(\w+))/g)].map(([, braced, bare]) =>
    braced ?? bare
  )
    .filter((name) => !name.startsWith("__"));
  assertEquals([...new Set(named)].sort(), shown.templating.list.map(({ name }) => name).sort());
  // Grafana's own, as far as it knows them in every place.
  const own = [...text.matchAll(/\$(__\w+)/g)].map(([, name]) => name).filter((name) =>
    name !== "__all"
  );
  const known = ["__interval", "__range", "__range_s", "__rate_interval"];
  assertEquals([...new Set(own)].sort(), known);
});

Deno.test("the dashboard follows the objectives", () => {
  const lines = (objectives: typeof OBJECTIVES) =>
    dashboard(objectives).panels.flatMap((panel) =>
      panel.type === "timeseries" &&
        panel.fieldConfig.defaults.custom.thresholdsStyle.mode !== "off"
        ? panel.fieldConfig.defaults.thresholds.steps.map(({ value }) => value)
        : []
    );
  assertEquals(lines(OBJECTIVES), [null, 0.9, null, 0.25]);
  assertEquals(lines({ ...OBJECTIVES, availability: 0.99, latencySeconds: 2 }), [
    null,
    0.99,
    null,
    2,
  ]);

  const intervals = (taskIntervalSeconds: number) =>
    dashboard({ ...OBJECTIVES, taskIntervalSeconds }).panels.flatMap((panel) =>
      panel.type === "row"
        ? []
        : panel.targets.filter(({ expr }) => expr.includes("$__rate_interval")).map((target) =>
          "interval" in target ? target.interval : undefined
        )
    );
  assertEquals(new Set(intervals(15)), new Set([undefined]));
  assertEquals(new Set(intervals(300)), new Set(["300s"]));
});

// -------------------------------------------------- with a real Prometheus

/** State as the dashboard counts it. */
const [OK, UNSTEADY, NO_NEWS, FAILING, NO_PROBE] = [0, 1, 2, 3, 4];

/** Windows hold some scrapes and, with a task a tenth of a second, many tasks. */
const SCRAPE_INTERVAL = "200ms";
const WINDOW = "2s";

const MAX_IN_FLIGHT = 6;

/** Queries that rightly have no answer at the end of the story. */
const EMPTY_AT_ITS_END = {
  "No success since A": "no dataset fails any more; while it lasts it is looked at by itself",
  "Failed by reason, total A": "nothing has failed since the last start; looked at before it",
  "Certificates end in A": "the emulator speaks plain HTTP",
};

Deno.test({
  name: "every query answers for a real probe in Prometheus, and the figures are the probe's",
  ignore: WITHOUT_PROMETHEUS,
  async fn() {
    const startedMs = Date.now();
    await using emulator = startEmulator({ seed: 3, requireToken: true });
    const env = {
      DATASET_ID: "one,two",
      OKDATA_API_URL: `${emulator.url}/metadata/datasets`,
      OKDATA_TOKEN_URL: `${emulator.url}/auth/realms/api-catalog/protocol/openid-connect/token`,
      OKDATA_CLIENT_ID: "local-client",
      OKDATA_CLIENT_SECRET: "local-secret",
      HEARTBEAT_URL: `${emulator.url}/heartbeat`,
      APP_ID: "first",
      TASK_INTERVAL_SECONDS: "0.1",
      RETRIES: "1",
      SLO_LATENCY_SECONDS: String(OBJECTIVES.latencySeconds),
      // Nothing times out, so that no task settles while the emulator holds its request.
      TASK_TIMEOUT_SECONDS: "3600",
      REQUEST_TIMEOUT_SECONDS: "3600",
      MAX_IN_FLIGHT_TASKS: String(MAX_IN_FLIGHT),
    };
    await using first = await startLoop({ env });
    await using prometheus = await startScraping(new URL(first.url).host);
    const grafana = reader(prometheus.url, startedMs / 1e3);
    const state = async () => Number((await grafana.values("State"))[0]);
    const stateIs = (wanted: number) =>
      eventually(`state ${wanted}`, async () => await state() === wanted, 20_000);
    const bothAre = (wanted: number) =>
      eventually(`both datasets ${wanted}`, async () => {
        const states = (await grafana.rows("Datasets")).map(({ value }) => value);
        return String(states) === String([wanted, wanted]);
      });

    await stateIs(OK);
    await bothAre(OK);
    assertEquals((await grafana.rows("Last")).map(({ metric }) => metric.dataset_id), [
      "one",
      "two",
    ]);
    assertEquals(await grafana.values("No success since"), []);
    assertEquals(await grafana.values("Failed by reason, total"), []);

    await put(emulator, { status: 500 });
    await stateIs(FAILING);
    await bothAre(FAILING);
    // What was once fast says nothing now.
    assertEquals(await grafana.values("Last"), []);
    const successes = (await tasksOf(first)).filter((task) => task.state === "SUCCEEDED");
    const lastMs = ["one", "two"].map((id) =>
      Math.max(...successes.map((task) => task.dataset_id === id ? Date.parse(task.settled!) : 0))
    );
    // The page rounds to milliseconds.
    const [sinceMs] = await grafana.values("No success since");
    assertAlmostEquals(sinceMs, Math.min(...lastMs), 1);
    const [age] = await grafana.values("Last success");
    assertAlmostEquals(age, (Date.now() - sinceMs) / 1e3, 2);

    await put(emulator, { body: "broken_json" });
    await eventually(
      "the other reason",
      async () =>
        (await grafana.rows("Failed by reason, total")).some(({ metric, value }) =>
          metric.reason === "invalid_response" && value >= 5
        ),
    );
    assertEquals(await state(), FAILING);

    await put(emulator, { status: 500, status_percent: 60 });
    await stateIs(UNSTEADY);
    await put(emulator, { fixed_delay_seconds: OBJECTIVES.latencySeconds + 0.05 });
    await stateIs(OK);

    // Now no request is answered: with all places taken, the counters stand still.
    await put(emulator, { hang_percent: 100 });
    await stateIs(NO_NEWS);
    await agree(first, emulator, grafana);

    first.kill("SIGKILL");
    await stateIs(NO_PROBE);
    assertEquals(await grafana.values("Probes"), [0, 1]);
    await put(emulator, {});
    const { port } = new URL(first.url);
    await using _second = await startLoop({ env: { ...env, APP_ID: "second", PORT: port } });
    await stateIs(OK);
    assertEquals(await grafana.values("Probes"), [1, 0]);

    await assertRestartIsSeen(grafana);
    const silent = await grafana.silent();
    assertEquals(silent.sort(), Object.keys(EMPTY_AT_ITS_END).sort());
  },
});

type Grafana = ReturnType<typeof reader>;

/** With the counters at rest, the dashboard, the probe and the emulator say the same. */
async function agree(probe: { url: string }, emulator: HttpServer, grafana: Grafana) {
  const tasks = await tasksOf(probe);
  const settled = tasks.filter(({ state }) => state !== "PENDING");
  const failed = settled.filter(({ state }) => state === "FAILED");
  const succeeded = settled.length - failed.length;

  const totals = ["Created, total", "Succeeded, total", "Failed, total"];
  const [created] = await grafana.values(totals[0], { dataset_id: "one" });
  assertEquals(created, tasks.filter((task) => task.dataset_id === "one").length);
  assertEquals(
    (await Promise.all(totals.map((title) => grafana.values(title)))).flat(),
    [tasks.length, succeeded, failed.length],
  );
  assertEquals(tasks.length - settled.length, MAX_IN_FLIGHT);

  const reasons = Object.groupBy(failed, ({ reason }) => reason!);
  assert(reasons.server_error && reasons.invalid_response);
  assertEquals(
    byLabel(await grafana.rows("Failed by reason, total"), "reason"),
    Object.fromEntries(Object.entries(reasons).map(([reason, { length }]) => [reason, length])),
  );

  const attempts = settled.flatMap(({ attempts }) => attempts);
  assert(attempts.length > settled.length, "nothing was tried again");
  const { by_status, requests } = emulator.counts();
  for (const status of [200, 500]) {
    assertEquals(attempts.filter((each) => each.status === status).length, by_status[status]);
  }
  assertEquals(requests, attempts.length + MAX_IN_FLIGHT);

  // An increase begins with the first scrape.
  const [unseen] = await grafana.raw(firstSeen("succeeded"));
  const [unseenFailed] = await grafana.raw(firstSeen("failed"));
  assertEquals(unseenFailed, 0);
  const expected = (succeeded - unseen) / (settled.length - unseen);
  assertAlmostEquals((await grafana.values("Success ratio"))[0], expected, 0.02);
  const [left] = await grafana.values("Error budget left, 30 days");
  assertAlmostEquals(left, 1 - (1 - expected) / (1 - OBJECTIVES.availability), 0.2);

  const seconds = settled.filter(({ state }) => state === "SUCCEEDED")
    .map(({ duration_seconds }) => duration_seconds!);
  const isFast = (each: number) => each <= OBJECTIVES.latencySeconds;
  assert(seconds.some((each) => !isFast(each)));
  const [unseenFast] = await grafana.raw(
    `sum(min_over_time(${fastSuccesses(OBJECTIVES)}[$__range]))`,
  );
  const fast = (seconds.filter(isFast).length - unseenFast) / (succeeded - unseen);
  assertAlmostEquals((await grafana.values("Fast successes"))[0], fast, 0.02);
  const [mean] = await grafana.values("Average");
  assert(mean >= Math.min(...seconds) && mean <= Math.max(...seconds));
  const bounds = [...METRICS.duration.buckets!, OBJECTIVES.latencySeconds].sort((a, b) => a - b);
  const [most] = await grafana.values("Max, at most");
  assert(bounds.includes(most) && most <= bounds.find((bound) => bound >= Math.max(...seconds))!);
}

/** How many there were when Prometheus came. */
function firstSeen(key: "succeeded" | "failed"): string {
  return `sum(min_over_time(${METRICS[key].name}[$__range]))`;
}

/** Both lives are in the range, each with its start; the build is the same. */
async function assertRestartIsSeen(grafana: Grafana) {
  assertEquals(await grafana.choices(), {
    job: ["probe"],
    location: ["here"],
    app_id: ["first", "second"],
    dataset_id: ["one", "two"],
  });
  // A range has a point a second.
  const events = await eventually("both starts", async () => {
    const found = await grafana.annotations();
    return found.Starts.length > 1 && found;
  });
  assertEquals(events.Starts.map(({ metric }) => metric.app_id), ["first", "second"]);
  for (const { metric, value } of events.Starts) {
    const [started] = await grafana.raw(
      `last_over_time(${METRICS.startTime.name}{app_id="${metric.app_id}"}[$__range])`,
    );
    assertEquals(value, started * 1e3);
  }
  const { deno, target, version } = events.Builds[0].metric;
  assertEquals([events.Builds.length, deno, target, /\d/.test(version)], [
    1,
    Deno.version.deno,
    Deno.build.target,
    true,
  ]);
}

type Row = { metric: Record<string, string>; value: number };
type Choice = Record<string, string>;

/** Asks Prometheus what Grafana would, for a range that begins when the test does. */
function reader(url: string, startSeconds: number) {
  // deno-lint-ignore no-explicit-any -- the answer's shape depends on the path
  async function get(path: string, parameters: Record<string, string>): Promise<any> {
    const response = await fetch(`${url}/api/v1/${path}?${new URLSearchParams(parameters)}`);
    const { status, data, error } = await response.json();
    assertEquals(status, "success", `${error} in ${JSON.stringify(parameters)}`);
    return data;
  }

  function fill(expr: string, choice: Choice = {}): string {
    return filledIn(expr, Math.ceil(Date.now() / 1e3 - startSeconds), choice);
  }

  async function instant(expr: string, choice?: Choice): Promise<Row[]> {
    const { result } = await get("query", { query: fill(expr, choice) });
    return result.map(({ metric, value }: { metric: Choice; value: [number, string] }) => ({
      metric,
      value: Number(value[1]),
    }));
  }

  /** The last value of each series of a range. */
  async function range(expr: string): Promise<Row[]> {
    const [start, end] = [startSeconds, Date.now() / 1e3].map(String);
    const { result } = await get("query_range", { query: fill(expr), start, end, step: "1" });
    return result.map(({ metric, values }: { metric: Choice; values: [number, string][] }) => ({
      metric,
      value: Number(values.at(-1)?.[1]),
    }));
  }

  function queriesOf(title: string) {
    return targets.filter(({ panel }) => panel === title);
  }

  async function values(title: string, choice?: Choice): Promise<number[]> {
    const answers = await Promise.all(queriesOf(title).map(({ expr }) => instant(expr, choice)));
    return answers.flat().map(({ value }) => value);
  }

  /** Of the panel's first query, sorted by its labels. */
  async function rows(title: string): Promise<Row[]> {
    const found = await instant(queriesOf(title)[0].expr);
    return found.sort((a, b) => JSON.stringify(a.metric) < JSON.stringify(b.metric) ? -1 : 1);
  }

  return {
    values,
    rows,
    /** The queries of panels that have no answer, or none that is a number. */
    async silent(): Promise<string[]> {
      const answers = await Promise.all(
        targets.map(async ({ panel, refId, expr, instant: now }) => {
          const found = await (now ? instant(expr) : range(expr));
          return found.some(({ value }) => !Number.isNaN(value)) ? [] : [`${panel} ${refId}`];
        }),
      );
      return answers.flat();
    },
    async annotations(): Promise<Record<string, Row[]>> {
      const found = shown.annotations.list.map(async ({ name, expr }) => [name, await range(expr)]);
      return Object.fromEntries(await Promise.all(found));
    },
    /** What there is to choose from for each variable. */
    async choices(): Promise<Record<string, string[]>> {
      const found = shown.templating.list.flatMap((variable) => {
        if (!("definition" in variable)) return [];
        const [, selector, label] = variable.definition.match(/^label_values\((.*), (\w+)\)$/)!;
        const start = String(startSeconds);
        return [
          get(`label/${label}/values`, { "match[]": fill(selector), start })
            .then((values) => [variable.name, values]),
        ];
      });
      return Object.fromEntries(await Promise.all(found));
    },
    async raw(expr: string): Promise<number[]> {
      return (await instant(expr)).map(({ value }) => value);
    },
  };
}

/** The query as Grafana sends it, with all values chosen but for those that `choice` names. */
function filledIn(expr: string, rangeSeconds = 60, choice: Choice = {}): string {
  const all: Choice = { job: "(probe)", location: ".*", app_id: ".+", dataset_id: ".+" };
  const filled = expr
    .replaceAll("$__rate_interval", WINDOW)
    .replaceAll("$__range_s", String(rangeSeconds))
    .replaceAll("$__range", `${rangeSeconds}s`)
    .replaceAll("$__interval", WINDOW);
  return Object.entries({ ...all, ...choice }).reduce(
    (text, [name, value]) => text.replaceAll(`$${name}`, value),
    filled,
  );
}

async function startScraping(address: string) {
  const folder = await Deno.makeTempDir({ prefix: "dashboard-" });
  const remove = () => Deno.remove(folder, { recursive: true });
  try {
    const configuration = {
      global: { scrape_interval: SCRAPE_INTERVAL, scrape_timeout: SCRAPE_INTERVAL },
      scrape_configs: [{
        job_name: "probe",
        static_configs: [{ targets: [address], labels: { location: "here" } }],
      }],
    };
    // JSON is YAML.
    await Deno.writeTextFile(`${folder}/prometheus.json`, JSON.stringify(configuration));
    const { url, stop } = await startServer("prometheus", [
      `--config.file=${folder}/prometheus.json`,
      `--storage.tsdb.path=${folder}/data`,
    ]);
    return { url, [Symbol.asyncDispose]: () => stop().then(remove) };
  } catch (error) {
    await remove();
    throw error;
  }
}

async function put({ url }: { url: string }, faults: Record<string, unknown>): Promise<void> {
  const response = await fetch(`${url}/faults`, { method: "PUT", body: JSON.stringify(faults) });
  assertEquals(response.status, 200, await response.text());
}

async function tasksOf({ url }: { url: string }): Promise<ReturnType<typeof taskToJson>[]> {
  const { tasks, next } = await (await fetch(`${url}/tasks?limit=1000`)).json();
  assertEquals(next, null);
  return tasks;
}

function byLabel(rows: Row[], label: string): Record<string, number> {
  return Object.fromEntries(rows.map(({ metric, value }) => [metric[label], value]));
}
