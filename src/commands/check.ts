import type { Config } from "../config/config.ts";
import { okdataOptions } from "../config/okdata_options.ts";
import { exitCodeOfSignal } from "../core/exit_code.ts";
import { exitCodeOf, type Reason, REASON_DEFINITIONS } from "../core/reasons.ts";
import { newExecution } from "../core/task.ts";
import { hostOf } from "../http_client/connection/address.ts";
import { proxyName } from "../http_client/connection/proxy.ts";
import { explain, RequestError, toRequestError } from "../http_client/errors.ts";
import type { Token } from "../okdata/oauth.ts";
import { connectOkdata, type Okdata } from "../okdata/okdata.ts";
import type { Runtime } from "../runtime/runtime.ts";
import { stackOf } from "../text/error_text.ts";
import { toMessage } from "../text/escape.ts";
import { describeLinks } from "../text/links.ts";
import { formatDateTime, formatOffset, formatSeconds } from "../text/format.ts";
import { proxiesOf } from "./serve_parts.ts";

/** One step of the check: returns what was found, or throws a `RequestError`. */
type Step = { name: string; run: () => Promise<string> };

/**
 * Tries everything that a task needs, step by step, prints what it finds, and returns the exit code
 * of a one-off run. Requests each dataset once, without retries.
 */
export async function check(
  config: Config,
  { utc }: { utc: boolean },
  runtime: Runtime,
  signal: AbortSignal,
): Promise<number> {
  const { stdout } = runtime;
  const reasons: Reason[] = [];
  const interrupted = new Promise<never>((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
  interrupted.catch(() => {});

  stdout.write(`ok      configuration: ${describe(config)}\n`);
  for (const stage of stagesOf(config, utc, runtime, signal)) {
    // What depends on a broken step would only fail again, with a worse message.
    const isBroken = reasons.length > 0;
    for (const step of stage) {
      if (isBroken) stdout.write(`--      ${step.name}: not tried\n`);
      else await tryStep(step);
      if (signal.aborted) return exitCodeOfSignal(signal);
    }
  }
  const links = reasons.length > 0 ? describeLinks(config, config.datasetIds) : [];
  for (const link of links) stdout.write(`see     ${link}\n`);
  return exitCodeOf(reasons);

  async function tryStep({ name, run }: Step): Promise<void> {
    try {
      const found = await Promise.race([run(), interrupted]);
      stdout.write(`ok      ${name}: ${found}\n`);
    } catch (error) {
      if (signal.aborted) return;
      const failure = toRequestError(error);
      const { reason, message, cause } = failure;
      reasons.push(reason);
      if (reason === "internal") runtime.log.error(stackOf(cause));
      const advice = adviceFor(failure, config);
      stdout.write(`FAILED  ${name}: ${reason}: ${message}
        ${advice}
`);
    }
  }
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
  const { datasetIds, environment, credentials, apiUrl, taskIntervalSeconds } = config;
  const datasets = datasetIds.length === 1 ? "1 dataset" : `${datasetIds.length} datasets`;
  const client = credentials ? `as client ${credentials.clientId}` : "without credentials";
  const where = environment ? ` in ${environment}` : "";
  const proxies = proxiesOf(config);
  return `${datasets} at ${apiUrl}${where}, ${client}, every ${taskIntervalSeconds} s` +
    (proxies ? `, by ${proxies}` : "");
}

/** The advice of a failure itself, or of the one that it was made from. */
function ownAdvice(error: unknown): string | undefined {
  return error instanceof RequestError ? error.advice ?? ownAdvice(error.cause) : undefined;
}

/**
 * What a reader can do about a failure. Why the identity provider could not be reached says more than
 * that it could not.
 */
function adviceFor(failure: RequestError, { environment }: Config): string {
  const advice = ownAdvice(failure);
  if (advice !== undefined) return advice;
  const { reason, cause } = failure;
  const platform = environment ? `OKDATA_ENVIRONMENT=${environment}` : "this platform";
  const isUnreachable = reason === "identity_provider" && cause instanceof RequestError &&
    REASON_DEFINITIONS[cause.reason].origin === "network";
  return REASON_DEFINITIONS[isUnreachable ? cause.reason : reason].advice(platform);
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
