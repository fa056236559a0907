import type { Config } from "../config/config.ts";
import { exitCodeOfSignal } from "../core/exit_code.ts";
import { exitCodeOf, type Reason } from "../core/reasons.ts";
import type { Runtime } from "../runtime/runtime.ts";
import { explain, reasonOf, RequestError } from "../http_client/errors.ts";
import type { Token } from "../okdata/oauth.ts";
import { connect } from "../okdata/okdata.ts";
import type { TaskExecution } from "../core/task.ts";
import { toMessage } from "../text/escape.ts";
import { formatDateTime, formatSeconds, offsetOf } from "../text/format.ts";

/** One thing that was looked at: what was found, or why it does not work and what to do then. */
type Finding = { step: string; found: string } | { step: string; error: RequestError };

/**
 * Tries everything that a task needs, step by step, tells what it finds, and returns the exit code
 * of a one-off run. Requests each dataset once, without retries.
 */
export async function check(
  config: Config,
  { utc }: { utc: boolean },
  runtime: Runtime,
  signal: AbortSignal,
): Promise<number> {
  const { stdout, clock, random, resolve } = runtime;
  const reasons: Reason[] = [];
  let token: Token | undefined;
  const platform = connect({ ...config, retries: 0 }, runtime, signal, {
    onToken: (result) => token = result.token ?? token,
  });

  tell({ step: "configuration", found: describe(config) });
  const { apiUrl, credentials, datasetIds } = config;
  const apiHost = new URL(apiUrl).hostname;
  const hosts = [apiHost, ...credentials ? [new URL(credentials.tokenUrl).hostname] : []];
  const steps: [string, () => Promise<string>][][] = [
    [...new Set(hosts)].map((host) => [`name ${host}`, () => nameStep(host)]),
    platform.tokens ? [["token", tokenStep]] : [],
    datasetIds.map((id) => [`dataset ${id}`, () => datasetStep(id)]),
  ];
  const interrupted = new Promise<never>((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
  interrupted.catch(() => {});
  for (const stage of steps) {
    // What stands on something broken would only fail once more, with a worse message.
    const broken = reasons.length > 0;
    for (const [step, find] of stage) {
      if (broken) stdout.write(`--      ${step}: not tried\n`);
      else await look(step, find);
      if (signal.aborted) return exitCodeOfSignal(signal);
    }
  }
  return exitCodeOf(reasons);

  async function look(step: string, find: () => Promise<string>): Promise<void> {
    try {
      tell({ step, found: await Promise.race([find(), interrupted]) });
    } catch (error) {
      if (signal.aborted) return;
      const known = error instanceof RequestError
        ? error
        : new RequestError("internal", String(error), undefined, { cause: error });
      reasons.push(known.reason);
      tell({ step, error: known });
    }
  }

  function tell(finding: Finding): void {
    if ("found" in finding) return stdout.write(`ok      ${finding.step}: ${finding.found}\n`);
    const { step, error } = finding;
    stdout.write(
      `FAILED  ${step}: ${error.reason}: ${error.message}\n        ${adviceFor(error, config)}\n`,
    );
  }

  async function nameStep(host: string): Promise<string> {
    try {
      return (await resolve(host)).join(", ");
    } catch (error) {
      const cause = new RequestError("dns", explain(error));
      // Without the provider there is no token, whatever the cause.
      throw host === apiHost
        ? cause
        : new RequestError("auth", cause.message, undefined, { cause });
    }
  }

  async function tokenStep(): Promise<string> {
    await platform.tokens?.get();
    if (!token) throw new RequestError("auth", "the provider has answered without a token");
    const endsMs = clock.now() + token.lifetimeMs;
    const issuer = issuerOf(token.value) ?? config.credentials?.tokenUrl;
    return `issued by ${issuer}, good for ${formatSeconds(token.lifetimeMs / 1e3)}, until ` +
      `${formatDateTime(endsMs, utc)} ${offsetOf(endsMs, utc)}`;
  }

  async function datasetStep(datasetId: string): Promise<string> {
    const execution: TaskExecution = { attempts: [], phases: {} };
    await platform.getDataset({ seqno: 1, datasetId, traceId: random.hex(16), execution }, signal);
    const { status, durationSeconds } = execution.attempts[execution.attempts.length - 1];
    return `status ${status} in ${formatSeconds(durationSeconds)}`;
  }
}

function describe({ datasetIds, environment, credentials, apiUrl, taskIntervalSeconds }: Config) {
  const datasets = datasetIds.length === 1 ? "1 dataset" : `${datasetIds.length} datasets`;
  const who = credentials ? `as client ${credentials.clientId}` : "without credentials";
  const where = environment ? ` in ${environment}` : "";
  return `${datasets} at ${apiUrl}${where}, ${who}, every ${taskIntervalSeconds} s`;
}

/** What a reader can do about a failure. */
function adviceFor(error: RequestError, { environment, datasetIds }: Config): string {
  if (error.reason === "auth" && ["not_found", "http"].includes(reasonOf(error.cause))) {
    return "Is OKDATA_TOKEN_URL the token endpoint of the identity provider?";
  }
  const shownIds = datasetIds.join(", ").slice(0, 60);
  const here = environment ? `OKDATA_ENVIRONMENT=${environment}` : "this platform";
  // A provider that was not reached at all says nothing about the credentials.
  const network = reasonOf(error.cause);
  switch (error.reason === "auth" && network !== "internal" ? network : error.reason) {
    case "auth":
      return `Are OKDATA_CLIENT_ID and OKDATA_CLIENT_SECRET right, and do they belong to ${here}?`;
    case "unauthorized":
      return `May this client read the dataset, and do its credentials belong to ${here}?`;
    case "not_found":
      return `Is DATASET_ID (${shownIds}) right, and OKDATA_API_URL? It must exist in ${here}.`;
    case "dns":
      return "Is the name spelt right, and can this machine resolve names?";
    case "connect":
      return "Is the service up, and may this machine reach it (firewall, proxy)?";
    case "tls":
      return "Is the address https where it should be? A private authority goes into DENO_CERT.";
    case "timeout":
      return "Is the service slow or cut off? REQUEST_TIMEOUT_SECONDS sets how long it is waited for.";
    case "invalid_response":
      return "Is OKDATA_API_URL the metadata API, without the dataset's ID at its end?";
    case "rate_limited":
      return "The platform asks for fewer requests: is TASK_INTERVAL_SECONDS too short?";
    case "reset":
    case "server_error":
    case "http":
      return "The service itself seems to be at fault; its own status page or log knows more.";
    case "internal":
      return "This is a fault of the probe: please report it.";
  }
}

/** The issuer that a JSON Web Token names. RFC 7519, section 4.1.1. Nothing of it is trusted. */
function issuerOf(token: string): string | undefined {
  try {
    const payload = token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/");
    const { iss } = JSON.parse(atob(payload));
    return typeof iss === "string" ? toMessage(iss) : undefined;
  } catch {
    return undefined;
  }
}
