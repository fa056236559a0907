/** The parts that several components share. */
import type { Child } from "hono/jsx";
import type { FailedTask, State, Task } from "../../core/task.ts";
import { escapeControls } from "../../text/escape.ts";
import { href } from "../links.ts";
import type { StatusView } from "../view.ts";
import { countText } from "../words.ts";
import type { Tone } from "./tone.ts";

/** Bytes of a message in a list, as HTML, which keeps the page small. */
const MAX_CUT_BYTES = 64;

/** The icon of a state, which the style sheet draws. */
export function Icon({ tone }: { tone: Tone }) {
  return <i class={tone}></i>;
}

/** Why a task failed. */
export function Reason({ of }: { of: FailedTask }) {
  return <b class="reason">{of.reason}</b>;
}

/** Reasons beyond these are counted together. */
const MAX_REASONS = 3;

/** The most frequent reasons with their counts; `children` draws a reason. */
export function ReasonCounts({ reasons, children: draw }: {
  reasons: readonly (readonly [string, number])[];
  children: (reason: string) => Child;
}) {
  const others = reasons.slice(MAX_REASONS).reduce((sum, [, count]) => sum + count, 0);
  return (
    <>
      {reasons.slice(0, MAX_REASONS).map(([reason, count], i) => (
        <>
          {i > 0 && ", "}
          {draw(reason)} {countText(count)}
        </>
      ))}
      {others > 0 && `, others ${countText(others)}`}
    </>
  );
}

const STATE_TONES: Record<State, Tone> = {
  PENDING: "starting",
  SUCCEEDED: "ok",
  FAILED: "failing",
};

export function StateOf({ task }: { task: Task }) {
  return (
    <>
      <Icon tone={STATE_TONES[task.state]} /> {task.state.toLowerCase()}
      {task.state === "FAILED" && <Reason of={task} />}
    </>
  );
}

/** An ID, shortened in the middle when it is longer than people choose. */
export function shortId(id: string): string {
  const text = escapeControls(id);
  return text.length > 40 ? `${text.slice(0, 24)}…${text.slice(-12)}` : text;
}

/** The cause of a failure. */
export function Message({ of: { message } }: { of: FailedTask }) {
  return <p class="message">{message}</p>;
}

/** A message as a list has room for it; the details of the task have the whole of it. */
export function cutMessage(message: string): string {
  let [bytes, cut] = [0, ""];
  for (const character of message) {
    bytes += /[<>&"']/.test(character) ? 6 : new TextEncoder().encode(character).length;
    if (bytes > MAX_CUT_BYTES) return `${cut}…`;
    cut += character;
  }
  return cut;
}

/** One line of a list of facts; `bad` highlights it. */
export function Fact(
  { name, bad = false, children }: { name: string; bad?: boolean; children?: Child },
) {
  return (
    <div class={bad ? "bad" : undefined}>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

/** Says whether figures are those of all datasets or of one. */
export function Scope({ view: { datasetIds, query } }: { view: StatusView }) {
  if (datasetIds.length === 1) return null;
  const { datasetId } = query;
  return (
    <small>
      {datasetId === undefined ? "of all datasets" : (
        <>
          of {shortId(datasetId)}{" "}
          <a href={href(query, { datasetId: undefined })}>show all datasets</a>
        </>
      )}
    </small>
  );
}

export function percent(value: number): string {
  return `${Math.round(value * 10) / 10}%`;
}

/**
 * A time in UTC, which the script converts to the reader's zone; with the date when that is not the
 * date of `nowMs`. `exact` adds milliseconds.
 */
export function Time(
  { ms, nowMs = ms, exact = false }: { ms: number; nowMs?: number; exact?: boolean },
) {
  const iso = new Date(ms).toISOString();
  const sameDay = iso.slice(0, 10) === new Date(nowMs).toISOString().slice(0, 10);
  const time = iso.slice(11, exact ? 23 : 19);
  return (
    <time datetime={exact ? iso : `${iso.slice(0, 19)}Z`}>
      {sameDay ? time : `${iso.slice(0, 10)} ${time}`}
    </time>
  );
}

/** The zone of a time beside it, or of a column of times below it. */
export function Zone() {
  return <span class="zone">UTC</span>;
}
