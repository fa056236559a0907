import { assert, assertEquals } from "@std/assert";
import { REASONS } from "../../../src/core/reasons.ts";
import {
  DATASET_STATES,
  STATE_DEFINITIONS,
  STATE_NUMBERS,
} from "../../../src/core/verdict/states.ts";
import { dashboard } from "../../../src/prometheus/dashboard/dashboard.ts";
import { METRICS } from "../../../src/prometheus/definitions.ts";
import { check, read } from "../../support/promql.ts";
import { filledIn, OBJECTIVES, panels, shown, targets } from "./grafana.ts";

const expressions = [
  ...targets.map(({ panel, refId, expr }) => ({ name: `${panel} ${refId}`, expr })),
  ...shown.annotations.list.map(({ name, expr }) => ({ name, expr })),
];

Deno.test("every query is PromQL over what the probe exposes", () => {
  assert(new Set(expressions.map(({ expr }) => expr)).size >= 20);
  for (const { name, expr } of expressions) assertEquals(check(filledIn(expr)), [], name);
});

Deno.test("the dashboard shows every metric of the probe", () => {
  const series = expressions.flatMap(({ expr }) => [...read(filledIn(expr)).metrics]);
  const families = new Set(series.map((name) => name.replace(/_(bucket|sum|count)$/, "")));
  families.delete("up");
  assertEquals([...families].sort(), Object.values(METRICS).map(({ name }) => name).sort());
});

Deno.test("a legend names exactly the labels that its query groups by", () => {
  for (const { panel, type, expr, legendFormat } of targets) {
    const named = [...legendFormat.matchAll(/\{\{(\w+)\}\}/g)].map(([, label = ""]) => label);
    const { labels } = read(filledIn(expr));
    for (const label of named) assert(labels?.has(label), `${panel} has no ${label}`);
    if (type === "timeseries") assertEquals(new Set(named), labels, panel);
  }
});

Deno.test("panels fill the width, do not overlap, and have unique numbers and titles", () => {
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
    assertEquals(targets.map(({ refId }) => refId), [..."ABCDEFG"].slice(0, targets.length));
  }
});

Deno.test("every variable that a query names exists, and every variable is used", () => {
  const text = JSON.stringify(shown);
  const named = [...text.matchAll(/\$(?:\{(\w+)\}|(\w+))/g)]
    .map(([, braced, bare = ""]) => braced ?? bare)
    .filter((name) => !name.startsWith("__"));
  assertEquals([...new Set(named)].sort(), shown.templating.list.map(({ name }) => name).sort());
  // Grafana's own variables that it replaces everywhere.
  const own = [...text.matchAll(/\$(__\w+)/g)].map(([, name]) => name).filter((name) =>
    name !== "__all"
  );
  const known = ["__interval", "__interval_ms", "__range", "__rate_interval"];
  assertEquals([...new Set(own)].sort(), known);
});

Deno.test("the dashboard draws the objectives and keeps windows longer than the task interval", () => {
  const limits = (objectives: typeof OBJECTIVES) =>
    dashboard(objectives).panels.flatMap((panel) =>
      panel.type === "timeseries" &&
        panel.fieldConfig.defaults.custom.thresholdsStyle.mode !== "off"
        ? panel.fieldConfig.defaults.thresholds.steps.map(({ value }) => value)
        : []
    );
  assertEquals(limits(OBJECTIVES), [null, 0.9, null, 0.25]);
  assertEquals(limits({ ...OBJECTIVES, availability: 0.99, latencySeconds: 2 }), [
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

Deno.test("the description of the failures names every reason", () => {
  const panel = panels.find(({ title }) => title === "Failures by reason");

  for (const reason of REASONS) assert(panel?.description.match(RegExp(`\\b${reason}\\b`)), reason);
});

Deno.test("the dashboard shows the number of each state as the word that the probe has for it", () => {
  const mappings = panels.flatMap((panel) => {
    const { defaults, overrides } = panel.fieldConfig;
    const all = [defaults, ...overrides.flatMap(({ properties }) => properties)];
    return all.flatMap((each) =>
      "mappings" in each ? each.mappings : "id" in each && each.id === "mappings" ? each.value : []
    );
  }) as { options: Record<string, { text: string }> }[];
  assertEquals(mappings.length, 3, "state, states over time, table");
  for (const { options } of mappings) {
    assertEquals(
      Object.fromEntries(Object.entries(options).map(([number, { text }]) => [text, number])),
      {
        ...Object.fromEntries(
          DATASET_STATES.map((state) => [
            STATE_DEFINITIONS[state].word,
            String(STATE_NUMBERS[state]),
          ]),
        ),
        "no probe": String(DATASET_STATES.length),
      },
    );
  }
});
