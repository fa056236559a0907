import { platformText, REASON_DEFINITIONS } from "../../../core/reasons.ts";
import { type FailedTask, settledMs, type Task } from "../../../core/task.ts";
import { type Timeline, timelineOf, timelineSoFar } from "../../../core/timeline.ts";
import { escapeControlsInLines } from "../../../text/escape.ts";
import { formatTraceUrl } from "../../../text/format.ts";
import { href } from "../../links.ts";
import type { StatusView } from "../../view.ts";
import { durationText } from "../../words.ts";
import { Fact, StateOf, Time, Zone } from "../parts.tsx";
import { nameOf, Waterfall } from "./waterfall.tsx";

export function Detail({ view, seqno }: { view: StatusView; seqno: number }) {
  const { task, query } = view;
  return (
    <section id="detail" class="detail" aria-labelledby="detail-heading">
      <h3 id="detail-heading" tabindex={-1}>Task {seqno}</h3>
      <a class="close" href={`${href(query, { task: undefined })}#t${seqno}`}>Close</a>
      {task ? <TaskDetail task={task} view={view} /> : <p>This task is not tracked.</p>}
    </section>
  );
}

function TaskDetail({ task, view }: { task: Task; view: StatusView }) {
  const timeline = task.state === "PENDING"
    ? timelineSoFar(task, view.nowMonotonicMs)
    : timelineOf(task);
  return (
    <>
      <p class="outcome">
        <StateOf task={task} /> {task.state === "PENDING" ? "for" : "in"}{" "}
        <b>{durationText(timeline.durationSeconds)}</b>
        {task.state !== "PENDING" && task.attempts.length > 1 &&
          ` after ${task.attempts.length} attempts`}
      </p>
      {task.state === "FAILED" && <LastError task={task} environment={view.environment} />}
      {task.state === "PENDING" && <p>Now: {stepOf(timeline)}</p>}
      <h4>Where the time went</h4>
      <Waterfall timeline={timeline} />
      {task.state === "FAILED" && task.body !== null && (
        <>
          <h4>Start of the response body</h4>
          <pre tabindex={0} role="region" aria-label="Start of the response body">
            {escapeControlsInLines(task.body)}
          </pre>
        </>
      )}
      <Facts task={task} view={view} />
    </>
  );
}

/** What the last attempt failed with, in words. */
function LastError({ task, environment }: { task: FailedTask; environment: string | null }) {
  const { meaning, advice } = REASON_DEFINITIONS[task.reason];
  const status = task.attempts.at(-1)?.status ?? null;
  return (
    <dl class="error">
      <dt>Meaning</dt>
      <dd>{meaning}</dd>
      <dt>Message</dt>
      <dd>{task.message}</dd>
      {status !== null && (
        <>
          <dt>Status</dt>
          <dd>{status}</dd>
        </>
      )}
      <dt>What to do</dt>
      <dd>{advice(platformText(environment))}</dd>
    </dl>
  );
}

/** What a pending task does now, and for how long. */
function stepOf({ spans, isOpen }: Timeline): string {
  const last = spans.at(-1);
  if (!last || !isOpen) return "it has not begun";
  return `${nameOf(last)}, for ${durationText(last.endSeconds - last.startSeconds)}`;
}

function Facts({ task, view: { nowMs, traceUrl } }: { task: Task; view: StatusView }) {
  const settledAtMs = settledMs(task);
  const trace = <code>{task.traceId}</code>;
  return (
    <dl class="facts">
      <Fact name="Dataset">{task.datasetId}</Fact>
      <Fact name="Created">
        <Time ms={task.createdMs} nowMs={nowMs} exact /> <Zone />
      </Fact>
      {settledAtMs !== null && (
        <Fact name="Settled">
          <Time ms={settledAtMs} nowMs={nowMs} exact /> <Zone />
        </Fact>
      )}
      <Fact name="Trace id">
        {traceUrl === null
          ? trace
          : <a href={formatTraceUrl(traceUrl, task.traceId)} rel="noreferrer">{trace}</a>}
      </Fact>
    </dl>
  );
}
