/** The dashboard as Grafana would show it: the same queries, sent to a Prometheus. */
import { assertEquals } from "@std/assert";
import { dashboard } from "../../../src/prometheus/dashboard/dashboard.ts";
import { at } from "../../support/at.ts";

export const OBJECTIVES = { taskIntervalSeconds: 10, availability: 0.9, latencySeconds: 0.25 };

export const shown = dashboard(OBJECTIVES);
export const panels = shown.panels.filter((panel) => panel.type !== "row");
export const targets = panels.flatMap(({ title, type, targets }) =>
  targets.map((target) => ({ panel: title, type, ...target }))
);

/** Holds some scrapes and, with a task each tenth of a second, many tasks. */
const WINDOW_SECONDS = 2;
const WINDOW = `${WINDOW_SECONDS}s`;

/** A value of a query, with its labels. */
export type Row = { metric: Record<string, string>; value: number };
/** What is chosen of the dashboard's variables. */
type Choice = Record<string, string>;

export type Grafana = ReturnType<typeof reader>;

/** Sends the queries of Grafana to Prometheus, for a range that begins at `startSeconds`. */
export function reader(url: string, startSeconds: number) {
  // deno-lint-ignore no-explicit-any -- the response's shape depends on the path
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
    const { result } = await get("query_range", {
      query: fill(expr),
      start: String(startSeconds),
      end: String(Date.now() / 1e3),
      step: "1",
    });
    return result.map(({ metric, values }: { metric: Choice; values: [number, string][] }) => ({
      metric,
      value: Number(values.at(-1)?.[1]),
    }));
  }

  function queriesOf(title: string) {
    return targets.filter(({ panel }) => panel === title);
  }

  /** The values of all queries of a panel. */
  async function values(title: string, choice?: Choice): Promise<number[]> {
    const found = await Promise.all(queriesOf(title).map(({ expr }) => instant(expr, choice)));
    return found.flat().map(({ value }) => value);
  }

  /** The values of a panel's first query, sorted by their labels. */
  async function rows(title: string): Promise<Row[]> {
    const found = await instant(at(queriesOf(title), 0).expr);
    return found.sort((a, b) => JSON.stringify(a.metric) < JSON.stringify(b.metric) ? -1 : 1);
  }

  return {
    values,
    rows,
    /** The first value of a panel, which must have one. */
    async value(title: string, choice?: Choice): Promise<number> {
      return at(await values(title, choice), 0);
    },
    /** The queries of panels that have no result, or none that is a number. */
    async silent(): Promise<string[]> {
      const silent = await Promise.all(
        targets.map(async ({ panel, refId, expr, instant: now }) => {
          const found = await (now ? instant(expr) : range(expr));
          return found.some(({ value }) => !Number.isNaN(value)) ? [] : [`${panel} ${refId}`];
        }),
      );
      return silent.flat();
    },
    async annotations(): Promise<Record<string, Row[]>> {
      const found = shown.annotations.list.map(async ({ name, expr }) => [name, await range(expr)]);
      return Object.fromEntries(await Promise.all(found));
    },
    /** The values to choose from for each variable. */
    async choices(): Promise<Record<string, string[]>> {
      const found = shown.templating.list.flatMap((variable) => {
        if (!("definition" in variable)) return [];
        const [, selector = "", label] =
          variable.definition.match(/^label_values\((.*), (\w+)\)$/) ?? [];
        const start = String(startSeconds);
        return [
          get(`label/${label}/values`, { "match[]": fill(selector), start })
            .then((values) => [variable.name, values]),
        ];
      });
      return Object.fromEntries(await Promise.all(found));
    },
    /** The one value of an expression. */
    async raw(expr: string): Promise<number> {
      return at(await instant(expr), 0).value;
    },
  };
}

/** The query as Grafana sends it; variables that `choice` leaves out stand for all values. */
export function filledIn(expr: string, rangeSeconds = 60, choice: Choice = {}): string {
  const all: Choice = {
    job: "(probe)",
    environment: ".*",
    location: ".*",
    app_id: ".+",
    dataset_id: ".+",
  };
  const filled = expr
    .replaceAll("$__rate_interval", WINDOW)
    .replaceAll("$__range", `${rangeSeconds}s`)
    .replaceAll("$__interval_ms", String(WINDOW_SECONDS * 1e3))
    .replaceAll("$__interval", WINDOW);
  return Object.entries({ ...all, ...choice }).reduce(
    (text, [name, value]) => text.replaceAll(`$${name}`, value),
    filled,
  );
}
