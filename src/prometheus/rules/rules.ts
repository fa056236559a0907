import { stringify } from "@std/yaml/stringify";
import type { Objectives } from "../slo.ts";
import { type Alert, alertingRule } from "./alerts/alert.ts";
import { credentialAlerts } from "./alerts/credential_alerts.ts";
import { datasetAlerts } from "./alerts/dataset_alerts.ts";
import { historyRules, incidentRules } from "./history_rules.ts";
import { networkRules } from "./alerts/network_alerts.ts";
import { heartbeatAlert, probeRules } from "./alerts/probe_alerts.ts";
import { JOB } from "./promql.ts";
import type { RecordingRule, RuleFile } from "./rule_file.ts";
import { budgetAlerts } from "./alerts/slo_alerts.ts";
import { budgetRules, ratioRules } from "./slo_rules.ts";
import { type RuleOptions, timesFor, WINDOWS } from "./windows.ts";

/** From this multiple of the shortest window on, a ratio is costly to compute and changes slowly. */
const FIRST_LONG_WINDOW = 24;
/** Below the five minutes after which Prometheus forgets a recorded value. */
const LONG_GROUP_INTERVAL_MINUTES = 2;

/** The rules as a file for Prometheus, which names the settings that it was made for. */
export function rulesAsYaml(objectives: Objectives, options?: RuleOptions): string {
  const { taskIntervalSeconds, availability, latencySeconds } = objectives;
  return `# Made by \`dataplatform-probe rules\`, do not edit. Made for
# TASK_INTERVAL_SECONDS=${taskIntervalSeconds} SLO_AVAILABILITY=${availability} \
SLO_LATENCY_SECONDS=${latencySeconds}
${stringify(rules(objectives, options), { lineWidth: -1 })}`;
}

/**
 * Recording and alerting rules for probes with this interval and these objectives. An objective so
 * low that no failure rate could burn its budget fast has no alert on it.
 */
export function rules(objectives: Objectives, options: RuleOptions = {}): RuleFile {
  const times = timesFor(objectives, options);
  const ratios = (windows: number[]) =>
    windows.flatMap((window) => ratioRules(window, objectives, times));
  const groups: { name: string; interval?: string; rules: (RecordingRule | Alert)[] }[] = [
    {
      name: `${JOB}-ratios`,
      rules: [
        ...budgetRules(objectives),
        ...ratios(WINDOWS.filter((window) => window < FIRST_LONG_WINDOW)),
      ],
    },
    {
      name: `${JOB}-long-ratios`,
      interval: times.minutes(LONG_GROUP_INTERVAL_MINUTES),
      rules: ratios(WINDOWS.filter((window) => window >= FIRST_LONG_WINDOW)),
    },
    { name: `${JOB}-incidents`, rules: incidentRules(times) },
    {
      name: `${JOB}-history`,
      interval: times.minutes(LONG_GROUP_INTERVAL_MINUTES),
      rules: historyRules(objectives, times),
    },
    {
      name: `${JOB}-datasets`,
      rules: [...datasetAlerts(objectives, times), ...budgetAlerts(objectives, times)],
    },
    { name: `${JOB}-network`, rules: networkRules(times) },
    {
      name: `${JOB}-probe`,
      rules: [...probeRules(times), ...credentialAlerts(times), heartbeatAlert(times)],
    },
  ];
  return {
    groups: groups.map((group) => ({
      ...group,
      rules: group.rules.map((rule) => "alert" in rule ? alertingRule(rule) : rule),
    })),
  };
}
