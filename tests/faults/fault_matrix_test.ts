/**
 * The main loop during faults: each fault hits a healthy probe, and ends. A module registers the
 * tests of one kind of fault; all kinds share this process, so that the last test can judge them all.
 */
import { assert } from "@std/assert";
import { sharingTest } from "../support/program.ts";
import { lags } from "./endure.ts";
import "./kinds/statuses.ts";
import "./kinds/connections.ts";
import "./kinds/responses.ts";
import "./kinds/network.ts";
import "./kinds/name_resolution.ts";
import "./kinds/slow_connections.ts";
import "./kinds/system_errors.ts";
import "./kinds/proxy.ts";
import "./kinds/tls.ts";
import "./kinds/tokens.ts";
import "./kinds/surroundings.ts";
import "./kinds/machine.ts";
import "./kinds/memory.ts";

sharingTest("99 of 100 slots run within 100 ms of their time during all faults", () => {
  const slots = lags.get(Infinity) ?? 0;
  const onTime = lags.get(0.1) ?? 0;
  assert(slots === 0 || onTime >= 0.99 * slots, `${slots - onTime} of ${slots} ran later`);
});
