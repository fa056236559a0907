/** Links to where people look further: the status page of the running probe, and the dashboard. */

/** Stand in the URL of a setting for what several probes do not share. */
export const LINK_PLACEHOLDERS = ["environment", "location"] as const;

/** The settings that links are made from. */
export type LinkSettings = {
  /** `PUBLIC_URL`, without a slash at its end. */
  publicUrl?: string;
  /** `DASHBOARD_URL`. */
  dashboardUrl?: string;
  /** Null when it is not known. */
  environmentName?: string | null;
  /** `PROMETHEUS_LOCATION`. */
  prometheusLocation?: string;
};

/** The names of the status page's parameters and of the dashboard's, as their links have them. */
export const STATUS_PARAMETERS = { datasetId: "dataset_id", state: "state", until: "until" };
export const DASHBOARD_PARAMETERS = {
  environment: "var-environment",
  location: "var-location",
  datasetId: "var-dataset_id",
  from: "from",
  to: "to",
};

/**
 * The public address of the probe; null without `PUBLIC_URL`, and when a placeholder of it stands for
 * something that is not known.
 */
export function publicLink(settings: LinkSettings): string | null {
  const base = filled(settings.publicUrl, settings);
  return base && `${base}/`;
}

/**
 * The status page under its public address, with the failed tasks of a dataset or of all. Null
 * as `publicLink` is.
 */
export function statusPageLink(settings: LinkSettings, datasetId?: string): string | null {
  const base = publicLink(settings);
  if (base === null) return null;
  const { datasetId: dataset, state } = STATUS_PARAMETERS;
  return withParameters(base, [[dataset, datasetId], [state, "failed"]]);
}

/**
 * The dashboard with its choices made: environment, location where it is known, and dataset. `from`
 * is an instant as Grafana reads it: milliseconds since the epoch, or `now-1h`. Null without
 * `DASHBOARD_URL`, and when a placeholder of it stands for something that is not known.
 */
export function dashboardLink(
  settings: LinkSettings,
  { datasetId, from }: { datasetId?: string; from: string },
): string | null {
  const base = filled(settings.dashboardUrl, settings);
  if (base === null) return null;
  const names = DASHBOARD_PARAMETERS;
  return withParameters(base, [
    [names.from, from],
    [names.to, "now"],
    [names.environment, settings.environmentName ?? undefined],
    [names.location, settings.prometheusLocation],
    [names.datasetId, datasetId],
  ]);
}

/** A line for each link that helps when these datasets fail. */
export function describeLinks(settings: LinkSettings, datasetIds: readonly string[]): string[] {
  const datasetId = datasetIds.length === 1 ? datasetIds[0] : undefined;
  const page = statusPageLink(settings, datasetId);
  const dashboard = dashboardLink(settings, { datasetId, from: "now-1h" });
  return [
    ...page === null ? [] : [`running probe: ${page}`],
    ...dashboard === null ? [] : [`dashboard: ${dashboard}`],
  ];
}

/** A URL with each placeholder replaced by what `valueOf` has for it. */
export function replacePlaceholders(
  url: string,
  valueOf: (name: typeof LINK_PLACEHOLDERS[number]) => string,
): string {
  return LINK_PLACEHOLDERS.reduce(
    (text, name) => text.replaceAll(`{${name}}`, () => valueOf(name)),
    url,
  );
}

/** The placeholders that a URL has. */
export function placeholdersOf(url: string): (typeof LINK_PLACEHOLDERS[number])[] {
  return LINK_PLACEHOLDERS.filter((name) => url.includes(`{${name}}`));
}

function filled(
  url: string | undefined,
  { environmentName, prometheusLocation }: LinkSettings,
): string | null {
  if (url === undefined) return null;
  const values = { environment: environmentName, location: prometheusLocation };
  if (placeholdersOf(url).some((name) => !values[name])) return null;
  return replacePlaceholders(url, (name) => encodeURIComponent(values[name] ?? ""));
}

/**
 * A dashboard's URL without the parameters that links add, which one that was copied from a browser
 * has. The others stay as they are written.
 */
export function withoutChoices(dashboardUrl: string): string {
  const [base = "", query] = dashboardUrl.split("?", 2);
  const names: string[] = Object.values(DASHBOARD_PARAMETERS);
  const kept = query?.split("&").filter((parameter) => {
    const [name = ""] = new URLSearchParams(parameter).keys();
    return !names.includes(name);
  });
  return kept?.length ? `${base}?${kept.join("&")}` : base;
}

/** The URL with these parameters after those that it has; undefined ones are left out. */
function withParameters(
  url: string,
  parameters: readonly (readonly [name: string, value: string | undefined])[],
): string {
  const given = parameters.flatMap(([name, value]) => value === undefined ? [] : [[name, value]]);
  return `${url}${url.includes("?") ? "&" : "?"}${new URLSearchParams(given)}`;
}
