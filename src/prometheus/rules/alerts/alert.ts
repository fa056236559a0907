import type { AlertingRule, Annotations } from "../rule_file.ts";

/** A `page` wakes somebody, a `ticket` waits for the morning. */
export type Severity = "page" | "ticket";

/** An alert before what all alerts have in common is added to it. */
export type Alert = {
  alert: string;
  expr: string;
  for?: string;
  severity: Severity;
  /** What is broken, and for whom. */
  summary: string;
  /** When the alert fires, so also how long it has lasted at least. */
  description: string;
  /** What to look at first, and numbered steps after it. */
  runbook: string;
};

/** A template: nobody is woken for an environment that nobody depends on. */
const PAGE_IN_PRODUCTION =
  '{{ if match "^(dev|local)$" $labels.environment }}ticket{{ else }}page{{ end }}';

/** The alert as a rule, whose pages are tickets in `dev` and `local`. */
export function alertingRule(alert: Alert): AlertingRule {
  const { summary: _, description: __, runbook: ___, severity, ...rest } = alert;
  return {
    ...rest,
    labels: { severity: severity === "page" ? PAGE_IN_PRODUCTION : severity },
    annotations: annotationsOf(alert),
  };
}

/** What a receiver is told: the only place that puts annotations together. */
function annotationsOf({ summary, description, runbook }: Alert): Annotations {
  return { summary, description, runbook };
}
