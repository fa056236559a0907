import { type Attempt, PHASES, type Phases, type Wait } from "../../../core/task.ts";
import { phaseSpansOf, type Span, type Timeline } from "../../../core/timeline.ts";
import { durationText } from "../../words.ts";
import { percent } from "../parts.tsx";
import { Key } from "../phases.tsx";
import { ticksOf } from "./scale.ts";

/** What is shorter than both would be no more than a line without a width. */
const MIN_SHARE = 0.005;
const MIN_SECONDS = 0.005;

/** What is shorter is written as 0 ms. */
const ZERO_SECONDS = 0.000_05;

/** A bar of less than this share of the scale could not be seen. */
const MIN_WIDTH_PERCENT = 0.3;

const WAIT_WORDS: Record<Wait, string> = { backoff: "back-off", retry_after: "Retry-After" };

/**
 * Where the time of a task went: a row for each token, wait and attempt, each with a bar on one scale,
 * which begins at 0 and ends with the task's duration. The text of a row says what its bar shows.
 */
export function Waterfall({ timeline }: { timeline: Timeline }) {
  const { durationSeconds, spans, isOpen } = timeline;
  if (spans.length === 0) return <p>No attempt was made.</p>;
  const ticks = ticksOf(durationSeconds);
  const shown = spans.filter((span) => isShown(span, durationSeconds));
  const phases = PHASES.filter((phase) =>
    shown.some(({ what, attempt }) =>
      phase === "token" ? what === phase : (attempt?.phases[phase] ?? 0) >= ZERO_SECONDS
    )
  );
  const position: Position = (seconds, minPercent = 0) =>
    percent(Math.max(minPercent, 100 * seconds / (durationSeconds || 1)));
  return (
    <div class="waterfall">
      <svg class="scale" aria-hidden="true">
        <defs>
          <g id="ticks">
            {ticks.map((tick) => <rect x={position(tick)} width="1" height="100%" />)}
          </g>
        </defs>
        <text y="1em">0</text>
        {ticks.map((tick) => <text class="tick" x={position(tick)} y="1em">{tickText(tick)}</text>)}
        <text class="end" x="100%" y="1em">{durationText(durationSeconds)}</text>
      </svg>
      <ol>
        {shown.map((span) => (
          <Row span={span} position={position} isOpen={isOpen && span === spans.at(-1)} />
        ))}
      </ol>
      <p class="keys" aria-hidden="true">
        {phases.map((phase) => (
          <span>
            <Key phase={phase} />
          </span>
        ))}
      </p>
    </div>
  );
}

/** A token that is cached has no row: it takes a fraction of a millisecond. */
function isShown({ what, startSeconds, endSeconds }: Span, durationSeconds: number): boolean {
  const seconds = endSeconds - startSeconds;
  const isLong = seconds >= MIN_SECONDS || seconds >= MIN_SHARE * durationSeconds;
  return isLong || what === "attempt" || what === "wait";
}

/** A length on the scale, at least of `minPercent`. */
type Position = (seconds: number, minPercent?: number) => string;

function Row({ span, position, isOpen }: { span: Span; position: Position; isOpen: boolean }) {
  const { what, attempt, startSeconds, endSeconds } = span;
  const seconds = endSeconds - startSeconds;
  return (
    <li class={attempt?.reason ? "failed" : undefined}>
      <p>
        <span>
          <b>{nameOf(span)}</b>: {attempt && `${resultOf(attempt)} after `}
          {durationText(seconds)}
          {isOpen && " so far"}
        </span>{" "}
        <small>began at {durationText(startSeconds)}</small>
      </p>
      <svg class="bar">
        <use href="#ticks" />
        <rect
          class={what}
          x={position(startSeconds)}
          width={position(seconds, MIN_WIDTH_PERCENT)}
        />
        {phaseSpansOf(attempt?.phases ?? {}).map(({ phase, ...at }) => {
          const width = position(at.endSeconds - at.startSeconds);
          // Too narrow to be seen: the attempt's own bar is below it.
          if (parseFloat(width) < MIN_WIDTH_PERCENT) return null;
          return <rect class={phase} x={position(startSeconds + at.startSeconds)} width={width} />;
        })}
      </svg>
      {attempt && <PhaseTexts phases={attempt.phases} />}
    </li>
  );
}

/** The phases that took long enough for a figure. */
function PhaseTexts({ phases }: { phases: Phases }) {
  const texts = phaseSpansOf(phases).flatMap(({ phase, startSeconds, endSeconds }) => {
    const seconds = endSeconds - startSeconds;
    return seconds < ZERO_SECONDS ? [] : [`${phase} ${durationText(seconds)}`];
  });
  return texts.length === 0 ? null : <small>{texts.join(", ")}</small>;
}

/** What a span is called. */
export function nameOf({ what, wait, number }: Pick<Span, "what" | "wait" | "number">): string {
  switch (what) {
    case "attempt":
      return `attempt ${number}`;
    case "wait":
      return wait ? `wait (${WAIT_WORDS[wait]})` : "wait";
    case "probe":
      return "the probe itself";
    case "token":
      return "token";
  }
}

/** The status says more than the reason, but for one of a response that was no success. */
function resultOf({ status, reason }: Attempt): string {
  if (reason === null) return `ok, status ${status}`;
  if (status === null) return reason;
  return status === 200 ? `${reason}, status 200` : `status ${status}`;
}

/** A round number in the unit that suits it, without zeros at its end. */
function tickText(seconds: number): string {
  return seconds < 1
    ? `${Number((seconds * 1e3).toPrecision(6))}\u00a0ms`
    : `${Number(seconds.toPrecision(6))}\u00a0s`;
}
