import type { StatusView } from "../view.ts";
import { countText, durationText, spanText } from "../words.ts";
import { Fact } from "./parts.tsx";

const HOUR_MS = 3_600_000;

/**
 * How well the probe keeps its own schedule: a gap may be its own fault. Folded away unless something
 * is wrong there.
 */
export function Schedule({ view }: { view: StatusView }) {
  const { schedule, stalledLoops } = view;
  const { elapsedMs, slots, skipped, lastLagMs, worstLagMs, isLate } = schedule;
  const isStalled = stalledLoops.length > 0;
  const isSkipped = skipped.late > 0 || skipped.in_flight > 0;
  const isBad = isStalled || isLate || isSkipped;
  const lag = (ms: number | null) => ms === null ? "–" : durationText(ms / 1e3);
  const loops = isStalled
    ? `stalled: ${stalledLoops.join(", ")}`
    : isLate
    ? "most slots late"
    : "all on time";
  return (
    <details id="schedule" class={isBad ? "bad" : undefined} open={isBad}>
      <summary>
        <h2>Schedule</h2>{" "}
        <small>
          a task per dataset every {view.taskIntervalSeconds} s for {spanText(elapsedMs)},{" "}
          {isStalled || isLate ? loops : isSkipped ? "slots were skipped" : "no slot skipped"}
        </small>
      </summary>
      <dl class="facts">
        <Fact name="Loops" bad={isStalled || isLate}>{loops}</Fact>
        <Fact name="Slots run since the start">{countText(slots)}</Fact>
        <Fact name="Skipped since the start, probe late" bad={skipped.late > 0}>
          {countText(skipped.late)}
        </Fact>
        <Fact name="Skipped since the start, too many in flight" bad={skipped.in_flight > 0}>
          {countText(skipped.in_flight)}
        </Fact>
        <Fact name="Lag of the last slot">{lag(lastLagMs)}</Fact>
        <Fact name={`Largest lag in ${spanText(Math.min(elapsedMs, HOUR_MS))}`}>
          {lag(worstLagMs)}
        </Fact>
      </dl>
    </details>
  );
}
