import type { Config } from "../../config/config.ts";
import type { RuleOptions } from "../../prometheus/rules/rule_options.ts";
import { retentionWarning, rulesAsYaml } from "../../prometheus/rules/rules.ts";
import { objectivesOf } from "../objectives.ts";

/**
 * Prometheus rules in YAML for the configured interval and objectives, and what whoever loads them
 * has to know.
 */
export function rulesDocument(
  config: Config,
  options: RuleOptions,
): { text: string; warnings: string[] } {
  const objectives = objectivesOf(config);
  const warning = retentionWarning(objectives, options);
  const { publicUrl, dashboardUrl } = config;
  const links = { ...options.links, publicUrl, dashboardUrl };
  return {
    text: rulesAsYaml(objectives, { ...options, links }),
    warnings: warning === null ? [] : [warning],
  };
}
