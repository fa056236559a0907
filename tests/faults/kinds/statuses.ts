/** Complete responses with a status that is not 200. */
import { assertEquals } from "@std/assert";
import { respondsAndCloses, responseOf } from "../behaviours.ts";
import { registerTargetFaults, type TargetFault } from "../target_faults.ts";

export const STATUS_FAULTS: readonly TargetFault[] = [
  {
    fault: "a 401 response",
    behaviour: respondsAndCloses(responseOf("401 Unauthorized", [], "who?")),
    reason: "unauthorized",
    seen: 1,
    check: (tasks) => assertEquals(tasks.at(0)?.body, "who?"),
  },
  {
    fault: "a 403 response",
    behaviour: respondsAndCloses(responseOf("403 Forbidden", [])),
    reason: "unauthorized",
    seen: 1,
  },
  {
    fault: "a 404 response",
    behaviour: respondsAndCloses(responseOf("404 Not Found", [])),
    reason: "not_found",
    seen: 1,
  },
  {
    fault: "a 429 response with a Retry-After of a day",
    behaviour: respondsAndCloses(responseOf("429 Too Many Requests", ["Retry-After: 86400"])),
    reason: "rate_limited",
    seen: 1,
  },
  {
    fault: "a 503 response with a Retry-After of 400 digits",
    behaviour: respondsAndCloses(
      responseOf("503 Unavailable", [`Retry-After: ${"9".repeat(400)}`]),
    ),
    reason: "server_error",
    seen: 1,
  },
  {
    fault: "a 204 response",
    behaviour: respondsAndCloses("HTTP/1.1 204 No Content\r\n\r\n"),
    reason: "http",
    seen: 1,
  },
  {
    fault: "a 204 response with a body",
    behaviour: respondsAndCloses(responseOf("204 No Content", [], "nothing")),
    reason: "http",
    seen: 1,
  },
  {
    fault: "an unrequested 304 response",
    behaviour: respondsAndCloses("HTTP/1.1 304 Not Modified\r\n\r\n"),
    reason: "http",
    seen: 1,
  },
  {
    fault: "a redirect to itself",
    behaviour: respondsAndCloses(responseOf("301 Moved", ["Location: /"])),
    reason: "http",
    seen: 1,
  },
  {
    fault: "a response with status 999",
    behaviour: respondsAndCloses(responseOf("999 Beyond", [])),
    reason: "http",
    seen: 1,
  },
];

registerTargetFaults(STATUS_FAULTS);
