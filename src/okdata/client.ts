import { concat } from "@std/bytes/concat";
import { type Clock, sleep, within } from "../core/clock.ts";
import type { Random } from "../core/random.ts";
import { isRetried, type Reason } from "../core/reasons.ts";
import { type Attempt, secondsBetween, type TaskExecution, type Wait } from "../core/task.ts";
import { USER_AGENT } from "../core/version.ts";
import { decodedBody } from "../http_client/content_encoding.ts";
import { reasonOfStatus, RequestError, toRequestError } from "../http_client/errors.ts";
import type { Exchange, HttpRequest } from "../http_client/exchange.ts";
import type { Redact } from "../http_client/redact.ts";
import { excerpt, type HttpResponse } from "../http_client/response.ts";
import { retryAfterMs, retryDelayMs } from "../http_client/retry.ts";
import { newTimings, phasesOf, type Timings } from "../http_client/timings.ts";
import { checkDataset } from "./dataset.ts";
import { describeRefusal, type Refusal } from "./refusal.ts";
import type { TokenCache } from "./token_cache.ts";

export type DatasetRequest = {
  seqno: number;
  datasetId: string;
  /** 32 hex digits, sent as `traceparent`. https://www.w3.org/TR/trace-context/ */
  traceId: string;
  /** Every attempt, what is being done, and instants: the client writes to it. */
  execution: TaskExecution;
};

/**
 * Requests a dataset's metadata as a user does: a token, then the API. Throws a `RequestError` with
 * the reason of the last attempt, or the signal's reason.
 */
export type GetDataset = (request: DatasetRequest, signal: AbortSignal) => Promise<void>;

export type ClientOptions = {
  exchange: Exchange;
  clock: Clock;
  random: Random;
  /** Null when the platform is requested without credentials. */
  tokens: TokenCache | null;
  redact: Redact;
  /** The base before `/{id}`. */
  apiUrl: string;
  /** Deadline of the token and all attempts together. */
  taskTimeoutMs: number;
  /** Deadline of one attempt. */
  requestTimeoutMs: number;
  retries: number;
  onAttempt: (request: DatasetRequest, attempt: Attempt) => void;
};

/**
 * Creates the client. It retries with back-off within the task's deadline; after a 401 or a 403 it
 * renews the token and makes one extra attempt.
 */
export function createClient(options: ClientOptions): GetDataset {
  const { clock, random, retries } = options;

  return async (request, signal) => {
    const deadlineMs = clock.monotonic() + options.taskTimeoutMs;
    const leftMs = () => deadlineMs - clock.monotonic();
    let isRenewed = false;
    /** The token that the next one must differ from: the last attempt was refused with it. */
    let refused: string | undefined;
    let retry = 0;
    let last: RequestError | null = null;
    /** Why the next attempt had to wait. */
    let wait: Wait | null = null;
    for (;;) {
      const token = await waitForToken(options, request, { wait, refused }, leftMs(), signal)
        // Without another token, what is known is that the platform forbids the request.
        .catch((error) => {
          const isForbidden = refused !== undefined && last?.response?.status === 403;
          throw isForbidden && error instanceof RequestError ? last : error;
        });
      refused = undefined;
      // After a stall of the process an attempt would time out as it begins.
      if (leftMs() <= 0) {
        throw last ?? new RequestError("timeout", "no time was left for an attempt");
      }
      const failure = await makeAttempt(options, request, token, wait, leftMs(), signal);
      if (failure === null) return;

      last = failure;
      wait = null;
      const status = failure.response?.status ?? null;
      if ((status === 401 || status === 403) && token && !isRenewed) {
        isRenewed = true;
        if (status === 401 ? options.tokens?.drop(token) : options.tokens?.doubt(token)) {
          refused = token;
          continue;
        }
      }
      if (retry >= retries || !isRetried(failure.reason, status)) throw failure;
      const minDelayMs = failure.response?.retryAfterMs ?? null;
      const delayMs = retryDelayMs(retry++, random.fraction(), minDelayMs);
      // A wait beyond the deadline would replace the known reason by a timeout.
      if (delayMs >= leftMs()) throw failure;
      wait = delayMs === minDelayMs ? "retry_after" : "backoff";
      request.execution.step = { what: "wait", sinceMs: clock.monotonic(), wait };
      await sleep(clock, delayMs, signal);
    }
  };
}

/** The token for the next attempt, null without credentials; records the phase `token`. */
async function waitForToken(
  { tokens, clock }: ClientOptions,
  { execution }: DatasetRequest,
  { wait, refused }: { wait: Wait | null; refused: string | undefined },
  timeoutMs: number,
  signal: AbortSignal,
): Promise<string | null> {
  execution.phases = {};
  execution.endedMs = undefined;
  if (tokens === null) return null;
  const startMs = clock.monotonic();
  execution.step = { what: "token", sinceMs: startMs, wait };
  try {
    const getToken = () => tokens.get(startMs + timeoutMs, refused);
    return await within(clock, timeoutMs, signal, getToken, () => {
      return new RequestError("identity_provider", "no token before the task's deadline");
    });
  } finally {
    execution.phases = { token: secondsBetween(startMs, clock.monotonic()) };
  }
}

/** Makes one attempt and records it; returns what it failed with, or null. */
async function makeAttempt(
  options: ClientOptions,
  request: DatasetRequest,
  token: string | null,
  wait: Wait | null,
  leftMs: number,
  signal: AbortSignal,
): Promise<RequestError | null> {
  const { clock, exchange, redact, requestTimeoutMs, onAttempt } = options;
  const { datasetId, execution } = request;
  const timings = newTimings(clock.monotonic());
  execution.step = { what: "attempt", sinceMs: timings.startMs, wait };
  let failure: RequestError | null = null;
  let endMs: number | undefined;
  try {
    const response = await within(
      clock,
      Math.min(requestTimeoutMs, leftMs),
      signal,
      (attemptSignal) =>
        exchange(httpRequest(options, request, token), { signal: attemptSignal, timings }),
      () => {
        const limit = leftMs < requestTimeoutMs
          ? "before the task's deadline"
          : `within ${requestTimeoutMs / 1e3} s`;
        return new RequestError("timeout", `no complete response ${limit}`);
      },
    );
    endMs = timings.wholeMs ?? clock.monotonic();
    failure = judgeResponse(response, datasetId, clock.now(), redact);
  } catch (error) {
    if (signal.aborted) throw error;
    endMs ??= timings.failure?.ms ?? clock.monotonic();
    failure = errorOfExchange(timings.failure?.error ?? error, timings, redact);
  }
  // The wait for the token counts; what the probe did between it and the connection does not.
  execution.begunMs ??= timings.startMs - 1e3 * (execution.phases.token ?? 0);
  execution.endedMs = endMs;
  execution.phases = { ...execution.phases, ...phasesOf(timings, endMs) };
  const attempt: Attempt = {
    status: failure === null ? 200 : failure.response?.status ?? null,
    reason: failure && failure.reason,
    durationSeconds: secondsBetween(timings.startMs, endMs),
    startSeconds: secondsBetween(execution.begunMs, timings.startMs),
    wait,
    phases: execution.phases,
  };
  execution.attempts.push(attempt);
  onAttempt(request, attempt);
  return failure;
}

function httpRequest(
  { apiUrl }: ClientOptions,
  { datasetId, traceId }: DatasetRequest,
  token: string | null,
): HttpRequest {
  const headers: Record<string, string> = {
    "accept": "application/json",
    "accept-encoding": "gzip",
    "user-agent": USER_AGENT,
    "traceparent": `00-${traceId}-${traceId.slice(0, 16)}-01`,
  };
  if (token !== null) headers.authorization = `Bearer ${token}`;
  return { url: new URL(`${apiUrl}/${encodeURIComponent(datasetId)}`), method: "GET", headers };
}

/** What is wrong with a whole response, or null when it holds the dataset. */
function judgeResponse(
  response: HttpResponse,
  datasetId: string,
  nowMs: number,
  redact: Redact,
): RequestError | null {
  const { status, headers } = response;
  const reason = reasonOfStatus(status);
  const failed = (reason: Reason, body: Uint8Array, { message, advice }: Refusal) => {
    const retryMs = retryAfterMs(headers, nowMs);
    return new RequestError(reason, message, {
      response: { status, body: excerpt(body, redact), retryAfterMs: retryMs },
      advice,
    });
  };
  let body: Uint8Array | null = null;
  try {
    body = decodedBody(response, redact);
    if (!reason) {
      checkDataset(body, datasetId, redact);
      return null;
    }
  } catch (error) {
    if (!(error instanceof RequestError)) throw error;
    // The status of a refusal says enough, even when its body cannot be read.
    if (!reason) return failed("invalid_response", body ?? response.body, error);
  }
  return failed(reason, body ?? response.body, describeRefusal(response, body, redact));
}

/** What ended an exchange before its response was whole, with what had come of it. */
function errorOfExchange(error: unknown, { partial }: Timings, redact: Redact): RequestError {
  const { reason, message, advice, cause = error } = toRequestError(error);
  const response = partial && {
    status: partial.status,
    body: excerpt(concat(partial.chunks), redact),
    retryAfterMs: null,
  };
  return new RequestError(reason, redact(message), { response, advice, cause });
}
