/** Memory of the main loop under failures that last. */
import { assert } from "@std/assert";
import { eventually, sharingTest } from "../support/program.ts";
import { scrape } from "../support/scrape.ts";
import { checkedScrape } from "./endure.ts";
import { healthy } from "./faulty_target.ts";
import { CONNECTION_FAULTS } from "./kinds/connections.ts";
import { INVALID_RESPONSES, UNUSUAL_RESPONSES } from "./kinds/responses.ts";
import { STATUS_FAULTS } from "./kinds/statuses.ts";
import { startRig } from "./rigs.ts";
import { residentBytes, vitalsOf } from "./vitals.ts";

sharingTest(
  "thousands of failures of all kinds leave no memory behind",
  async () => {
    await using parts = new AsyncDisposableStack();
    const rig = await startRig({
      env: {
        // As fast as a slow machine can break connections.
        TASK_INTERVAL_SECONDS: "0.1",
        MAX_TRACKED_TASKS: "100",
        // So small that garbage is collected constantly: the rest is in use.
        DENO_V8_FLAGS: "--max-old-space-size=40",
      },
    });
    parts.use(rig.parts);
    const { program, url, target } = rig;
    const faults = [
      ...STATUS_FAULTS,
      ...CONNECTION_FAULTS,
      ...INVALID_RESPONSES,
      ...UNUSUAL_RESPONSES,
    ].filter(({ reason, isCostly }) => reason !== "timeout" && !isCostly);
    const { descriptors } = vitalsOf(program.pid);
    let turn = 0;
    target.behaviour = (connection) => {
      const { behaviour = healthy } = faults[turn++ % faults.length] ?? {};
      return behaviour(connection);
    };

    /** The least memory that is seen until `count` tasks are settled. */
    async function leastUntil(count: number) {
      const least = { heap: Infinity, resident: Infinity };
      await eventually(`${count} settled tasks`, async () => {
        const { value } = await checkedScrape(url);
        least.heap = Math.min(least.heap, value("process_heap_bytes"));
        least.resident = Math.min(least.resident, residentBytes(program.pid));
        return value("probe_tasks_created_total") - value("probe_tasks_in_flight") >= count;
      }, 30_000);
      return least;
    }
    await leastUntil(2_400);
    // Each long enough for several collections, after one of which the least is seen.
    const early = await leastUntil(5_600);
    await leastUntil(8_000);
    const late = await leastUntil(11_200);
    const more = `from ${JSON.stringify(early)} to ${JSON.stringify(late)}`;
    // Half a kilobyte for each of the tasks between.
    assert(late.heap - early.heap < 3.2e6, more);
    assert(late.resident - early.resident < 20e6, more);
    target.behaviour = healthy;
    await eventually("descriptors are closed", async () => {
      const inFlight = (await scrape(url)).value("probe_tasks_in_flight");
      return vitalsOf(program.pid).descriptors - inFlight <= descriptors + 4;
    });
  },
);
