import type { Objectives } from "../../../src/prometheus/slo.ts";
import type { AlertingRule, RecordingRule } from "../../../src/prometheus/rules/rule_file.ts";
import type { RuleOptions } from "../../../src/prometheus/rules/rule_options.ts";
import { rules } from "../../../src/prometheus/rules/rules.ts";

export const OBJECTIVES: Objectives = {
  taskIntervalSeconds: 10,
  availability: 0.999,
  latencySeconds: 1,
};

/** The rules, by kind. */
export function rulesOf(objectives: Objectives, options?: RuleOptions) {
  const { groups } = rules(objectives, options);
  const all = groups.flatMap((group) => group.rules);
  return {
    groups,
    recordings: all.filter((rule): rule is RecordingRule => "record" in rule),
    alerts: all.filter((rule): rule is AlertingRule => "alert" in rule),
  };
}
