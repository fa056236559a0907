import { assertEquals } from "@std/assert";
import type * as common from "npm:@grafana/grafana-foundation-sdk@0.0.21/common";
import type * as grafana from "npm:@grafana/grafana-foundation-sdk@0.0.21/dashboard";
import type { Options as HeatmapOptions } from "npm:@grafana/grafana-foundation-sdk@0.0.21/heatmap";
import type { FieldConfig as HeatmapField } from "npm:@grafana/grafana-foundation-sdk@0.0.21/heatmap";
import type { Dataquery } from "npm:@grafana/grafana-foundation-sdk@0.0.21/prometheus";
import type { Options as StatOptions } from "npm:@grafana/grafana-foundation-sdk@0.0.21/stat";
import type * as timeline from "npm:@grafana/grafana-foundation-sdk@0.0.21/statetimeline";
import type { Options as TableOptions } from "npm:@grafana/grafana-foundation-sdk@0.0.21/table";
import type { Options as TimeSeriesOptions } from "npm:@grafana/grafana-foundation-sdk@0.0.21/timeseries";
import { dashboard } from "../../../src/prometheus/dashboard/dashboard.ts";
import { OBJECTIVES } from "./grafana.ts";

/** Grafana's types for plain JSON: values instead of enums, Prometheus queries instead of any. */
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
/** The names of fields of the first type that the second does not have: Grafana ignores them. */
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

Deno.test("the dashboard fits Grafana's types and has no field that they do not know", () => {
  // The type checker does the test.
  const typed: KnownDashboard = dashboard(OBJECTIVES);
  const unknown: (Unknown<Omit<OurDashboard, "panels">, KnownDashboard> | UnknownInPanels)[] = [];
  const never: never[] = unknown;
  assertEquals([typed.uid, never], ["dataplatform-probe", []]);
});
