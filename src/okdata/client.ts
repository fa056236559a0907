import { concat } from "@std/bytes/concat";
import { type Clock, sleep, within } from "../core/clock.ts";
import type { Random } from "../core/random.ts";
import { type Attempt, secondsBetween, type TaskExecution } from "../core/task.ts";
import { explain, reasonOf, reasonOfStatus, RequestError } from "../http_client/errors.ts";
import { newTimings, phasesOf, type Timings } from "../http_client/timings.ts";
import type { Redact } from "../http_client/redact.ts";
import { checkDataset, decoded, excerpt } from "../http_client/response.ts";
import { parseRetryAfterMs, retryDelayMs } from "../http_client/retry.ts";
import { isRetried } from "../core/reasons.ts";
import type { TokenSource } from "./token_cache.ts";
import type { Exchange, Reply, Request } from "../http_client/exchange.ts";

export type DatasetRequest = {
  seqno: number;
  datasetId: string;
  traceId: string;
  /** Filled in while the request goes on: every attempt, the phases of the last one, and instants. */
  execution: TaskExecution;
};

/**
 * Gets a dataset's metadata as a user does: with a token, then the API. Throws an `RequestError` with
 * the reason of the last attempt, or the signal's reason.
 */
export type GetDataset = (request: DatasetRequest, signal: AbortSignal) => Promise<void>;

export type ClientOptions = {
  exchange: Exchange;
  clock: Clock;
  random: Random;
  /** Null when the platform is asked without credentials. */
  tokens: TokenSource | null;
  redact: Redact;
  /** What stands before `/{id}`. */
  apiUrl: string;
  /** Deadline of the token and all attempts together. */
  taskTimeoutMs: number;
  /** Deadline of one attempt. */
  requestTimeoutMs: number;
  retries: number;
  userAgent: string;
  onAttempt: (request: DatasetRequest, attempt: Attempt) => void;
};

export function createClient(options: ClientOptions): GetDataset {
  const { clock, random, retries } = options;

  return async (request, signal) => {
    const deadlineMs = clock.monotonic() + options.taskTimeoutMs;
    const leftMs = () => deadlineMs - clock.monotonic();
    let renewed = false;
    let retry = 0;
    let last: RequestError | null = null;
    for (;;) {
      const token = await tokenFor(options, request, leftMs(), signal);
      // Who was held up may find that no time is left: an attempt would be given up as it begins.
      if (leftMs() <= 0) {
        throw last ?? new RequestError("timeout", "no time was left for an attempt");
      }
      const failure = await attempt(options, request, token, leftMs(), signal);
      if (failure === null) return;

      last = failure;
      const status = failure.reply?.status ?? null;
      if (status === 401 && token && !renewed) {
        renewed = true;
        if (options.tokens?.drop(token)) continue;
      }
      if (retry >= retries || !isRetried(failure.reason, status)) throw failure;
      const retryAfterMs = failure.reply?.retryAfterMs ?? null;
      const delayMs = retryDelayMs(retry++, random.fraction(), retryAfterMs);
      // A wait past the deadline would only turn what is known into a timeout.
      if (delayMs >= leftMs()) throw failure;
      await sleep(clock, delayMs, signal);
    }
  };
}

/** The token for the next attempt, and in the execution how long it was waited for; null without one. */
async function tokenFor(
  { tokens, clock }: ClientOptions,
  { execution }: DatasetRequest,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<string | null> {
  execution.phases = {};
  execution.endedMs = undefined;
  if (tokens === null) return null;
  const startMs = clock.monotonic();
  try {
    return await within(clock, timeoutMs, signal, () => tokens.get(), () => {
      return new RequestError("auth", "no token before the task's deadline");
    });
  } finally {
    execution.phases = { token: secondsBetween(startMs, clock.monotonic()) };
  }
}

/** Makes one attempt and adds it to the execution; returns what it failed with, or null. */
async function attempt(
  options: ClientOptions,
  request: DatasetRequest,
  token: string | null,
  leftMs: number,
  signal: AbortSignal,
): Promise<RequestError | null> {
  const { clock, exchange, redact, requestTimeoutMs, onAttempt } = options;
  const { datasetId, execution } = request;
  const timings = newTimings(clock.monotonic());
  let failure: RequestError | null = null;
  let endMs: number | undefined;
  try {
    const reply = await within(
      clock,
      Math.min(requestTimeoutMs, leftMs),
      signal,
      (attemptSignal) =>
        exchange(httpRequest(options, request, token), { signal: attemptSignal, timings }),
      () => {
        const limit = leftMs < requestTimeoutMs
          ? "before the task's deadline"
          : `within ${requestTimeoutMs / 1e3} s`;
        return new RequestError("timeout", `no full answer ${limit}`);
      },
    );
    endMs = timings.wholeMs ?? clock.monotonic();
    failure = await judge(reply, datasetId, clock.now(), redact);
  } catch (error) {
    if (signal.aborted) throw error;
    endMs ??= clock.monotonic();
    failure = brokenOff(error, timings, redact);
  }
  execution.begunMs ??= timings.startMs - 1e3 * (execution.phases.token ?? 0);
  execution.endedMs = endMs;
  execution.phases = { ...execution.phases, ...phasesOf(timings, endMs) };
  const made: Attempt = {
    status: failure === null ? 200 : failure.reply?.status ?? null,
    reason: failure && failure.reason,
    durationSeconds: secondsBetween(timings.startMs, endMs),
  };
  execution.attempts.push(made);
  onAttempt(request, made);
  return failure;
}

function httpRequest(
  { apiUrl, userAgent }: ClientOptions,
  { datasetId, traceId }: DatasetRequest,
  token: string | null,
): Request {
  const headers: Record<string, string> = {
    "accept": "application/json",
    "accept-encoding": "gzip",
    "user-agent": userAgent,
    "traceparent": `00-${traceId}-${traceId.slice(0, 16)}-01`,
  };
  if (token !== null) headers.authorization = `Bearer ${token}`;
  return { url: new URL(`${apiUrl}/${encodeURIComponent(datasetId)}`), method: "GET", headers };
}

/** What is wrong with a reply, or null when it brings the dataset. */
async function judge(
  reply: Reply,
  datasetId: string,
  nowMs: number,
  redact: Redact,
): Promise<RequestError | null> {
  const { status, headers } = reply;
  let { body } = reply;
  const reason = reasonOfStatus(status);
  let message = `the answer has status ${status}`;
  try {
    body = (await decoded(reply, redact)).body;
    if (!reason) {
      checkDataset(body, datasetId, redact);
      return null;
    }
  } catch (error) {
    if (!(error instanceof RequestError)) throw error;
    // A refusal says enough, even where its body cannot be read.
    if (!reason) message = error.message;
  }
  return new RequestError(reason ?? "invalid_response", message, {
    status,
    body: excerpt(body, redact),
    retryAfterMs: parseRetryAfterMs(headers["retry-after"], nowMs),
  });
}

/** What ended an exchange before its answer was whole; `internal` where nobody foresaw it. */
function brokenOff(error: unknown, { answer }: Timings, redact: Redact): RequestError {
  const reply = answer && {
    status: answer.status,
    body: excerpt(concat(answer.chunks), redact),
    retryAfterMs: null,
  };
  return new RequestError(reasonOf(error), redact(explain(error)), reply, { cause: error });
}
