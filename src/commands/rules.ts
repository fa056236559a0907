import type { Config } from "../config/config.ts";
import { rulesAsYaml } from "../prometheus/rules/rules.ts";
import { objectivesOf } from "./objectives.ts";

/** Prometheus rules in YAML for the configured interval and objectives. */
export function rulesText(config: Config): string {
  return rulesAsYaml(objectivesOf(config));
}
