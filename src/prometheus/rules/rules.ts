import { stringify } from "@std/yaml/stringify";
import type { Objectives } from "../slo.ts";
import { type Alert, alertingRule } from "./alerts/alert.ts";
import { credentialAlerts } from "./alerts/credential_alerts.ts";
import { datasetAlerts } from "./alerts/dataset_alerts.ts";
import { networkRules } from "./alerts/network_alerts.ts";
import { heartbeatAlert, probeRules } from "./alerts/probe_alerts.ts";
import { budgetAlerts } from "./alerts/slo_alerts.ts";
import { historyRules, incidentRules } from "./history_rules.ts";
import { outageRules } from "./outage_rules.ts";
import type { RecordingRule, RuleFile } from "./rule_file.ts";
import { DEFAULT_JOB, type RuleOptions } from "./rule_options.ts";
import { budgetRules, ratioRules } from "./slo_rules.ts";
import { timesFor, WINDOWS } from "./windows.ts";

/** From this multiple of the shortest window on, a ratio is costly to compute and changes slowly. */
const FIRST_LONG_WINDOW = 24;
/** Below the five minutes after which Prometheus forgets a recorded value. */
const LONG_GROUP_INTERVAL_MINUTES = 2;

/** For how long Prometheus keeps samples unless it is told otherwise. */
const DEFAULT_RETENTION_DAYS = 15;

/** What Prometheus must be told so that the rules find all that they look for; null when nothing. */
export function retentionWarning(objectives: Objectives, options: RuleOptions = {}): string | null {
  const { window, windowSeconds } = timesFor(objectives, options);
  const longest = WINDOWS.at(-1)!;
  if (windowSeconds(longest) <= DEFAULT_RETENTION_DAYS * 86_400) return null;
  return `for TASK_INTERVAL_SECONDS=${objectives.taskIntervalSeconds} the rules look back ` +
    `${window(longest)}, but Prometheus keeps samples for ${DEFAULT_RETENTION_DAYS}d by default: ` +
    `start it with --storage.tsdb.retention.time=${window(longest)} or longer. With less, the ` +
    "alerts on budgets judge by what is left.";
}

/** The rules as a file for Prometheus, which names the settings that it was made for. */
export function rulesAsYaml(objectives: Objectives, options?: RuleOptions): string {
  const { taskIntervalSeconds, availability, latencySeconds } = objectives;
  const warning = retentionWarning(objectives, options);
  const { publicUrl, dashboardUrl } = options?.links ?? {};
  return `# Made by \`dataplatform-probe rules\`, do not edit. Made for
# TASK_INTERVAL_SECONDS=${taskIntervalSeconds} SLO_AVAILABILITY=${availability} \
SLO_LATENCY_SECONDS=${latencySeconds}
${publicUrl === undefined ? "" : `# PUBLIC_URL=${publicUrl}\n`}\
${dashboardUrl === undefined ? "" : `# DASHBOARD_URL=${dashboardUrl}\n`}\
${warning === null ? "" : `# Note: ${warning}\n`}${
    stringify(rules(objectives, options), { lineWidth: -1 })
  }`;
}

/**
 * Recording and alerting rules for probes with this interval and these objectives. An objective so
 * low that no failure rate could burn its budget fast has no alert on it.
 */
export function rules(objectives: Objectives, options: RuleOptions = {}): RuleFile {
  const times = timesFor(objectives, options);
  const { job = DEFAULT_JOB } = options;
  const ratios = (windows: number[]) =>
    windows.flatMap((window) => ratioRules(window, objectives, times));
  const groups: { name: string; interval?: string; rules: (RecordingRule | Alert)[] }[] = [
    {
      name: `${DEFAULT_JOB}-ratios`,
      rules: [
        ...budgetRules(objectives),
        ...ratios(WINDOWS.filter((window) => window < FIRST_LONG_WINDOW)),
      ],
    },
    {
      name: `${DEFAULT_JOB}-long-ratios`,
      interval: times.minutes(LONG_GROUP_INTERVAL_MINUTES),
      rules: ratios(WINDOWS.filter((window) => window >= FIRST_LONG_WINDOW)),
    },
    { name: `${DEFAULT_JOB}-incidents`, rules: incidentRules(times) },
    {
      name: `${DEFAULT_JOB}-history`,
      interval: times.minutes(LONG_GROUP_INTERVAL_MINUTES),
      rules: historyRules(objectives, times),
    },
    {
      name: `${DEFAULT_JOB}-datasets`,
      rules: [
        ...outageRules(times),
        ...datasetAlerts(times),
        ...budgetAlerts(objectives, times),
      ],
    },
    { name: `${DEFAULT_JOB}-network`, rules: networkRules(times) },
    {
      name: `${DEFAULT_JOB}-probe`,
      rules: [...probeRules(job, times), ...credentialAlerts(times), heartbeatAlert(times)],
    },
  ];
  return {
    groups: groups.map((group) => ({
      ...group,
      rules: group.rules.map((rule) => "alert" in rule ? alertingRule(rule, options) : rule),
    })),
  };
}
