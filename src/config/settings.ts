import * as z from "zod/mini";
import { TOKEN_AUTH_METHODS } from "../okdata/environments.ts";
import { type SecretKind, secretProblem } from "./secret_text.ts";
import {
  count,
  datasetIds,
  flag,
  lowerCase,
  MAX_DATASETS,
  number,
  proxy,
  proxyExceptions,
  seconds,
  trustStores,
  url,
} from "./values.ts";

/** One setting: its names, its help and the schema of its value. */
export type Setting = {
  /** Name of the environment variable. */
  env: string;
  /** Another name of the variable, read when `env` is not set. */
  alias?: string;
  /** A variable of the machine, which other programs read too: commands that do not probe ignore it. */
  onlyProbing?: true;
  /** Never shown, not even in an error. */
  secret?: true;
  /** Of a secret that is not a URL. */
  secretKind?: SecretKind;
  /** Name of the flag without dashes; absent for secrets and paths, which belong in the environment. */
  flag?: string;
  group: string;
  /** What it means, with its unit. */
  help: string;
  /** The default as a user would write it. */
  default?: string;
  /** Describes a default that is not one fixed value. */
  defaultNote?: string;
  /** Parses the written value. */
  schema: z.ZodMiniType<unknown, string>;
};

/** Every setting of the program: the only place with their names, help and defaults. */
export const SETTINGS = {
  datasetIds: {
    env: "DATASET_ID",
    flag: "dataset-id",
    group: "What is probed",
    help: `up to ${MAX_DATASETS} dataset IDs, separated by commas`,
    defaultNote: "none: required",
    schema: datasetIds,
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
    schema: z.string().check(
      z.refine(
        (value) => secretProblem(value) === null,
        "an ID without quotes or control characters",
      ),
    ),
  },
  clientSecret: {
    env: "OKDATA_CLIENT_SECRET",
    secret: true,
    secretKind: "single",
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
  scope: {
    env: "OKDATA_SCOPE",
    flag: "scope",
    group: "What is probed",
    help: "scopes that a token is requested for",
    defaultNote: "none is sent",
    schema: z.string().check(
      // RFC 6749, section 3.3.
      z.regex(
        /^[!#-[\]-~]+( [!#-[\]-~]+)*$/,
        'scopes separated by single blanks, in ASCII without " and \\',
      ),
    ),
  },
  audience: {
    env: "OKDATA_AUDIENCE",
    flag: "audience",
    group: "What is probed",
    help: "audience that a token is requested for",
    defaultNote: "none is sent",
    schema: z.string().check(
      z.regex(/^\P{C}{1,1000}$/u, "up to 1000 characters without control characters"),
    ),
  },
  tokenAuth: {
    env: "OKDATA_TOKEN_AUTH",
    flag: "token-auth",
    group: "What is probed",
    help: "how the client secret is sent: post or basic",
    default: "post",
    schema: z.pipe(lowerCase, z.enum(TOKEN_AUTH_METHODS, "post or basic")),
  },
  localServicesOnly: {
    env: "LOCAL_SERVICES_ONLY",
    flag: "local-services-only",
    group: "What is probed",
    help: "probe the emulator, without credentials",
    default: "false",
    schema: flag,
  },
  httpsProxy: {
    env: "HTTPS_PROXY",
    alias: "https_proxy",
    secret: true,
    onlyProbing: true,
    group: "Proxy",
    help: "proxy for https: http://[user:password@]host:port",
    schema: proxy,
  },
  httpProxy: {
    env: "HTTP_PROXY",
    alias: "http_proxy",
    secret: true,
    onlyProbing: true,
    group: "Proxy",
    help: "proxy for http, likewise",
    schema: proxy,
  },
  noProxy: {
    env: "NO_PROXY",
    alias: "no_proxy",
    onlyProbing: true,
    group: "Proxy",
    help: "hosts, addresses, CIDR blocks without proxy, or *",
    schema: proxyExceptions,
  },
  // Deno itself reads these two, at the first TLS connection: they are here to be checked before.
  authorityFile: {
    env: "DENO_CERT",
    group: "Trust",
    help: "file with more authorities to trust, PEM",
    schema: z.string(),
  },
  trustStores: {
    env: "DENO_TLS_CA_STORE",
    group: "Trust",
    help: "authorities of Mozilla, this system, or both",
    defaultNote: "mozilla",
    schema: trustStores,
  },
  taskIntervalSeconds: {
    env: "TASK_INTERVAL_SECONDS",
    flag: "task-interval",
    group: "Schedule",
    help: "seconds between tasks of a dataset",
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
    help: "retries within a task, 0 to 10",
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
    help: "tasks kept at most; oldest successes go first",
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
    secretKind: "single",
    group: "Access",
    help: "bearer token that the endpoints require",
    defaultNote: "none: open to everyone",
    schema: z.string().check(z.regex(/^[\w.~+/-]+=*$/, "a token of letters, digits and -._~+/")),
  },
  bearerTokenFile: {
    env: "HTTP_BEARER_TOKEN_FILE",
    group: "Access",
    help: "file with that token",
    schema: z.string(),
  },
  basicAuth: {
    env: "HTTP_BASIC_AUTH",
    secret: true,
    secretKind: "pair",
    group: "Access",
    help: "user:password that the endpoints require",
    defaultNote: "none: open to everyone",
    schema: z.string().check(z.regex(/^[^:\p{Cc}]+:\P{Cc}+$/u, "user:password")),
  },
  basicAuthFile: {
    env: "HTTP_BASIC_AUTH_FILE",
    group: "Access",
    help: "file with user:password",
    schema: z.string(),
  },
  tlsCertFile: {
    env: "TLS_CERT_FILE",
    group: "Access",
    help: "certificate and its chain, PEM: HTTPS only",
    schema: z.string(),
  },
  tlsKeyFile: {
    env: "TLS_KEY_FILE",
    group: "Access",
    help: "the certificate's private key, PEM",
    schema: z.string(),
  },
  heartbeatUrl: {
    env: "HEARTBEAT_URL",
    alias: "BETTERUPTIME_HEARTBEAT_URL",
    flag: "heartbeat-url",
    secret: true,
    group: "Output",
    help: "gets a request each interval while none fails",
    schema: z.string().check(
      z.refine(
        (value) => /^https?:$/.test(URL.canParse(value) ? new URL(value).protocol : ""),
        "an http:// or https:// URL",
      ),
    ),
  },
  heartbeatMethod: {
    env: "HEARTBEAT_METHOD",
    flag: "heartbeat-method",
    group: "Output",
    help: "method of heartbeats: HEAD, GET or POST",
    default: "HEAD",
    schema: z.pipe(
      z.string().check(z.toUpperCase()),
      z.enum(["HEAD", "GET", "POST"], "HEAD, GET or POST"),
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
    defaultNote: "text on a terminal, else json",
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
    help: "debug logs, and the table at intervals",
    default: "false",
    schema: flag,
  },
} as const satisfies Record<string, Setting>;

/** Every environment variable that the program reads; the executable may read no other. */
export const VARIABLES: readonly string[] = [
  ...Object.values(SETTINGS).flatMap(({ env, ...setting }) =>
    "alias" in setting ? [env, setting.alias] : [env]
  ),
  // Deno's own switch for OpenTelemetry.
  "OTEL_DENO",
];
