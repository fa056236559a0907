/** Parts of an alert's summary that Prometheus fills in when it sends the alert. */
import { REASON_DEFINITIONS, REASONS } from "../../../core/reasons.ts";
import { type Definition, METRICS } from "../../definitions.ts";
import { OUTAGE } from "../outage_rules.ts";
import { increase } from "../promql.ts";

/** The most reasons that a sentence names. */
const MAX_SHARES = 3;

/** Which environment of the platform is meant, when the probe knows. */
export const IN_ENVIRONMENT = "{{ with $labels.environment }} in {{ . }}{{ end }}";

/** Where the probe stands, by a label of the probe or of Prometheus itself; empty when unknown. */
const LOCATION = "or $labels.location $externalLabels.location";

/** The environment, and where the probe stands when Prometheus knows. */
export const PROBED_FROM = `${IN_ENVIRONMENT}{{ with ${LOCATION} }} (probed from {{ . }}){{ end }}`;
/** The same of a probe itself. */
export const WHERE_IT_RUNS = `${IN_ENVIRONMENT}{{ with ${LOCATION} }} (location {{ . }}){{ end }}`;
export const THIS_LOCATION = `{{ ${LOCATION} "this location" }}`;

/** What the result of a query names: addresses, or locations, which not every probe has. */
export const INSTANCES = listed("instance", "$each.Labels.instance");
export const LOCATIONS = listed(
  "location",
  'or $each.Labels.location "a probe without a location"',
);

function listed(label: string, value: string): string {
  return `{{ range $i, $each := sortByLabel "${label}" . }}{{ if $i }}, {{ end }}` +
    `{{ ${value} }}{{ end }}`;
}

/** Since when all of the series' datasets are in an outage, after `before`; nothing when none is. */
export function since(labels: string, before = ""): string {
  const query = queryOf(labels, (own) => `max(${OUTAGE}{${own}})`);
  return `{{ with ${query} }}${before} since at least ` +
    '{{ (. | first | value | toTime).UTC.Format "2006-01-02 15:04 UTC" }}{{ end }}';
}

/**
 * "Dataset a", and behind it since when it fails, and which share of its tasks failed in the window.
 * `where` stands between. The window alone is no reason to say "every task since then".
 */
export function failsSince(labels: string, window: string, where: string): string {
  const share = queryOf(labels, (own) => {
    const count = ({ name }: Definition) => `sum(increase(${name}{${own}}[${window}]))`;
    const [failed, succeeded] = [count(METRICS.failed), count(METRICS.succeeded)];
    // 100 % is all of them, also of thousands.
    return `floor(${failed} / (${failed} + ${succeeded} > 0) * 100)`;
  });
  return `Dataset {{ $labels.dataset_id }}${where}${since(labels)}` +
    `{{ range ${share} }}, {{ .Value }} % of its tasks in the last ${window}{{ end }}`;
}

/** The most frequent reasons of failed tasks with their shares, each after `first` or a comma. */
export function reasons(
  labels: string,
  window: string,
  { first = "", explained = false }: { first?: string; explained?: boolean } = {},
): string {
  const meaning =
    REASONS.map((reason, i) =>
      `{{ ${i === 0 ? "" : "else "}if eq $each.Labels.reason "${reason}" }}` +
      REASON_DEFINITIONS[reason].meaning
    ).join("") + "{{ end }}";
  return shares(labels, METRICS.failures, window, {
    first,
    after: explained ? ` (${meaning})` : "",
    otherwise: explained ? `{{ else }}${whyNothingFails(labels, window)}` : "",
  });
}

/** Why an outage lasts in which no task has failed lately: the probe is away, or waits or stands still. */
function whyNothingFails(labels: string, window: string): string {
  const failed = queryOf(labels, (own) => `${METRICS.failed.name}{${own}}`);
  return `{{ if ${failed} }}no task has ended in the last ${window}{{ else }}` +
    "nobody has looked since, as the probe is away{{ end }}";
}

/** The most frequent values of a counter's last label, with their shares of all in the window. */
export function shares(
  labels: string,
  { name, labels: [...own] }: Definition,
  window: string,
  { first = "", after = "", otherwise = "" }: {
    first?: string;
    after?: string;
    otherwise?: string;
  } = {},
): string {
  const by = own.at(-1)!;
  const query = queryOf(labels, (matchers) => {
    const counter = `${name}{${matchers}}`;
    const share = `100 * ${increase(by, counter, window)} / ` +
      `scalar(sum(increase(${counter}[${window}]))) > 0`;
    return `sort_desc(topk(${MAX_SHARES}, ${share}))`;
  });
  const before = first && `{{ else }}${first}`;
  return `{{ range $i, $each := ${query} }}{{ if $i }}, ${before}{{ end }}` +
    `{{ $each.Labels.${by} }} {{ printf "%.0f" $each.Value }} %${after}${otherwise}{{ end }}`;
}

/** The environment and all locations in which the series has a sample. */
export function probedFromAll(labels: string, series: string): string {
  const query = queryOf(labels, (own) => `count by (location) (${series}{${own}, location!=""})`);
  const from = (locations: string) => ` (probed from ${locations})`;
  return `${IN_ENVIRONMENT}{{ with ${query} }}${from(LOCATIONS)}{{ else }}` +
    `{{ with $externalLabels.location }}${from("{{ . }}")}{{ end }}{{ end }}`;
}

/** A clause that blames the probe's own network; none unless the query finds other locations. */
export function onlyHere(query: string): string {
  return `{{ with ${query} }}. Not seen from ${LOCATIONS}: suspect the network of ` +
    `${THIS_LOCATION} first{{ end }}`;
}

/** A query whose expression takes the given labels of the alert as matchers; no `%` in it. */
export function queryOf(labels: string, expression: (own: string) => string): string {
  const names = labels.split(", ");
  const own = names.map((name, i) => `${name}=%[${i + 1}]q`).join(", ");
  const values = names.map((name) => `$labels.${name}`).join(" ");
  return `query (printf \`${expression(own)}\` ${values})`;
}
