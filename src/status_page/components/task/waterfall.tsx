import { type Attempt, PHASES, type Wait } from "../../../core/task.ts";
import { phaseSpansOf, type Span, type Timeline } from "../../../core/timeline.ts";
import { durationText } from "../../words.ts";
import { percent } from "../parts.tsx";
import { Key } from "../phases.tsx";
import { ticksOf } from "./scale.ts";

/** Less is shown as 0 ms. */
const MIN_SHOWN_SECONDS = 0.000_05;

const WAIT_WORDS: Record<Wait, string> = { backoff: "back-off", retry_after: "Retry-After" };

/**
 * Where the time of a task went: a row for each token, wait and attempt, each with a bar on one scale,
 * which begins at 0 and ends with the task's duration. The text of a row says what its bar shows.
 */
export function Waterfall({ timeline }: { timeline: Timeline }) {
  const { durationSeconds, spans, isOpen } = timeline;
  if (spans.length === 0) return <p>No attempt was made.</p>;
  const ticks = ticksOf(durationSeconds);
  const position = (seconds: number) => percent(100 * seconds / (durationSeconds || 1));
  return (
    <div class="waterfall">
      <svg class="scale" aria-hidden="true">
        <g id="ticks">
          {ticks.map((tick) => <rect x={position(tick)} width="1" height="100%" />)}
        </g>
        <text y="1em">0</text>
        {ticks.map((tick) => <text class="tick" x={position(tick)} y="1em">{tickText(tick)}</text>)}
        <text class="end" x="100%" y="1em">{durationText(durationSeconds)}</text>
      </svg>
      <ol>
        {spans.map((span, i) =>
          isShown(span) && (
            <Row span={span} position={position} isOpen={isOpen && i === spans.length - 1} />
          )
        )}
      </ol>
      <p class="keys" aria-hidden="true">
        {PHASES.filter((phase) => spans.some(({ attempt }) => attempt?.phases[phase])).map((
          phase,
        ) => (
          <span>
            <Key phase={phase} />
          </span>
        ))}
      </p>
    </div>
  );
}

/** A token that is cached takes some microseconds, which are less than any figure shows. */
function isShown({ what, startSeconds, endSeconds }: Span): boolean {
  return what === "attempt" || endSeconds - startSeconds >= MIN_SHOWN_SECONDS;
}

type Position = (seconds: number) => string;

function Row({ span, position, isOpen }: { span: Span; position: Position; isOpen: boolean }) {
  const { what, attempt, startSeconds, endSeconds } = span;
  const phases = phaseSpansOf(attempt?.phases ?? {});
  return (
    <li class={attempt?.reason ? "failed" : undefined}>
      <p>
        <span>
          <b>{nameOf(span)}</b>: {attempt && `${resultOf(attempt)} after `}
          {durationText(endSeconds - startSeconds)}
          {isOpen && " so far"}
        </span>{" "}
        <small>began at {durationText(startSeconds)}</small>
      </p>
      <svg class="bar" aria-hidden="true">
        <use href="#ticks" />
        <rect
          class={what}
          x={position(startSeconds)}
          width={position(endSeconds - startSeconds)}
        />
        {phases.map(({ phase, ...at }) => (
          <rect
            class={phase}
            x={position(startSeconds + at.startSeconds)}
            width={position(at.endSeconds - at.startSeconds)}
          />
        ))}
      </svg>
      {phases.length > 0 && (
        <p class="phases">
          {phases.map(({ phase, ...at }) =>
            `${phase} ${durationText(at.endSeconds - at.startSeconds)}`
          ).join(", ")}
        </p>
      )}
    </li>
  );
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

function resultOf({ status, reason }: Attempt): string {
  if (reason === null) return `ok, status ${status}`;
  return status === null ? `${reason}, no status` : `${reason}, status ${status}`;
}

/** A round number in the unit that suits it, without zeros at its end. */
function tickText(seconds: number): string {
  return seconds < 1
    ? `${Number((seconds * 1e3).toPrecision(6))}\u00a0ms`
    : `${Number(seconds.toPrecision(6))}\u00a0s`;
}
