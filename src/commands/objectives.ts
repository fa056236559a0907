import type { Config } from "../config/config.ts";
import type { Objectives } from "../prometheus/slo.ts";

/** What rules and dashboard are made for. */
export function objectivesOf(config: Config): Objectives {
  return {
    taskIntervalSeconds: config.taskIntervalSeconds,
    availability: config.sloAvailability,
    latencySeconds: config.sloLatencySeconds,
  };
}
