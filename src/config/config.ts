import * as z from "zod/mini";
import { escapeControls } from "../text/escape.ts";

const MAX_DATASETS = 200;

const seconds = number("seconds, from 0.001 to 2592000", 0.001, 2_592_000);
/** A whole number, at least 1. */
export const count = number("a whole number, at least 1", 1, Number.MAX_SAFE_INTEGER, 1);
const lowerCase = z.string().check(z.toLowerCase());
const flag = z.pipe(
  z.pipe(lowerCase, z.enum(["true", "false", "1", "0"], "true, false, 1 or 0")),
  z.transform((value) => value === "true" || value === "1"),
);
const url = z.string().check(
  z.refine(isHttpUrl, "an http:// or https:// URL without user, query or #"),
);

/** Stands where bytes are no UTF-8. No setting takes it: one secret could be written in many ways. */
export const NO_TEXT = "\ufffd";

/** One thing that can be configured. */
type Setting = {
  /** Name of the environment variable. */
  env: string;
  /** An older name of the variable, read where the first is not set. */
  alias?: string;
  /** Never shown, not even in an error. */
  secret?: true;
  /** Name of the flag without its dashes; absent where only the environment is safe. */
  flag?: string;
  group: string;
  /** What it means; the unit stands here. */
  help: string;
  /** As one would write it; absent when there is none. */
  default?: string;
  /** What the default is when it is not one value. */
  defaultNote?: string;
  /** Turns the written value into the one that the program uses. */
  schema: z.ZodMiniType<unknown, string>;
};

/** Every setting of the program, the only place with their names. */
export const SETTINGS = {
  datasetIds: {
    env: "DATASET_ID",
    flag: "dataset-id",
    group: "What is probed",
    help: `up to ${MAX_DATASETS} dataset IDs, separated by commas`,
    defaultNote: "none: required",
    schema: z.pipe(z.string(), z.transform(parseDatasetIds)),
  },
  apiUrl: {
    env: "OKDATA_API_URL",
    flag: "api-url",
    group: "What is probed",
    help: "metadata API, what stands before /{id}",
    defaultNote: "by environment or emulator",
    schema: z.pipe(url, z.transform((value) => value.replace(/\/+$/, ""))),
  },
  tokenUrl: {
    env: "OKDATA_TOKEN_URL",
    flag: "token-url",
    group: "What is probed",
    help: "token endpoint of the identity provider",
    defaultNote: "that of the environment",
    schema: url,
  },
  environment: {
    env: "OKDATA_ENVIRONMENT",
    flag: "environment",
    group: "What is probed",
    help: "dev or prod; required unless both URLs are given",
    schema: z.pipe(lowerCase, z.enum(["dev", "prod"], "dev or prod")),
  },
  clientId: {
    env: "OKDATA_CLIENT_ID",
    flag: "client-id",
    group: "What is probed",
    help: "client ID; with local services not needed",
    schema: z.string(),
  },
  clientSecret: {
    env: "OKDATA_CLIENT_SECRET",
    secret: true,
    group: "What is probed",
    help: "client secret; needed with the client ID",
    schema: z.string(),
  },
  clientSecretFile: {
    env: "OKDATA_CLIENT_SECRET_FILE",
    group: "What is probed",
    help: "file with the client secret; read for each token",
    schema: z.string(),
  },
  localServicesOnly: {
    env: "LOCAL_SERVICES_ONLY",
    flag: "local-services-only",
    group: "What is probed",
    help: "probe the emulator, without credentials",
    default: "false",
    schema: flag,
  },
  taskIntervalSeconds: {
    env: "TASK_INTERVAL_SECONDS",
    flag: "task-interval",
    group: "Schedule",
    help: "seconds between tasks",
    default: "10",
    schema: seconds,
  },
  taskTimeoutSeconds: {
    env: "TASK_TIMEOUT_SECONDS",
    flag: "task-timeout",
    group: "Schedule",
    help: "deadline of a task with all its attempts, seconds",
    default: "60",
    schema: seconds,
  },
  requestTimeoutSeconds: {
    env: "REQUEST_TIMEOUT_SECONDS",
    flag: "request-timeout",
    group: "Schedule",
    help: "deadline of one attempt, seconds",
    default: "10",
    schema: seconds,
  },
  retries: {
    env: "RETRIES",
    flag: "retries",
    group: "Schedule",
    help: "retries of an attempt, 0 to 10",
    default: "3",
    schema: number("a whole number from 0 to 10", 0, 10, 1),
  },
  maxInFlightTasks: {
    env: "MAX_IN_FLIGHT_TASKS",
    flag: "max-in-flight-tasks",
    group: "Schedule",
    help: "tasks that may be in flight at once",
    default: "1000",
    schema: count,
  },
  dismissTaskSeconds: {
    env: "DISMISS_TASK_SECONDS",
    flag: "dismiss-task",
    group: "Backlog",
    help: "seconds after which a task is removed",
    default: "86400",
    schema: seconds,
  },
  cleanTasksIntervalSeconds: {
    env: "CLEAN_TASKS_INTERVAL_SECONDS",
    flag: "clean-tasks-interval",
    group: "Backlog",
    help: "seconds between cleanings of the backlog",
    default: "300",
    schema: seconds,
  },
  maxTrackedTasks: {
    env: "MAX_TRACKED_TASKS",
    flag: "max-tracked-tasks",
    group: "Backlog",
    help: "tasks kept at most; the oldest successes go first",
    default: "100000",
    schema: count,
  },
  host: {
    env: "HOST",
    flag: "host",
    group: "Server",
    help: "address on which it listens",
    default: "0.0.0.0",
    schema: z.string().check(z.regex(/^[A-Za-z0-9.:_%-]+$/, "an IP address or a host name")),
  },
  port: {
    env: "PORT",
    flag: "port",
    group: "Server",
    help: "port on which it listens; 0 for a free one",
    default: "8000",
    schema: number("a port from 0 to 65535", 0, 65_535, 1),
  },
  bearerToken: {
    env: "HTTP_BEARER_TOKEN",
    secret: true,
    group: "EndpointCredentials",
    help: "token that may read the endpoints",
    defaultNote: "none: anybody may",
    schema: z.string().check(z.regex(/^[\w.~+/-]+=*$/, "a token of letters, digits and -._~+/")),
  },
  bearerTokenFile: {
    env: "HTTP_BEARER_TOKEN_FILE",
    group: "EndpointCredentials",
    help: "file with that token",
    schema: z.string(),
  },
  basicAuth: {
    env: "HTTP_BASIC_AUTH",
    secret: true,
    group: "EndpointCredentials",
    help: "user:password that may read the endpoints",
    defaultNote: "none: anybody may",
    schema: z.string().check(z.regex(/^[^:\p{Cc}]+:\P{Cc}+$/u, "user:password")),
  },
  basicAuthFile: {
    env: "HTTP_BASIC_AUTH_FILE",
    group: "EndpointCredentials",
    help: "file with user:password",
    schema: z.string(),
  },
  tlsCertFile: {
    env: "TLS_CERT_FILE",
    group: "EndpointCredentials",
    help: "certificate and its chain, PEM: HTTPS only",
    schema: z.string(),
  },
  tlsKeyFile: {
    env: "TLS_KEY_FILE",
    group: "EndpointCredentials",
    help: "the certificate's private key, PEM",
    schema: z.string(),
  },
  heartbeatUrl: {
    env: "HEARTBEAT_URL",
    alias: "BETTERUPTIME_HEARTBEAT_URL",
    flag: "heartbeat-url",
    secret: true,
    group: "Output",
    help: "gets a HEAD an interval while no dataset fails",
    schema: z.string().check(
      z.refine(
        (value) => /^https?:$/.test(URL.canParse(value) ? new URL(value).protocol : ""),
        "an http:// or https:// URL",
      ),
    ),
  },
  sloAvailability: {
    env: "SLO_AVAILABILITY",
    flag: "slo-availability",
    group: "Objectives",
    help: "share of tasks that must succeed, and fast",
    default: "0.999",
    schema: number("a share between 0 and 1, such as 0.999", Number.MIN_VALUE, 1 - Number.EPSILON),
  },
  sloLatencySeconds: {
    env: "SLO_LATENCY_SECONDS",
    flag: "slo-latency",
    group: "Objectives",
    help: "seconds within which a success is fast",
    default: "1",
    schema: seconds,
  },
  appId: {
    env: "APP_ID",
    flag: "app-id",
    group: "Output",
    help: "name of this probe in metrics and logs",
    defaultNote: "8 random hex digits",
    schema: z.string().check(
      z.regex(/^[\x20-\x7e]{1,128}$/, "1 to 128 printable ASCII characters"),
    ),
  },
  logLevel: {
    env: "LOG_LEVEL",
    flag: "log-level",
    group: "Output",
    help: "debug, info, warning or error",
    defaultNote: "info, debug in a local run",
    schema: z.pipe(
      z.pipe(lowerCase, z.transform((value) => value === "warn" ? "warning" : value)),
      z.enum(["debug", "info", "warning", "error"], "debug, info, warning or error"),
    ),
  },
  logFormat: {
    env: "LOG_FORMAT",
    flag: "log-format",
    group: "Output",
    help: "text or json",
    defaultNote: "json; text if local or watched",
    schema: z.pipe(lowerCase, z.enum(["text", "json"], "text or json")),
  },
  tableIntervalSeconds: {
    env: "TABLE_INTERVAL_SECONDS",
    flag: "table-interval",
    group: "Output",
    help: "seconds between tables",
    default: "30",
    schema: seconds,
  },
  localRun: {
    env: "LOCAL_RUN",
    flag: "local-run",
    group: "Output",
    help: "debug logs, and the table now and then",
    default: "false",
    schema: flag,
  },
} as const satisfies Record<string, Setting>;

/** Every environment variable that the program reads. */
export const VARIABLES: readonly string[] = [
  ...Object.values(SETTINGS).flatMap(({ env, ...setting }) =>
    "alias" in setting ? [env, setting.alias] : [env]
  ),
  // Deno's own switch for OpenTelemetry.
  "OTEL_DENO",
];

type Key = keyof typeof SETTINGS;
type Written<K extends Key> = z.output<typeof SETTINGS[K]["schema"]>;
type Values = {
  [K in Key]: typeof SETTINGS[K] extends { default: string } ? Written<K> : Written<K> | undefined;
};

/** The whole configuration, checked and complete. */
export type Config = Readonly<
  & Omit<Values, "datasetIds" | "apiUrl" | "appId" | "logLevel" | "basicAuth">
  & {
    datasetIds: readonly string[];
    apiUrl: string;
    /** Null in a run without credentials. */
    credentials: Credentials | null;
    /** Who may read the endpoints; anybody where there is neither. */
    bearerAuth: Secret | null;
    basicAuth: Secret | null;
    /** The files that HTTPS needs; null for plain HTTP. */
    tls: { certPath: string; keyPath: string } | null;
    appId: string;
    logLevel: NonNullable<Values["logLevel"]>;
  }
>;

/** A secret itself, or the file that it is read from. */
export type Secret = { text: string } | { path: string };

/** What a token of the platform is asked for with. */
export type Credentials = { tokenUrl: string; clientId: string; secret: Secret };

/** Where a value comes from. */
type Source = "flag" | "environment" | "default" | "unset";

/** A value as it was given, and by whom. */
type Given = { name: string; text: string | undefined; source: Source };

/** What was given: flags by their name without dashes, and a look into the environment. */
export type Input = {
  flags: Readonly<Record<string, string | undefined>>;
  env: (name: string) => string | undefined;
};

/** The configuration, or a line for each thing that is wrong with what was given. */
export type ParsedConfig =
  | { ok: true; config: Config }
  | { ok: false; problems: string[] };

/** What the emulator of a local run serves. */
const LOCAL_API_URL = "http://localhost:8081/metadata";

const TOKEN_PATH = "/realms/api-catalog/protocol/openid-connect/token";

/** The addresses of the platform. */
const PLATFORM = {
  dev: {
    apiUrl: "https://api.data-dev.oslo.systems/metadata/datasets",
    tokenUrl: `https://login-test.oslo.kommune.no/auth${TOKEN_PATH}`,
  },
  prod: {
    apiUrl: "https://api.data.oslo.systems/metadata/datasets",
    tokenUrl: `https://login.oslo.kommune.no/auth${TOKEN_PATH}`,
  },
};

/**
 * Reads the configuration: flags win over the environment, the environment over the defaults.
 * `newAppId` names a probe that was given no name. What only probing needs may be missing where
 * `probes` is false.
 */
export function parseConfig(
  input: Input,
  newAppId: () => string,
  { probes = true }: { probes?: boolean } = {},
): ParsedConfig {
  const problems: string[] = [];
  const values = Object.fromEntries(
    Object.entries(SETTINGS).map(([key, setting]: [string, Setting]) => {
      const { name, text } = given(setting, input);
      if (text === undefined) return [key, undefined];
      if (text.includes(NO_TEXT)) {
        problems.push(`${name}: expected text in UTF-8, got other bytes`);
        return [key, undefined];
      }
      const { data, error } = setting.schema.safeParse(text);
      for (const { message } of error?.issues ?? []) {
        // An address may carry a password.
        const isHidden = setting.secret || text.includes("@");
        const shown = isHidden ? "a value that is not shown" : quote(text);
        problems.push(`${name}: expected ${message}, got ${shown}`);
      }
      return [key, data];
    }),
  ) as Values;

  const isGiven = (key: Key) => given(SETTINGS[key], input).text !== undefined;
  problems.unshift(...unfit(isGiven));
  if (probes) problems.unshift(...missing(values.localServicesOnly, isGiven));
  if (problems.length > 0) return { ok: false, problems };

  const { datasetIds = [], appId = newAppId() } = values;
  const { logLevel = values.localRun ? "debug" : "info" } = values;
  const platform = values.environment && PLATFORM[values.environment];
  const { apiUrl = values.localServicesOnly ? LOCAL_API_URL : platform?.apiUrl ?? "" } = values;
  const { tokenUrl = platform?.tokenUrl ?? "", clientId = "" } = values;
  const secret = secretOf(values.clientSecret, values.clientSecretFile) ?? { text: "" };
  const credentials = values.localServicesOnly ? null : { tokenUrl, clientId, secret };
  const bearerAuth = secretOf(values.bearerToken, values.bearerTokenFile);
  const basicAuth = secretOf(values.basicAuth, values.basicAuthFile);
  const { tlsCertFile: certPath, tlsKeyFile: keyPath } = values;
  const tls = certPath && keyPath ? { certPath, keyPath } : null;
  const access = { bearerAuth, basicAuth, tls };
  const config = { ...values, datasetIds, apiUrl, credentials, ...access, appId, logLevel };
  return { ok: true, config: Object.freeze(config) };
}

/** A line for each setting that is required and not there, or there twice. */
function missing(localServicesOnly: boolean | undefined, isGiven: (key: Key) => boolean): string[] {
  const problems: string[] = [];
  const nothing = (name: string, expected: string) =>
    problems.push(`${name}: expected ${expected}, got nothing`);
  if (!isGiven("datasetIds")) nothing("DATASET_ID", "a dataset ID");
  // Undefined where its value is wrong: then nobody knows what else is needed.
  if (localServicesOnly !== false) return problems;
  if (!isGiven("environment") && !(isGiven("apiUrl") && isGiven("tokenUrl"))) {
    nothing("OKDATA_ENVIRONMENT", "dev or prod (or LOCAL_SERVICES_ONLY=true for the emulator)");
  }
  if (!isGiven("clientId")) nothing("OKDATA_CLIENT_ID", "the ID of a client of the platform");
  if (!isGiven("clientSecret") && !isGiven("clientSecretFile")) {
    nothing(
      "OKDATA_CLIENT_SECRET",
      "the client's secret, or its file in OKDATA_CLIENT_SECRET_FILE",
    );
  }
  return [...problems, ...bothGiven("clientSecret", "clientSecretFile", isGiven)];
}

/** A line for each pair of settings of the endpoints that do not go together, or only together. */
function unfit(isGiven: (key: Key) => boolean): string[] {
  const problems = [
    ...bothGiven("bearerToken", "bearerTokenFile", isGiven),
    ...bothGiven("basicAuth", "basicAuthFile", isGiven),
  ];
  for (const [absent, given] of [TLS_FILES, TLS_FILES.toReversed()]) {
    if (isGiven(absent) || !isGiven(given)) continue;
    const { env } = SETTINGS[absent];
    problems.push(`${env}: expected a file beside ${SETTINGS[given].env}, got nothing`);
  }
  return problems;
}

const TLS_FILES: readonly Key[] = ["tlsCertFile", "tlsKeyFile"];

function bothGiven(text: Key, file: Key, isGiven: (key: Key) => boolean): string[] {
  if (!isGiven(text) || !isGiven(file)) return [];
  return [`${SETTINGS[text].env}: expected it or ${SETTINGS[file].env}, got both`];
}

function secretOf(text: string | undefined, path: string | undefined): Secret | null {
  if (path !== undefined) return { path };
  return text === undefined ? null : { text };
}

/** The settings in force, as lines that a shell can read, each with where its value comes from. */
export function describe(input: Input, config: Config): string {
  const derived: Record<string, string | undefined> = {
    OKDATA_API_URL: config.apiUrl,
    OKDATA_TOKEN_URL: config.credentials?.tokenUrl,
    LOG_LEVEL: config.logLevel,
  };
  const lines = Object.values(SETTINGS).map((setting: Setting) => {
    const { text, source } = given(setting, input);
    const { env, secret, defaultNote = "not set" } = setting;
    if (secret && text !== undefined) return [`# ${env}=`, `${source}, not shown`];
    if (text !== undefined) return [`${env}=${shellQuote(text)}`, source];
    if (derived[env] !== undefined) return [`${env}=${shellQuote(derived[env])}`, defaultNote];
    return [`# ${env}=`, defaultNote];
  });
  const width = Math.max(...lines.map(([assignment]) => assignment.length));
  return lines.map(([assignment, note]) => `${assignment.padEnd(width)}  # ${note}`).join("\n") +
    "\n";
}

function given({ env, alias, secret, flag, default: fallback }: Setting, input: Input): Given {
  const flagText = flag && input.flags[flag];
  if (flagText !== undefined) return { name: `--${flag}`, text: flagText, source: "flag" };
  for (const name of [env, ...alias ? [alias] : []]) {
    const envText = input.env(name);
    const trimmed = envText?.trim();
    if (trimmed) return { name, text: secret ? envText : trimmed, source: "environment" };
  }
  return { name: env, text: fallback, source: fallback === undefined ? "unset" : "default" };
}

/** A decimal number within bounds, as a whole multiple of `step` where that is given. */
function number(expected: string, least: number, most: number, step?: number) {
  const written = z.string().check(
    z.regex(/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i, expected),
  );
  return z.pipe(written, z.transform(Number)).check(
    z.refine(
      (value) => value >= least && value <= most && (!step || value % step === 0),
      expected,
    ),
  );
}

function isHttpUrl(value: string): boolean {
  const url = URL.canParse(value) ? new URL(value) : undefined;
  return url !== undefined && ["http:", "https:"].includes(url.protocol) &&
    !url.username && !url.password && !/[?#]/.test(value);
}

function parseDatasetIds(value: string, { issues }: z.core.ParsePayload): string[] {
  const ids = value.split(",").map((id) => id.trim());
  const wrong = ids.find((id) => !/^[A-Za-z0-9._~-]{1,128}$/.test(id) || id === "." || id === "..");
  const refuse = (message: string) => issues.push({ code: "custom", message, input: value });
  if (wrong !== undefined) {
    refuse(
      "dataset IDs of 1 to 128 letters, digits, '.', '_', '~' or '-', separated by commas, " +
        `which ${quote(wrong)} is not`,
    );
  }
  if (new Set(ids).size < ids.length) refuse("each dataset ID once");
  if (ids.length > MAX_DATASETS) {
    refuse(`at most ${MAX_DATASETS} dataset IDs, not ${ids.length} (run a second probe for more)`);
  }
  return ids;
}

/** A value as an error shows it: long ones cut, what moves or hides something escaped. */
export function quote(text: string): string {
  return escapeControls(JSON.stringify(text.length > 80 ? text.slice(0, 79) + "…" : text));
}

function shellQuote(text: string): string {
  return /^[\w.,:/@%+~-]*$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
