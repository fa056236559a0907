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
import { assertEquals } from "@std/assert";
import { sharingTest } from "../../support/program.ts";
import { endure, nameOf, type Task } from "../endure.ts";
import { dataset, healthy } from "../faulty_target.ts";
import { registerTargetFaults, sharedRig, type TargetFault } from "../target_faults.ts";

export const CONNECTION_FAULTS: readonly TargetFault[] = [
  {
    fault: "a target that reads and never responds",
    behaviour: responds(""),
    reason: "timeout",
    seen: 1,
  },
  {
    fault: "a target that accepts and never reads",
    behaviour: hang,
    reason: "timeout",
    seen: 0,
  },
  {
    fault: "a target that sends headers and no body",
    behaviour: responds(`${OK}Content-Length: 100\r\n\r\n`),
    reason: "timeout",
    seen: 1,
  },
  {
    fault: "a body that arrives byte by byte",
    behaviour: respondsAndRepeats(`${OK}Content-Length: 100000\r\n\r\n`, " ", 20),
    reason: "timeout",
    seen: 1,
  },
  {
    fault: "headers that arrive line by line",
    behaviour: respondsAndRepeats(OK, "X: y\r\n", 20),
    reason: "timeout",
    seen: 1,
  },
  {
    fault: "an HTTP/1.0 response without an end",
    behaviour: responds("HTTP/1.0 200 OK\r\n\r\n{}"),
    reason: "timeout",
    seen: 1,
  },
  {
    fault: "an interim response alone",
    behaviour: responds("HTTP/1.1 100 Continue\r\n\r\n"),
    reason: "timeout",
    seen: 1,
  },
  {
    fault: "a body shorter than its length on an open connection",
    behaviour: responds((c) => `${OK}Content-Length: 500\r\n\r\n${dataset(c)}`),
    reason: "timeout",
    seen: 1,
  },
  {
    fault: "a reset before the headers",
    behaviour: respondsAndResets(""),
    reason: "reset",
    tasks: 40,
  },
  {
    fault: "a reset in the headers",
    behaviour: respondsAndResets(OK),
    reason: "reset",
  },
  {
    fault: "a reset in the body",
    behaviour: respondsAndResets(`${OK}Content-Length: 100\r\n\r\n{"Id":`),
    reason: "reset",
  },
  {
    fault: "a connection closed before the headers",
    behaviour: respondsAndCloses(""),
    reason: "reset",
    seen: 1,
  },
  {
    fault: "a connection closed after an interim response",
    behaviour: respondsAndCloses("HTTP/1.1 100 Continue\r\n\r\n"),
    reason: "reset",
    seen: 1,
  },
  {
    fault: "a body shorter than its length",
    behaviour: respondsAndCloses((c) => `${OK}Content-Length: 500\r\n\r\n${dataset(c)}`),
    reason: "reset",
    seen: 1,
  },
  {
    fault: "a chunked body without its last chunk",
    behaviour: respondsAndCloses(chunked("")),
    reason: "reset",
    seen: 1,
  },
];

registerTargetFaults(CONNECTION_FAULTS);

sharingTest(nameOf("a target that accepts no more connections", "timeout"), async () => {
  const rig = await sharedRig.get();
  const { target } = rig;
  await endure(rig, {
    reason: "timeout",
    // More than the system accepts in the target's place.
    tasks: 40,
    begin() {
      // The connection that the target already waits for.
      target.behaviour = hang;
      target.pause();
    },
    end() {
      target.behaviour = healthy;
      target.resume();
    },
    check(tasks) {
      const phasesOf = (task?: Task) => Object.keys(task?.phases ?? {});
      assertEquals(phasesOf(tasks.at(0)), ["connect", "processing"]);
      assertEquals(phasesOf(tasks.at(-1)), ["connect"]);
    },
  });
});
