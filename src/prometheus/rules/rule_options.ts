import type { LinkBases } from "./alerts/links.ts";

/** What operators choose for rules beside the objectives. */
export type RuleOptions = {
  /** The shortest window of the objectives, 300 by default; all other times scale with it. */
  shortestWindowSeconds?: number;
  /** The scrape job of the probes. */
  job?: string;
  /** What the two severities are called. */
  severities?: Partial<Record<Severity, string>>;
  /** Further labels of each alert. */
  labels?: Readonly<Record<string, string>>;
  /** Where the links of alerts lead to. */
  links?: LinkBases;
};

/** A `page` wakes somebody, a `ticket` waits for the morning. */
export type Severity = "page" | "ticket";

/** The labels that alerts have already: their identity, which routes and inhibitions rely on. */
export const LABELS_OF_ALERTS = [
  "alertname",
  "dataset_id",
  "environment",
  "host",
  "instance",
  "job",
  "location",
  "severity",
] as const;

export const DEFAULT_JOB = "dataplatform-probe";
