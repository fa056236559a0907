import type { Config } from "../../config/config.ts";
import { warningsOf } from "../../config/hints/relations.ts";
import { okdataOptions } from "../../config/okdata_options.ts";
import { exitCodeOfSignal } from "../../core/exit_code.ts";
import { exitCodeOf, type Reason } from "../../core/reasons.ts";
import { newExecution, secondsBetween } from "../../core/task.ts";
import { VERSION } from "../../core/version.ts";
import { hostOf } from "../../http_client/connection/address.ts";
import { proxyName } from "../../http_client/connection/proxy.ts";
import { explain, RequestError, toRequestError } from "../../http_client/errors.ts";
import type { Token } from "../../okdata/oauth.ts";
import { connectOkdata, type Okdata } from "../../okdata/okdata.ts";
import type { Runtime } from "../../runtime/runtime.ts";
import { stackOf } from "../../text/error_text.ts";
import { toMessage, toSafeJson } from "../../text/escape.ts";
import { formatDateTime, formatOffset, formatSeconds } from "../../text/format.ts";
import { describeLinks } from "../../text/links.ts";
import { proxiesOf } from "../serve_parts.ts";
import { adviceFor } from "./advice.ts";

/** The version of the JSON document of a check; raised when a reader must change. */
const CHECK_VERSION = 1;

/** One step of the check: returns what was found, or throws a `RequestError`. */
type Step = { name: string; run: () => Promise<string> };

/** What became of a step. */
type Finding = {
  name: string;
  /** Null when it did not end: one that it depends on has failed, or the check was interrupted. */
  ok: boolean | null;
  /** What was found, or the message of the failure. */
  what: string;
  reason: Reason | null;
  /** What to do first about a failure. */
  advice: string | null;
  durationSeconds: number | null;
};

/**
 * Tries everything that a task needs, step by step, prints what it finds (as it finds it, or as one
 * JSON document at the end), and returns the exit code of a one-off run. Requests each dataset once,
 * without retries.
 */
export async function check(
  config: Config,
  { utc, json }: { utc: boolean; json: boolean },
  runtime: Runtime,
  signal: AbortSignal,
): Promise<number> {
  const { clock, log, stdout } = runtime;
  const findings: Finding[] = [];
  const report = (finding: Finding) => {
    findings.push(finding);
    if (!json) stdout.write(linesOf(finding));
  };
  const interrupted = new Promise<never>((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
  interrupted.catch(() => {});

  report({ ...FOUND, name: "configuration", what: describe(config) });
  if (!json) {
    const warnings = warningsOf(config);
    stdout.write(warnings.map((warning) => `warning configuration: ${warning}\n`).join(""));
  }
  for (const stage of stagesOf(config, utc, runtime, signal)) {
    // What depends on a broken step would only fail again, with a worse message.
    const isBroken = findings.some(({ ok }) => ok === false);
    for (const step of stage) {
      if (signal.aborted) report({ ...UNKNOWN, name: step.name, what: "not tried: interrupted" });
      else if (isBroken) report({ ...UNKNOWN, name: step.name, what: "not tried" });
      else await tryStep(step);
    }
  }
  const reasons = findings.flatMap(({ reason }) => reason ?? []);
  const exitCode = signal.aborted ? exitCodeOfSignal(signal) : exitCodeOf(reasons);
  const links = reasons.length > 0 ? describeLinks(config, config.datasetIds) : [];
  if (!json && !signal.aborted) stdout.write(links.map((link) => `see     ${link}\n`).join(""));
  if (json) stdout.write(toSafeJson(documentOf(findings, config, exitCode), 2) + "\n");
  return exitCode;

  async function tryStep({ name, run }: Step): Promise<void> {
    const startMs = clock.monotonic();
    const took = () => ({ durationSeconds: secondsBetween(startMs, clock.monotonic()) });
    try {
      const what = await Promise.race([run(), interrupted]);
      report({ ...FOUND, name, what, ...took() });
    } catch (error) {
      if (signal.aborted) return report({ ...UNKNOWN, name, what: "interrupted", ...took() });
      const failure = toRequestError(error);
      const { reason, message: what, cause } = failure;
      if (reason === "internal") log.error(stackOf(cause));
      const advice = adviceFor(failure, config);
      report({ name, ok: false, what, reason, advice, ...took() });
    }
  }
}

/** The fields of a finding that is good. */
const FOUND = { ok: true, reason: null, advice: null, durationSeconds: null };

/** The fields of a finding that says neither. */
const UNKNOWN = { ...FOUND, ok: null };

function linesOf({ name, ok, what, reason, advice }: Finding): string {
  if (ok === false) return `FAILED  ${name}: ${reason}: ${what}\n        ${advice}\n`;
  return `${ok ? "ok" : "--"}      ${name}: ${what}\n`;
}

function documentOf(findings: readonly Finding[], config: Config, exitCode: number) {
  return {
    version: CHECK_VERSION,
    program_version: VERSION,
    environment: config.environmentName,
    url: config.apiUrl,
    exit_code: exitCode,
    warnings: warningsOf(config),
    findings: findings.map(({ name, ok, what, reason, advice, durationSeconds }) => ({
      ...{ name, ok, what, reason, advice },
      duration_seconds: durationSeconds,
    })),
  };
}

/** The steps in the order in which they depend on each other; steps of a stage do not. */
function stagesOf(config: Config, utc: boolean, runtime: Runtime, signal: AbortSignal): Step[][] {
  const { apiUrl, credentials, datasetIds, proxyFor } = config;
  let token: Token | undefined;
  const options = { ...runtime, ...okdataOptions({ ...config, retries: 0 }, runtime.readFile) };
  const platform = connectOkdata(options, signal, {
    onToken: (result) => token = result.token ?? token,
  });
  const apiHost = hostOf(new URL(apiUrl));
  const urls = [apiUrl, ...credentials ? [credentials.tokenUrl] : []].map((url) => new URL(url));
  // A proxy resolves the name of the host itself.
  const hosts = new Map(urls.map((url) => [hostOf(url), proxyFor(url)]));
  return [
    Array.from(hosts, ([host, proxy]) => ({
      name: proxy ? `${proxyName(proxy)} for ${host}` : `name ${host}`,
      run: () =>
        resolveName(proxy?.host ?? host, host === apiHost ? "dns" : "identity_provider", runtime),
    })),
    platform.tokens ? [{ name: "token", run: getToken }] : [],
    datasetIds.map((id) => ({
      name: `dataset ${id}`,
      run: () => getDataset(platform, id, runtime, signal),
    })),
  ];

  async function getToken(): Promise<string> {
    await platform.tokens?.get();
    if (!token) throw new RequestError("auth", "the provider responded without a token");
    const endsMs = runtime.clock.now() + token.lifetimeMs;
    const issuer = issuerOf(token.value) ?? credentials?.tokenUrl;
    return `issued by ${issuer}, valid for ${formatSeconds(token.lifetimeMs / 1e3)}, until ` +
      `${formatDateTime(endsMs, utc)} ${formatOffset(endsMs, utc)}`;
  }
}

/** The addresses of a host; throws with `reason` when it has none, since tasks fail so. */
async function resolveName(
  host: string,
  reason: "dns" | "identity_provider",
  { resolve }: Runtime,
): Promise<string> {
  try {
    return (await resolve(host)).join(", ");
  } catch (error) {
    const cause = new RequestError("dns", explain(error));
    throw reason === "dns" ? cause : new RequestError(reason, cause.message, { cause });
  }
}

async function getDataset(
  platform: Okdata,
  datasetId: string,
  { random }: Runtime,
  signal: AbortSignal,
): Promise<string> {
  const execution = newExecution();
  const request = { seqno: 1, datasetId, traceId: random.hex(16), execution };
  await platform.getDataset(request, signal);
  const attempt = execution.attempts.at(-1);
  return `status ${attempt?.status} in ${formatSeconds(attempt?.durationSeconds ?? 0)}`;
}

function describe(config: Config): string {
  const { datasetIds, environmentName, credentials, apiUrl, taskIntervalSeconds } = config;
  const datasets = datasetIds.length === 1 ? "1 dataset" : `${datasetIds.length} datasets`;
  const client = credentials ? `as client ${credentials.clientId}` : "without credentials";
  const where = environmentName ? ` (${environmentName})` : "";
  const proxies = proxiesOf(config);
  return `${datasets} at ${apiUrl}${where}, ${client}, every ${taskIntervalSeconds} s` +
    (proxies ? `, by ${proxies}` : "");
}

/** The issuer that a JSON Web Token names, which is displayed only. RFC 7519, section 4.1.1. */
function issuerOf(token: string): string | undefined {
  try {
    const [, payload = ""] = token.split(".");
    const { iss } = JSON.parse(atob(payload.replaceAll("-", "+").replaceAll("_", "/")));
    return typeof iss === "string" ? toMessage(iss) : undefined;
  } catch {
    return undefined;
  }
}
