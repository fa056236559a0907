import type { Clock } from "../../core/clock.ts";
import { SECURITY_HEADERS } from "../security_headers.ts";
import { TurnQueue } from "./turn_queue.ts";
import { UnreadResponses } from "./unread_responses.ts";

type Handler = (request: Request) => Response | Promise<Response>;

/**
 * Requests between their arrival and their response: 200 waiting and one running. Each may need
 * several milliseconds, one after the other, so the last one waits for seconds at most.
 */
const MAX_CONCURRENT = 201;

/** Refusals per turn of the event loop: ten thousand in one turn would hold it for 0.1 s. */
const REFUSALS_PER_TURN = 50;

/** Limits the requests that wait for their refusal; beyond it they are refused at once. */
const MAX_WAITING_REFUSALS = 20_000;

/**
 * Never refused and never delayed, since orchestrators restart what does not respond. These
 * handlers are cheap enough for a flood.
 */
const ALWAYS_ADMITTED = /^https?:\/\/[^/]*\/(healthz|readyz)$/;

/**
 * Limits concurrent requests so that they cannot delay probing, however many clients send them.
 *
 * - Requests beyond `MAX_CONCURRENT` get 503.
 * - Requests start one per turn of the event loop, since each handler holds the loop while it works.
 * - Responses start one per turn as well: many requests wait for the same rendering of the metrics
 *   and would all send their response in the same instant.
 * - Responses that nobody reads are bounded by `UnreadResponses`.
 */
export function shedLoad(handler: Handler, clock: Clock): Handler {
  const starts = new TurnQueue(clock);
  const responses = new TurnQueue(clock);
  const refusals = new TurnQueue(clock, REFUSALS_PER_TURN);
  const unread = new UnreadResponses();
  let concurrent = 0;

  return async (request) => {
    if (ALWAYS_ADMITTED.test(request.url)) return handler(request);
    if (concurrent >= MAX_CONCURRENT) {
      if (refusals.length < MAX_WAITING_REFUSALS) await refusals.next();
      return TOO_MANY_REQUESTS.clone();
    }
    concurrent++;
    try {
      await starts.next();
      const response = await handler(request);
      const { body } = response;
      // `Events` bounds its endless streams itself.
      if (body === null || response.headers.get("content-type") === "text/event-stream") {
        return response;
      }
      await responses.next();
      return await unread.add(response, body);
    } finally {
      concurrent--;
    }
  };
}

/** Cloned for each request: a clone takes a twentieth of the time of a new response. */
const TOO_MANY_REQUESTS = Response.json({ error: "too many concurrent requests" }, {
  status: 503,
  headers: { ...SECURITY_HEADERS, "retry-after": "1" },
});
