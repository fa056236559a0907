import { listOrigins } from "../../reason_text.ts";

/** Which environment of the platform is meant, when the probe knows. */
export const IN_ENVIRONMENT = "{{ with $labels.environment }} in {{ . }}{{ end }}";

/**
 * The environment, and where the probe stands when Prometheus knows: a label of the probe, or of
 * Prometheus itself.
 */
export const PROBED_FROM = IN_ENVIRONMENT + atLocation((location) => ` (probed from ${location})`);
export const IN_LOCATION = atLocation((location) => ` in ${location}`);

/** The failed tasks of the alert's dataset. */
export const FAILED_TASKS =
  "`/tasks?state=failed&dataset_id={{ $labels.dataset_id }}` on the probe";

export const CHECK =
  "`dataplatform-probe --check` on the probe's machine, with the probe's settings";

/** What a failure's reason says of its cause. */
export const WHO_IS_AT_FAULT = `The reason says where the fault is: ${listOrigins()}.`;

/** A runbook: what to look at first, and numbered steps after it. */
export function steps(first: string, ...others: string[]): string {
  return [first, ...others.map((step, i) => `${i + 1}. ${step}`)].join("\n");
}

function atLocation(text: (location: string) => string): string {
  return `{{ with or $labels.location $externalLabels.location }}${text("{{ . }}")}{{ end }}`;
}
