import { raw } from "hono/html";
import { countText, durationText, spanText } from "./words.ts";
import type { StatusView } from "./view.ts";
import { REASON_DEFINITIONS, REASONS } from "../core/reasons.ts";
import { Fact, href, percent, Scope } from "./parts.tsx";

/** How long the newest tasks took. The chart is drawn by the script; the words are for everybody. */
export function Durations({ status }: { status: StatusView }) {
  const { durations } = status;
  const sorted = durations.map(({ seconds }) => seconds).sort((a, b) => a - b);
  const failed = durations.filter(({ reason }) => reason !== null).length;
  return (
    <section class="durations" aria-labelledby="durations">
      <h2 id="durations">
        Durations <Scope status={status} />
      </h2>
      {sorted.length === 0
        ? <p>No task has been settled yet.</p>
        : sorted.length === 1
        ? <p>The first task took {durationText(sorted[0])}.</p>
        : (
          <p>
            Of the newest {countText(sorted.length)} tasks{" "}
            <span class="failed">{failed} failed</span>; half took up to{" "}
            {durationText(sorted[Math.floor((sorted.length - 1) / 2)])}, the longest{" "}
            {durationText(sorted[sorted.length - 1])}.
          </p>
        )}
      <div id="chart" aria-hidden="true"></div>
      <script type="application/json" id="points">{raw(pointsOf(durations))}</script>
    </section>
  );
}

/**
 * The chart's points as JSON, in columns. Numbers and times are differences to the one before, so
 * that they are short; `failed` is 0 for a success, or a reason's number in `REASONS` from 1.
 */
function pointsOf(durations: StatusView["durations"]): string {
  const points = durations.toSorted((a, b) => a.settledMs - b.settledMs);
  return JSON.stringify({
    seqno: differences(points.map(({ seqno }) => seqno)),
    settledMs: differences(points.map((point) => Math.round(point.settledMs))),
    ms: points.map(({ seconds }) => Number((seconds * 1e3).toPrecision(3))),
    failed: points.map(({ reason }) => reason === null ? 0 : REASONS.indexOf(reason) + 1),
  });
}

function differences(values: number[]): number[] {
  return values.map((value, i) => value - (values[i - 1] ?? 0));
}

/** How many tracked tasks have failed, and why. */
export function Failures({ status }: { status: StatusView }) {
  const { failures, query } = status;
  const most = Math.max(1, ...failures.map(([, count]) => count));
  return (
    <section aria-labelledby="failures">
      <h2 id="failures">
        Failures by reason <Scope status={status} />
      </h2>
      {failures.length === 0 ? <p>No tracked task has failed.</p> : (
        <ul class="failures">
          {failures.map(([reason, count]) => (
            <li>
              <a
                href={`${href(query, { state: "FAILED", reason, before: undefined })}#tasks`}
                title={REASON_DEFINITIONS[reason].meaning}
              >
                {reason}
              </a>
              <b>{countText(count)}</b>
              <svg class="bar" aria-hidden="true">
                <rect width={percent(count / most * 100)} />
              </svg>
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}

/** How well the probe keeps its own schedule. */
export function Schedule({ status }: { status: StatusView }) {
  const { schedule, stalledLoops, nowMs, startedMs } = status;
  const { slots, skipped, lastLagMs, worstLagMs } = schedule;
  const lag = (ms: number | null) => ms === null ? "–" : durationText(ms / 1e3);
  return (
    <section aria-labelledby="schedule">
      <h2 id="schedule">Schedule</h2>
      <dl class="facts">
        <Fact name="A task for each dataset">every {status.taskIntervalSeconds} s</Fact>
        <Fact name="Running for">{spanText(nowMs - startedMs)}</Fact>
        <Fact name="Loops" bad={stalledLoops.length > 0}>
          {stalledLoops.length > 0 ? `stalled: ${stalledLoops.join(", ")}` : "all on time"}
        </Fact>
        <Fact name="Slots run">{countText(slots)}</Fact>
        <Fact name="Skipped, probe held up" bad={skipped.late > 0}>
          {countText(skipped.late)}
        </Fact>
        <Fact name="Skipped, too many in flight" bad={skipped.in_flight > 0}>
          {countText(skipped.in_flight)}
        </Fact>
        <Fact name="Last slot late by">{lag(lastLagMs)}</Fact>
        <Fact name="Worst in 1 h">{lag(worstLagMs)}</Fact>
      </dl>
    </section>
  );
}
