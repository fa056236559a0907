import type { Config } from "../config/config.ts";
import { dashboard } from "../prometheus/dashboard/dashboard.ts";
import { objectivesOf } from "./objectives.ts";

/** A Grafana dashboard in JSON for the configured interval and objectives. */
export function dashboardText(config: Config): string {
  return JSON.stringify(dashboard(objectivesOf(config), config), null, 2) + "\n";
}
