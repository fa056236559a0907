/** A file of rules as Prometheus reads it. */
export type RuleFile = { groups: RuleGroup[] };

export type RuleGroup = {
  name: string;
  interval?: string;
  rules: (RecordingRule | AlertingRule)[];
};

export type RecordingRule = { record: string; expr: string; labels?: Record<string, string> };

export type AlertingRule = {
  alert: string;
  expr: string;
  for?: string;
  labels: { severity: string };
  annotations: {
    /** What is broken, and for whom. */
    summary: string;
    /** When the alert fires, so also how long it has lasted at least. */
    description: string;
    /** What to look at first, and numbered steps after it. */
    runbook: string;
  };
};

/** A `page` wakes somebody, a `ticket` waits for the morning. */
export type Severity = "page" | "ticket";

/** A template: nobody is woken for an environment that nobody depends on. */
export const PAGE_IN_PRODUCTION =
  '{{ if match "^(dev|local)$" $labels.environment }}ticket{{ else }}page{{ end }}';

/** The alert, whose pages are tickets in `dev` and `local`. */
export function withSeverityByEnvironment(rule: AlertingRule): AlertingRule {
  return rule.labels.severity === "page"
    ? { ...rule, labels: { severity: PAGE_IN_PRODUCTION } }
    : rule;
}
