import { type Clock, sleep, within } from "../clock.ts";
import type { Random } from "../random.ts";
import { type Journey, secondsBetween } from "../task.ts";
import { OkdataError, reasonOf, reasonOfStatus } from "./errors.ts";
import { type Marks, phasesOf } from "./phases.ts";
import { checkDataset, decoded, excerpt } from "./reply.ts";
import { isRetried, parseRetryAfterMs, retryDelayMs } from "./retry.ts";
import type { Exchange, Reply } from "./transport.ts";

export type DatasetRequest = {
  datasetId: string;
  traceId: string;
  /** Filled in while the request goes on: every attempt, and the phases of the last one. */
  journey: Journey;
};

/**
 * Gets a dataset's metadata as a user does. Throws an `OkdataError` with the reason of the last
 * attempt, or the signal's reason.
 */
export type GetDataset = (request: DatasetRequest, signal: AbortSignal) => Promise<void>;

export type ClientOptions = {
  exchange: Exchange;
  clock: Clock;
  random: Random;
  /** What stands before `/{id}`. */
  apiUrl: string;
  /** Deadline of all attempts together. */
  taskTimeoutMs: number;
  /** Deadline of one attempt. */
  requestTimeoutMs: number;
  retries: number;
  userAgent: string;
};

export function createClient(options: ClientOptions): GetDataset {
  const { clock, random, retries } = options;

  return async (request, signal) => {
    const deadlineMs = clock.monotonic() + options.taskTimeoutMs;
    for (let retry = 0;; retry++) {
      const leftMs = deadlineMs - clock.monotonic();
      const timeoutMs = Math.min(options.requestTimeoutMs, leftMs);
      const failure = await attempt(options, request, timeoutMs, signal);
      if (failure === null) return;

      const status = failure.reply?.status ?? null;
      if (retry >= retries || !isRetried(failure.reason, status)) throw failure;
      const retryAfterMs = failure.reply?.retryAfterMs ?? null;
      const delayMs = retryDelayMs(retry, random.fraction(), retryAfterMs);
      // A wait past the deadline would only turn what is known into a timeout.
      if (clock.monotonic() + delayMs >= deadlineMs) throw failure;
      await sleep(clock, delayMs, signal);
    }
  };
}

/** Makes one attempt and adds it to the journey; returns what it failed with, or null. */
async function attempt(
  { exchange, clock, apiUrl, userAgent }: ClientOptions,
  { datasetId, traceId, journey }: DatasetRequest,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<OkdataError | null> {
  const marks: Marks = { startMs: clock.monotonic(), named: false, secure: false };
  let failure: OkdataError | null = null;
  let status: number | null = null;
  try {
    const reply = await within(clock, timeoutMs, signal, (attemptSignal) =>
      exchange({
        url: new URL(`${apiUrl}/${encodeURIComponent(datasetId)}`),
        method: "GET",
        headers: {
          "accept": "application/json",
          "accept-encoding": "gzip",
          "user-agent": userAgent,
          "traceparent": `00-${traceId}-${traceId.slice(0, 16)}-01`,
        },
      }, { signal: attemptSignal, marks }), () => timedOut(timeoutMs));
    status = reply.status;
    failure = await judge(reply, datasetId, clock.now());
  } catch (error) {
    if (signal.aborted) throw error;
    failure = asOkdataError(error);
  }
  const endMs = clock.monotonic();
  const durationSeconds = secondsBetween(marks.startMs, endMs);
  journey.phases = phasesOf(marks, endMs);
  journey.attempts.push({ status, reason: failure && failure.reason, durationSeconds });
  return failure;
}

/** What is wrong with a reply, or null when it brings the dataset. */
async function judge(reply: Reply, datasetId: string, nowMs: number): Promise<OkdataError | null> {
  const { status, headers } = reply;
  let { body } = reply;
  try {
    body = (await decoded(reply)).body;
    const reason = reasonOfStatus(status);
    if (reason) throw new OkdataError(reason, `the answer has status ${status}`);
    checkDataset(body, datasetId);
    return null;
  } catch (error) {
    if (!(error instanceof OkdataError)) throw error;
    const retryAfterMs = parseRetryAfterMs(headers["retry-after"], nowMs);
    return new OkdataError(error.reason, error.message, {
      status,
      body: excerpt(body),
      retryAfterMs,
    });
  }
}

function timedOut(timeoutMs: number): OkdataError {
  return new OkdataError("timeout", `no full answer within ${timeoutMs / 1e3} s`);
}

function asOkdataError(error: unknown): OkdataError {
  if (error instanceof OkdataError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new OkdataError(reasonOf(error), message, undefined, { cause: error });
}
