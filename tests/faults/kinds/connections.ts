/** Connections on which the response never ends, and connections that break. */
import {
  chunked,
  hang,
  OK,
  responds,
  respondsAndCloses,
  respondsAndRepeats,
  respondsAndResets,
} from "../behaviours.ts";
import { dataset } from "../faulty_target.ts";
import type { TargetFault } from "../target_faults.ts";

export const CONNECTION_FAULTS: readonly TargetFault[] = [
  {
    name: "a target that reads and never responds causes timeout failures until it ends",
    behaviour: responds(""),
    reason: "timeout",
    seen: 1,
  },
  {
    name: "a target that accepts and never reads causes timeout failures until it ends",
    behaviour: hang,
    reason: "timeout",
    seen: 0,
  },
  {
    name: "a target that sends headers and no body causes timeout failures until it ends",
    behaviour: responds(`${OK}Content-Length: 100\r\n\r\n`),
    reason: "timeout",
    seen: 1,
  },
  {
    name: "a body that arrives byte by byte causes timeout failures until it ends",
    behaviour: respondsAndRepeats(`${OK}Content-Length: 100000\r\n\r\n`, " ", 20),
    reason: "timeout",
    seen: 1,
  },
  {
    name: "headers that arrive line by line causes timeout failures until it ends",
    behaviour: respondsAndRepeats(OK, "X: y\r\n", 20),
    reason: "timeout",
    seen: 1,
  },
  {
    name: "an HTTP/1.0 response without an end causes timeout failures until it ends",
    behaviour: responds("HTTP/1.0 200 OK\r\n\r\n{}"),
    reason: "timeout",
    seen: 1,
  },
  {
    name: "an interim response alone causes timeout failures until it ends",
    behaviour: responds("HTTP/1.1 100 Continue\r\n\r\n"),
    reason: "timeout",
    seen: 1,
  },
  {
    name:
      "a body shorter than its length on an open connection causes timeout failures until it ends",
    behaviour: responds((c) => `${OK}Content-Length: 500\r\n\r\n${dataset(c)}`),
    reason: "timeout",
    seen: 1,
  },
  {
    name: "a reset before the headers causes reset failures until it ends",
    behaviour: respondsAndResets(""),
    reason: "reset",
    tasks: 40,
  },
  {
    name: "a reset in the headers causes reset failures until it ends",
    behaviour: respondsAndResets(OK),
    reason: "reset",
  },
  {
    name: "a reset in the body causes reset failures until it ends",
    behaviour: respondsAndResets(`${OK}Content-Length: 100\r\n\r\n{"Id":`),
    reason: "reset",
  },
  {
    name: "a connection closed before the headers causes reset failures until it ends",
    behaviour: respondsAndCloses(""),
    reason: "reset",
    seen: 1,
  },
  {
    name: "a connection closed after an interim response causes reset failures until it ends",
    behaviour: respondsAndCloses("HTTP/1.1 100 Continue\r\n\r\n"),
    reason: "reset",
    seen: 1,
  },
  {
    name: "a body shorter than its length causes reset failures until it ends",
    behaviour: respondsAndCloses((c) => `${OK}Content-Length: 500\r\n\r\n${dataset(c)}`),
    reason: "reset",
    seen: 1,
  },
  {
    name: "a chunked body without its last chunk causes reset failures until it ends",
    behaviour: respondsAndCloses(chunked("")),
    reason: "reset",
    seen: 1,
  },
];
