/** Memory of the main loop while responses never end. */
import { assert } from "@std/assert";
import { eventually, sharingTest } from "../support/program.ts";
import { scrape } from "../support/scrape.ts";
import { MEBIBYTE, OK, responds } from "./behaviours.ts";
import { checkedScrape, tasksOf } from "./endure.ts";
import { healthy } from "./faulty_target.ts";
import { startRig } from "./rigs.ts";
import { residentBytes } from "./vitals.ts";

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
    await eventually("tasks succeed again", async () => {
      const [, task] = await tasksOf(url, "?limit=2");
      return task?.reason === null;
    });
  },
);
