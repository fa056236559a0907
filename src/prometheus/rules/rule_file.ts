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
  /** Since Prometheus 2.42. */
  keep_firing_for?: string;
  labels: { severity: string } & Record<string, string>;
  annotations: Annotations;
};

/** What a receiver is told; links among them. */
export type Annotations =
  & { summary: string; description: string; runbook: string }
  & Record<string, string>;
