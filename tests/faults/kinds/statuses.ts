/** Complete responses with a status that is not 200. */
import { assertEquals } from "@std/assert";
import { respondsAndCloses, responseOf } from "../behaviours.ts";
import type { TargetFault } from "../target_faults.ts";

export const STATUS_FAULTS: readonly TargetFault[] = [
  {
    name: "a 401 response causes unauthorized failures until it ends",
    behaviour: respondsAndCloses(responseOf("401 Unauthorized", [], "who?")),
    reason: "unauthorized",
    seen: 1,
    check: (tasks) => assertEquals(tasks.at(0)?.body, "who?"),
  },
  {
    name: "a 403 response causes unauthorized failures until it ends",
    behaviour: respondsAndCloses(responseOf("403 Forbidden", [])),
    reason: "unauthorized",
    seen: 1,
  },
  {
    name: "a 404 response causes not_found failures until it ends",
    behaviour: respondsAndCloses(responseOf("404 Not Found", [])),
    reason: "not_found",
    seen: 1,
  },
  {
    name: "a 429 response with a Retry-After of a day causes rate_limited failures until it ends",
    behaviour: respondsAndCloses(responseOf("429 Too Many Requests", ["Retry-After: 86400"])),
    reason: "rate_limited",
    seen: 1,
  },
  {
    name:
      "a 503 response with a Retry-After of 400 digits causes server_error failures until it ends",
    behaviour: respondsAndCloses(
      responseOf("503 Unavailable", [`Retry-After: ${"9".repeat(400)}`]),
    ),
    reason: "server_error",
    seen: 1,
  },
  {
    name: "a 204 response causes http failures until it ends",
    behaviour: respondsAndCloses("HTTP/1.1 204 No Content\r\n\r\n"),
    reason: "http",
    seen: 1,
  },
  {
    name: "a 204 response with a body causes http failures until it ends",
    behaviour: respondsAndCloses(responseOf("204 No Content", [], "nothing")),
    reason: "http",
    seen: 1,
  },
  {
    name: "an unrequested 304 response causes http failures until it ends",
    behaviour: respondsAndCloses("HTTP/1.1 304 Not Modified\r\n\r\n"),
    reason: "http",
    seen: 1,
  },
  {
    name: "a redirect to itself causes http failures until it ends",
    behaviour: respondsAndCloses(responseOf("301 Moved", ["Location: /"])),
    reason: "http",
    seen: 1,
  },
  {
    name: "a response with status 999 causes http failures until it ends",
    behaviour: respondsAndCloses(responseOf("999 Beyond", [])),
    reason: "http",
    seen: 1,
  },
];
