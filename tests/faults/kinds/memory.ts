/** Memory under faults that last. */
import { assert, assertEquals } from "@std/assert";
import { eventually, sharingTest } from "../../support/program.ts";
import { scrape } from "../../support/scrape.ts";
import { MEBIBYTE, OK, responds } from "../behaviours.ts";
import { checkedScrape, tasksOf } from "../endure.ts";
import { healthy } from "../faulty_target.ts";
import { startRig } from "../rigs.ts";
import { residentBytes, vitalsOf } from "../vitals.ts";
import { CONNECTION_FAULTS } from "./connections.ts";
import { INVALID_RESPONSES, UNUSUAL_RESPONSES } from "./responses.ts";
import { STATUS_FAULTS } from "./statuses.ts";

sharingTest(
  "responses that never end leave memory bounded and every refused slot counted",
  async () => {
    await using parts = new AsyncDisposableStack();
    const maxInFlight = 30;
    const rig = await startRig({
      env: {
        MAX_IN_FLIGHT_TASKS: String(maxInFlight),
        REQUEST_TIMEOUT_SECONDS: "1",
        TASK_INTERVAL_SECONDS: "0.2",
      },
    });
    parts.use(rig.parts);
    const { program, url, target } = rig;
    await eventually(
      "a task has succeeded",
      async () => (await tasksOf(url, "?limit=2")).length > 1,
    );
    const part = " ".repeat(MEBIBYTE - 1);
    target.behaviour = responds(`${OK}Content-Length: ${MEBIBYTE}\r\n\r\n${part}`);
    const peakUntil = async (rounds: number) => {
      let peak = 0;
      await eventually(`${rounds} rounds of timeouts`, async () => {
        peak = Math.max(peak, residentBytes(program.pid));
        return (await scrape(url)).value("probe_tasks_failed_total") >= rounds * maxInFlight;
      }, 30_000);
      return peak;
    };
    const early = await peakUntil(8);
    const late = await peakUntil(24);
    target.behaviour = healthy;
    target.hangUp();
    // Without it being freed, sixteen more rounds would need four times as much.
    assert(late - early < 4 * maxInFlight * MEBIBYTE, `${(late - early) / 1e6} MB more`);
    const { value } = await checkedScrape(url);
    assert(value("probe_slots_skipped_total", { cause: "in_flight" }) > 0, "the bound was reached");
    assertEquals(value("probe_slots_skipped_total", { cause: "late" }), 0);
    await eventually("tasks succeed again", async () => {
      const [, task] = await tasksOf(url, "?limit=2");
      return task?.reason === null;
    });
  },
);

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
    await leastUntil(1_600);
    const early = await leastUntil(3_200);
    await leastUntil(4_800);
    const late = await leastUntil(6_400);
    const more = `from ${JSON.stringify(early)} to ${JSON.stringify(late)}`;
    assert(late.heap - early.heap < 2e6, more);
    assert(late.resident - early.resident < 20e6, more);
    target.behaviour = healthy;
    await eventually("descriptors are closed", async () => {
      const inFlight = (await scrape(url)).value("probe_tasks_in_flight");
      return vitalsOf(program.pid).descriptors - inFlight <= descriptors + 4;
    });
  },
);
