import { EXIT, EXIT_MEANINGS } from "./exit_code.ts";

/** Who has to act on a failure. */
export type Origin = "network" | "identity provider" | "platform" | "probe";

/** How an advice names the platform that is probed: by the setting, where that is what chose it. */
export function platformText(environmentName: string | null): string {
  const isChosen = environmentName !== null && environmentName !== "local";
  return isChosen ? `OKDATA_ENVIRONMENT=${environmentName}` : "this platform";
}

type ReasonDefinition = {
  /** What happened, for the status page and the documentation: no sentence, without a full stop. */
  meaning: string;
  /**
   * What to do first: a sentence. `platform` names the environment, such as
   * `OKDATA_ENVIRONMENT=dev`.
   */
  advice: (platform: string) => string;
  /** Exit code of a one-off run in which all failures have this reason. */
  exitCode: number;
  /** Whether an attempt that failed so is tried again; a list names the HTTP statuses for which. */
  retried: boolean | readonly number[];
  origin: Origin;
};

/**
 * Why a task failed: a closed list, since the reason is a metric's label. Metrics, exit codes,
 * status page, `--check`, alert rules and documentation are made from this table, in its order; a
 * new reason stands with those of its origin.
 */
const DEFINITIONS = {
  timeout: {
    meaning: "no complete response in time",
    advice: () =>
      "Check whether the service is slow or cut off; REQUEST_TIMEOUT_SECONDS limits one attempt.",
    exitCode: EXIT.timeout,
    retried: true,
    origin: "network",
  },
  dns: {
    meaning: "the host name could not be resolved",
    advice: () => "Check the spelling of the host name, and this machine's name server.",
    exitCode: EXIT.unreachable,
    retried: true,
    origin: "network",
  },
  connect: {
    meaning: "no connection could be made",
    advice: () =>
      "Check that the service is up and that a firewall or proxy lets this machine reach it.",
    exitCode: EXIT.unreachable,
    retried: true,
    origin: "network",
  },
  tls: {
    // Retried, since one server of several behind a name may have an old certificate, and since a
    // connection may break in the handshake.
    meaning: "no trusted TLS connection could be made",
    advice: () =>
      "Run --check, which says what is wrong with the server's certificate or TLS, and who can mend it.",
    exitCode: EXIT.unreachable,
    retried: true,
    origin: "network",
  },
  reset: {
    meaning: "the connection ended before the response was complete",
    advice: () => "Look at the service's own status page or log: it closed the connection.",
    exitCode: EXIT.unreachable,
    retried: true,
    origin: "network",
  },
  auth: {
    meaning: "the identity provider refused this client, or sent no usable token",
    advice: (platform) =>
      `Check OKDATA_CLIENT_ID and OKDATA_CLIENT_SECRET: they must belong to ${platform}.`,
    exitCode: EXIT.auth,
    retried: false,
    origin: "identity provider",
  },
  identity_provider: {
    meaning: "the identity provider could not be reached, timed out, or responded 429 or 5xx",
    advice: () =>
      "Look at the identity provider's own status page or log; OKDATA_TOKEN_URL says where it is.",
    exitCode: EXIT.identityProvider,
    retried: true,
    origin: "identity provider",
  },
  unauthorized: {
    meaning: "status 401 or 403",
    advice: (platform) =>
      `Check that this client may read the dataset, and that its credentials belong to ${platform}.`,
    exitCode: EXIT.failed,
    retried: false,
    origin: "platform",
  },
  not_found: {
    meaning: "status 404",
    advice: (platform) =>
      `Check DATASET_ID and OKDATA_API_URL: the dataset must exist in ${platform}.`,
    exitCode: EXIT.failed,
    retried: false,
    origin: "platform",
  },
  rate_limited: {
    meaning: "status 429",
    advice: () => "Send fewer requests: TASK_INTERVAL_SECONDS may be too short.",
    exitCode: EXIT.failed,
    retried: true,
    origin: "platform",
  },
  server_error: {
    meaning: "status 5xx",
    advice: () => "Look at the service's own status page or log: it reports an error.",
    exitCode: EXIT.failed,
    retried: [500, 502, 503, 504],
    origin: "platform",
  },
  http: {
    meaning: "any other unexpected status, redirects included",
    advice: () => "Check OKDATA_API_URL, and look at the service's own status page or log.",
    exitCode: EXIT.failed,
    retried: [408, 425],
    origin: "platform",
  },
  invalid_response: {
    meaning: "the response was not HTTP, not JSON, or not this dataset",
    advice: () => "Check that OKDATA_API_URL is the metadata API, without a dataset ID at its end.",
    exitCode: EXIT.invalidResponse,
    retried: false,
    origin: "platform",
  },
  internal: {
    meaning: "a fault of the probe itself; its log has the stack",
    advice: () => "This is a fault of the probe: please report it with the log.",
    exitCode: EXIT.failed,
    retried: false,
    origin: "probe",
  },
} as const satisfies Record<string, ReasonDefinition>;

export type Reason = keyof typeof DEFINITIONS;

/** Every reason, in the order of the table: that of metrics and documentation. */
export const REASONS = Object.keys(DEFINITIONS) as [Reason, ...Reason[]];

/** The table, with the types of its rows widened to the general one. */
export const REASON_DEFINITIONS: Readonly<Record<Reason, ReasonDefinition>> = DEFINITIONS;

/** The reasons that come from one of these origins. */
export function reasonsFrom(...origins: Origin[]): Reason[] {
  return REASONS.filter((reason) => origins.includes(DEFINITIONS[reason].origin));
}

/** Whether a failed attempt is worth another one; `status` is null when no response came. */
export function isRetried(reason: Reason, status: number | null): boolean {
  const { retried } = REASON_DEFINITIONS[reason];
  if (typeof retried === "boolean") return retried;
  return status !== null && retried.includes(status);
}

/** Every exit code with the reasons that end a one-off run with it, and what else it means. */
export function describeExitCodes(): { code: number; reasons: Reason[]; meaning: string }[] {
  return Object.entries(EXIT).map(([name, code]) => ({
    code,
    reasons: REASONS.filter((reason) => REASON_DEFINITIONS[reason].exitCode === code),
    meaning: EXIT_MEANINGS[name as keyof typeof EXIT],
  }));
}

/** Exit code of a one-off run: 0 without failures, 1 when failures have different codes. */
export function exitCodeOf(failures: Iterable<Reason>): number {
  const codes = new Set(Array.from(failures, (reason) => REASON_DEFINITIONS[reason].exitCode));
  const [code = EXIT.ok, ...others] = codes;
  return others.length === 0 ? code : EXIT.failed;
}
