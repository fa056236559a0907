import type { StatusView } from "../view.ts";
import { countText, durationText, spanText } from "../words.ts";
import { Fact } from "./parts.tsx";

/** How well the probe keeps its own schedule: a gap may be its own fault. */
export function Schedule({ view }: { view: StatusView }) {
  const { schedule, stalledLoops, nowMs, startedMs } = view;
  const { slots, skipped, lastLagMs, worstLagMs } = schedule;
  const lag = (ms: number | null) => ms === null ? "–" : durationText(ms / 1e3);
  return (
    <section aria-labelledby="schedule">
      <h2 id="schedule">Schedule</h2>
      <dl class="facts">
        <Fact name="One task per dataset">every {view.taskIntervalSeconds} s</Fact>
        <Fact name="Running for">{spanText(nowMs - startedMs)}</Fact>
        <Fact name="Loops" bad={stalledLoops.length > 0}>
          {stalledLoops.length > 0 ? `stalled: ${stalledLoops.join(", ")}` : "all on time"}
        </Fact>
        <Fact name="Slots run">{countText(slots)}</Fact>
        <Fact name="Skipped, probe late" bad={skipped.late > 0}>
          {countText(skipped.late)}
        </Fact>
        <Fact name="Skipped, too many in flight" bad={skipped.in_flight > 0}>
          {countText(skipped.in_flight)}
        </Fact>
        <Fact name="Lag of the last slot">{lag(lastLagMs)}</Fact>
        <Fact name="Largest lag in 1 h">{lag(worstLagMs)}</Fact>
      </dl>
    </section>
  );
}
