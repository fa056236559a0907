import {
  DASHBOARD_PARAMETERS,
  type LINK_PLACEHOLDERS,
  placeholdersOf,
  replacePlaceholders,
  STATUS_PARAMETERS,
} from "../../../text/links.ts";

/** Where the links of alerts lead to. */
export type LinkBases = {
  /** The document with a section for each alert; `{alert}` in it stands for the alert's name. */
  runbookUrl?: string;
  /** `PUBLIC_URL`, without a slash at its end. */
  publicUrl?: string;
  /** `DASHBOARD_URL`. */
  dashboardUrl?: string;
};

/** What the links of an alert show. */
export type AlertView = {
  /** Whether the probe's status page helps: not when the alert says that the probe is down. */
  statusPage?: boolean;
  /** The state of the tasks that the alert is about; `failed` unless given. */
  tasks?: "failed" | "succeeded";
  /** What the dashboard shows before the instant of the alert; an hour unless given. */
  lookBackSeconds?: number;
};

const RUNBOOKS = "https://github.com/oslokommune/dataplatform-probe/blob/main/docs/alerts.md";
const LOOK_BACK_SECONDS = 3_600;

/** What stands for a placeholder in a template of Prometheus, before it is encoded. */
const PLACEHOLDER_VALUES: Record<typeof LINK_PLACEHOLDERS[number], string> = {
  environment: "$labels.environment",
  // Of the series, or of Prometheus itself.
  location: "(or $labels.location $externalLabels.location)",
};

/**
 * The annotations with links, as templates of Prometheus: the alert's section in the documentation
 * and, where their addresses are known, the status page and the dashboard, with the labels and the
 * time of the alert filled in. A link whose address depends on a label that an alert does not have is
 * empty.
 */
export function linkAnnotations(
  alert: string,
  view: AlertView = {},
  { publicUrl, dashboardUrl, runbookUrl }: LinkBases = {},
): Record<string, string> {
  return {
    runbook_url: runbookAddress(alert, runbookUrl),
    ...publicUrl === undefined || view.statusPage === false
      ? {}
      : { status_url: statusPage(view, publicUrl) },
    ...dashboardUrl === undefined ? {} : { dashboard_url: dashboardPage(view, dashboardUrl) },
  };
}

function runbookAddress(alert: string, base = RUNBOOKS): string {
  return base.includes("{alert}")
    ? base.replaceAll("{alert}", alert)
    // As GitHub and most others make the anchor of a heading.
    : `${base}#${alert.toLowerCase()}`;
}

/** The tasks of the alert's dataset until now; of an alert without a dataset the page as it is. */
function statusPage({ tasks = "failed" }: AlertView, publicUrl: string): string {
  const { datasetId, state, until } = STATUS_PARAMETERS;
  const query = `?${datasetId}={{ urlquery $labels.dataset_id }}&${state}=${tasks}` +
    `&${until}=${evaluated("time()")}`;
  return filledIn(publicUrl, (base) => `${base}/{{ if $labels.dataset_id }}${query}{{ end }}`);
}

function dashboardPage(
  { lookBackSeconds = LOOK_BACK_SECONDS }: AlertView,
  dashboardUrl: string,
): string {
  const { from, to, environment, location, datasetId } = DASHBOARD_PARAMETERS;
  const separator = dashboardUrl.includes("?") ? "&" : "?";
  // Not an external label: the series that the dashboard reads may not have it.
  const choices = [
    [environment, "environment"],
    [location, "location"],
    [datasetId, "dataset_id"],
  ].map(([name, label]) => `{{ with $labels.${label} }}&${name}={{ urlquery . }}{{ end }}`);
  const since = evaluated(`1000 * (time() - ${lookBackSeconds})`);
  return filledIn(
    dashboardUrl,
    (base) => `${base}${separator}${from}=${since}&${to}=now${choices.join("")}`,
  );
}

/**
 * A whole number that Prometheus computes when it evaluates the alert. It is left out where there is
 * nothing to ask, as when vmalert checks a file of rules: `first` fails there.
 */
function evaluated(expression: string): string {
  return `{{ range query "${expression}" }}{{ printf "%.0f" .Value }}{{ end }}`;
}

/** The link with the alert's own values for placeholders; empty when the alert lacks one of them. */
function filledIn(url: string, link: (base: string) => string): string {
  const needed = placeholdersOf(url).map((name) => PLACEHOLDER_VALUES[name]);
  // `urlquery` writes a blank as "+", which is none in a path.
  const encoded = (value: string) => `{{ reReplaceAll "\\\\+" "%20" (urlquery ${value}) }}`;
  const filled = link(replacePlaceholders(url, (name) => encoded(PLACEHOLDER_VALUES[name])));
  return needed.length === 0 ? filled : `{{ if and ${needed.join(" ")} }}${filled}{{ end }}`;
}
