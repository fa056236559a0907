import { sharingTest } from "../support/program.ts";
import { endure, type NamedFault } from "./endure.ts";
import { type Behaviour, healthy } from "./faulty_target.ts";
import { SharedRig, startRig } from "./rigs.ts";

/** A fault that is nothing but the behaviour of the target. */
export type TargetFault = NamedFault & {
  behaviour: Behaviour;
  /** It takes too much memory or time to be repeated thousands of times. */
  isCostly?: true;
};

export const sharedRig = new SharedRig(startRig);

export function registerTargetFaults(faults: readonly TargetFault[]): void {
  for (const { name, behaviour, isCostly: _, ...fault } of faults) {
    sharingTest(name, async () => {
      const rig = await sharedRig.get();
      const { target } = rig;
      await endure(rig, {
        ...fault,
        begin: () => target.behaviour = behaviour,
        end() {
          target.behaviour = healthy;
          target.hangUp();
        },
      });
    });
  }
}
