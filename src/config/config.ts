import type * as z from "zod/mini";
import { createProxyFor, type ProxyFor } from "../http_client/connection/proxy.ts";
import { ENVIRONMENTS, LOCAL_API_URL, type TokenAuth } from "../okdata/environments.ts";
import { givenValue, type Input } from "./given.ts";
import { secretProblem, withoutLineEnd } from "./secret_text.ts";
import type { Setting } from "./setting.ts";
import { SETTINGS } from "./settings.ts";
import { NOT_UTF8, quote } from "./values.ts";

type Key = keyof typeof SETTINGS;
type ValueOf<K extends Key> = z.output<typeof SETTINGS[K]["schema"]>;
type Values = {
  [K in Key]: typeof SETTINGS[K] extends { default: string } ? ValueOf<K> : ValueOf<K> | undefined;
};

/** The whole configuration, checked and complete. */
export type Config = Readonly<
  & Omit<Values, "environment" | "datasetIds" | "apiUrl" | "appId" | "logLevel" | "basicAuth">
  & {
    datasetIds: readonly string[];
    apiUrl: string;
    /** Null in a run without credentials. */
    credentials: Credentials | null;
    /** What the endpoints require; with neither they are open to everyone. */
    bearerAuth: Secret | null;
    basicAuth: Secret | null;
    /** The proxy for a URL, as the proxy settings say. */
    proxyFor: ProxyFor;
    /** What Prometheus requires; null for nothing. */
    prometheusAuth: Secret | null;
    /** The files for HTTPS; null for plain HTTP. */
    tls: { certPath: string; keyPath: string } | null;
    appId: string;
    /**
     * Names the series, logs and pages: `dev`, `prod`, or `local` with local services; null when only
     * URLs are given.
     */
    environmentName: "dev" | "prod" | "local" | null;
    logLevel: NonNullable<Values["logLevel"]>;
  }
>;

/** A secret itself, or the path of the file that holds it. */
export type Secret = { text: string } | { path: string };

/** The client credentials for the identity provider. */
export type Credentials = {
  tokenUrl: string;
  clientId: string;
  secret: Secret;
  /** What the token request asks for, when it must. */
  scope?: string;
  audience?: string;
  /** How the client presents its secret. */
  tokenAuth?: TokenAuth;
};

/** The configuration, or a line for each problem of the input. */
export type ParsedConfig =
  | { ok: true; config: Config }
  | { ok: false; problems: string[] };

/**
 * Parses the configuration and reports all problems at once. `newAppId` names a probe without
 * `APP_ID`. With `probes` false, settings that only probing needs may be missing. With `isMisread`
 * they are not reported: what stands wrongly on the command line seems to be missing.
 */
export function parseConfig(
  input: Input,
  newAppId: () => string,
  { probes = true, isMisread = false }: { probes?: boolean; isMisread?: boolean } = {},
): ParsedConfig {
  const { values, problems } = parseValues(input, probes);
  const isGiven = (key: Key) => givenValue(SETTINGS[key], input).text !== undefined;
  problems.unshift(...incomplete(isGiven));
  if (probes && !isMisread) problems.unshift(...missing(values.localServicesOnly, isGiven));
  if (isMisread || problems.length > 0) return { ok: false, problems };

  const { environment = null, ...others } = values;
  const { datasetIds = [], appId = newAppId() } = values;
  const { logLevel = values.localRun ? "debug" : "info" } = values;
  const { tlsCertFile: certPath, tlsKeyFile: keyPath } = values;
  const config = {
    ...others,
    ...targetOf(values),
    datasetIds,
    bearerAuth: secretOf(values.bearerToken, values.bearerTokenFile),
    basicAuth: secretOf(values.basicAuth, values.basicAuthFile),
    prometheusAuth: secretOf(values.prometheusToken, values.prometheusTokenFile),
    proxyFor: createProxyFor(values),
    tls: certPath && keyPath ? { certPath, keyPath } : null,
    appId,
    environmentName: values.localServicesOnly ? "local" as const : environment,
    logLevel,
  };
  return { ok: true, config: Object.freeze(config) };
}

function parseValues(input: Input, probes: boolean): { values: Values; problems: string[] } {
  const problems: string[] = [];
  const entries = Object.entries(SETTINGS).map(([key, setting]: [string, Setting]) => {
    const { name, text: given } = givenValue(setting, input);
    if (given === undefined || (setting.onlyProbing && !probes)) return [key, undefined];
    const { secretKind } = setting;
    const text = secretKind ? withoutLineEnd(given) : given;
    if (text.includes(NOT_UTF8)) {
      problems.push(`${name}: expected text in UTF-8, got other bytes`);
      return [key, undefined];
    }
    const accident = secretKind ? secretProblem(text, secretKind) : null;
    if (accident !== null) {
      problems.push(`${name}: ${accident}, which is not shown`);
      return [key, undefined];
    }
    const { data, error } = setting.schema.safeParse(text);
    for (const { message } of error?.issues ?? []) {
      // A URL may hold a password.
      const isHidden = setting.secret || text.includes("@");
      const shown = isHidden ? "a value that is not shown" : quote(text);
      problems.push(`${name}: expected ${message}, got ${shown}`);
    }
    return [key, data];
  });
  return { values: Object.fromEntries(entries), problems };
}

/** What is probed, and with which credentials. */
function targetOf(values: Values): Pick<Config, "apiUrl" | "credentials"> {
  const platform = values.environment && ENVIRONMENTS[values.environment];
  const { apiUrl = values.localServicesOnly ? LOCAL_API_URL : platform?.apiUrl ?? "" } = values;
  if (values.localServicesOnly) return { apiUrl, credentials: null };
  const { tokenUrl = platform?.tokenUrl ?? "", clientId = "", scope, audience, tokenAuth } = values;
  const asked = { ...scope && { scope }, ...audience && { audience } };
  const secret = secretOf(values.clientSecret, values.clientSecretFile) ?? { text: "" };
  return { apiUrl, credentials: { tokenUrl, clientId, secret, ...asked, tokenAuth } };
}

/** A problem for each setting that probing requires and that is missing or given twice. */
function missing(localServicesOnly: boolean | undefined, isGiven: (key: Key) => boolean): string[] {
  const problems: string[] = [];
  const require = (name: string, expected: string) =>
    problems.push(`${name}: expected ${expected}, got nothing`);
  if (!isGiven("datasetIds")) require("DATASET_ID", "a dataset ID");
  // Undefined for an invalid value: then it is not known what else is required.
  if (localServicesOnly !== false) return problems;
  if (!isGiven("environment") && !(isGiven("apiUrl") && isGiven("tokenUrl"))) {
    require("OKDATA_ENVIRONMENT", "dev or prod (or LOCAL_SERVICES_ONLY=true for the emulator)");
  }
  if (!isGiven("clientId")) require("OKDATA_CLIENT_ID", "the ID of a client of the platform");
  if (!isGiven("clientSecret") && !isGiven("clientSecretFile")) {
    require(
      "OKDATA_CLIENT_SECRET",
      "the client's secret, or its file in OKDATA_CLIENT_SECRET_FILE",
    );
  }
  return [...problems, ...givenTwice("clientSecret", "clientSecretFile", isGiven)];
}

/** A problem for each pair of endpoint settings that exclude or require each other. */
function incomplete(isGiven: (key: Key) => boolean): string[] {
  return [
    ...givenTwice("bearerToken", "bearerTokenFile", isGiven),
    ...givenTwice("basicAuth", "basicAuthFile", isGiven),
    ...givenTwice("prometheusToken", "prometheusTokenFile", isGiven),
    ...givenAlone("tlsKeyFile", "tlsCertFile", isGiven),
    ...givenAlone("tlsCertFile", "tlsKeyFile", isGiven),
  ];
}

function givenTwice(text: Key, file: Key, isGiven: (key: Key) => boolean): string[] {
  if (!isGiven(text) || !isGiven(file)) return [];
  return [`${SETTINGS[text].env}: expected it or ${SETTINGS[file].env}, got both`];
}

function givenAlone(present: Key, absent: Key, isGiven: (key: Key) => boolean): string[] {
  if (!isGiven(present) || isGiven(absent)) return [];
  return [
    `${SETTINGS[absent].env}: expected a file beside ${SETTINGS[present].env}, got nothing`,
  ];
}

function secretOf(text: string | undefined, path: string | undefined): Secret | null {
  if (path !== undefined) return { path };
  return text === undefined ? null : { text };
}
