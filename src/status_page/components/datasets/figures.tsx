import { settledMs } from "../../../core/task.ts";
import type { Durations } from "../../../probing/health.ts";
import type { DatasetView, StatusView } from "../../view.ts";
import { countText, ratioText, spanText, windowText } from "../../words.ts";
import { href } from "../../links.ts";
import { partlyKnownMs, totalOf } from "../../strips.ts";
import { cutMessage } from "../parts.tsx";
import { DAY } from "./strip.tsx";

const DAY_SECONDS = 86_400;

/** The share of tasks that succeeded, with the time that it covers. */
export type Share = { settled: number; succeeded: number; over: string };

/** The share of successes in the time that the strip of 24 hours knows. */
export function okInDay({ day }: DatasetView, nowMs: number): Share {
  const { settled, failed } = totalOf(day);
  const knownMs = partlyKnownMs(day, nowMs);
  const over = knownMs === null ? DAY.window : windowText(knownMs / 1e3);
  return { settled, succeeded: settled - failed, over };
}

/** The shares of successes, of ever longer times; those that say nothing more are left out. */
export function Shares({ dataset, nowMs }: { dataset: DatasetView; nowMs: number }) {
  const day = okInDay(dataset, nowMs);
  const shorter = dataset.ratios
    .filter(({ windowSeconds }) => windowSeconds < DAY_SECONDS)
    .map(({ settled, succeeded, coveredSeconds }) => (
      { settled, succeeded, over: windowText(coveredSeconds) }
    ));
  const shares = [...shorter, day].filter(({ settled }) => settled > 0);
  if (shares.length === 0) return null;
  return (
    <dl class="ratios" aria-label="Tasks that succeeded">
      {shares
        .filter(({ over }, i) => shares.findLastIndex((other) => other.over === over) === i)
        .map((share) => (
          <div>
            <dt>ok in {share.over}</dt>
            <dd title={`${countText(share.succeeded)} of ${countText(share.settled)} tasks`}>
              {ratioText(share)}
            </dd>
          </div>
        ))}
    </dl>
  );
}

/** For how long quantiles look back, to the first success that they are about, seconds. */
export function lookBackSeconds({ sinceMs }: Durations, nowMs: number): number {
  return (nowMs - sinceMs) / 1e3;
}

/** The last failure in words, with how long ago it settled; links to the task. */
export function LastError(
  { dataset: { lastFailure }, view: { query, nowMs }, isWhole = false }: {
    dataset: DatasetView;
    view: StatusView;
    /** Shows all of the message. */
    isWhole?: boolean;
  },
) {
  if (!lastFailure) return null;
  const { seqno, reason, message } = lastFailure;
  const agoMs = nowMs - settledMs(lastFailure);
  return (
    <>
      <a href={`${href(query, { task: seqno })}#detail`}>
        <b class="reason">{reason}</b> {isWhole ? spanText(agoMs) : windowText(agoMs / 1e3)} ago
      </a>{" "}
      <span class="message">{isWhole ? message : cutMessage(message)}</span>
    </>
  );
}
