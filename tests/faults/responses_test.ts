/** The main loop during faults of the target's responses: each fault hits a healthy probe, and ends. */
import { assertEquals } from "@std/assert";
import { sharingTest } from "../support/program.ts";
import { hang } from "./behaviours.ts";
import { endure, type Task } from "./endure.ts";
import { healthy } from "./faulty_target.ts";
import { CONNECTION_FAULTS } from "./kinds/connections.ts";
import { INVALID_RESPONSES, UNUSUAL_RESPONSES } from "./kinds/responses.ts";
import { STATUS_FAULTS } from "./kinds/statuses.ts";
import { registerTargetFaults, sharedRig } from "./target_faults.ts";

registerTargetFaults([
  ...STATUS_FAULTS,
  ...CONNECTION_FAULTS,
  ...INVALID_RESPONSES,
  ...UNUSUAL_RESPONSES,
]);

sharingTest(
  "a target that accepts no more connections causes timeout failures until it ends",
  async () => {
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
  },
);
