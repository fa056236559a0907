import { nobodyLooks } from "../outage_rules.ts";
import { LOCATION_LABELS } from "../promql.ts";
import type { AlertingRule, Annotations } from "../rule_file.ts";
import type { RuleOptions, Severity } from "../rule_options.ts";
import type { Times } from "../windows.ts";
import { type AlertView, linkAnnotations } from "./links.ts";

/** An alert before what all alerts have in common is added to it. */
export type Alert = {
  alert: string;
  expr: string;
  for?: string;
  keep_firing_for?: string;
  severity: Severity;
  /** What is broken, and for whom. */
  summary: string;
  /** When the alert fires, so also how long it has lasted at least. */
  description: string;
  /** What to look at first, and numbered steps after it. */
  runbook: string;
  /** What its links show; the failed tasks of the last hour unless given. */
  view?: AlertView;
};

/** An alert on a location that lasts while no probe is there that could tell whether it is over. */
export function untilSeen(rule: Alert, times: Times): Alert {
  const { alert, expr } = rule;
  const by = `by (${LOCATION_LABELS})`;
  return {
    ...rule,
    expr: `${expr}
or
group ${by} (ALERTS{alertname="${alert}", alertstate="firing"})
and on (${LOCATION_LABELS}) group ${by} (${nobodyLooks(times)})`,
  };
}

/** The alert as a rule, whose pages are tickets in `dev` and `local`. */
export function alertingRule(alert: Alert, options: RuleOptions): AlertingRule {
  const { summary: _, description: __, runbook: ___, view: ____, severity, ...rest } = alert;
  return {
    ...rest,
    labels: { severity: severityLabel(severity, options), ...options.labels },
    annotations: annotationsOf(alert, options),
  };
}

/** A template for pages: nobody is woken for an environment that nobody depends on. */
function severityLabel(severity: Severity, { severities = {} }: RuleOptions): string {
  const { page = "page", ticket = "ticket" } = severities;
  if (severity === "ticket") return ticket;
  return `{{ if match "^(dev|local)$" $labels.environment }}${ticket}{{ else }}${page}{{ end }}`;
}

/** What a receiver is told: the only place that puts annotations together. */
function annotationsOf(
  { alert, summary, description, runbook, view }: Alert,
  { links }: RuleOptions,
): Annotations {
  return { summary, description, runbook, ...linkAnnotations(alert, view, links) };
}
