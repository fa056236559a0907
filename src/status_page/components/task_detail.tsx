import { REASON_DEFINITIONS } from "../../core/reasons.ts";
import { settledMs, type Task } from "../../core/task.ts";
import { escapeControlsInLines } from "../../text/escape.ts";
import { href } from "../links.ts";
import type { StatusView } from "../view.ts";
import { durationText } from "../words.ts";
import { Fact, StateOf, Time, Zone } from "./parts.tsx";
import { PhaseList } from "./phases.tsx";

export function Detail({ view, seqno }: { view: StatusView; seqno: number }) {
  const { task, query } = view;
  return (
    <section id="detail" class="detail" aria-labelledby="detail-heading">
      <h3 id="detail-heading" tabindex={-1}>Task {seqno}</h3>
      <a class="close" href={`${href(query, { task: undefined })}#t${seqno}`}>Close</a>
      {task ? <TaskFacts task={task} nowMs={view.nowMs} /> : <p>This task is not tracked.</p>}
    </section>
  );
}

function TaskFacts({ task, nowMs }: { task: Task; nowMs: number }) {
  const settledAtMs = settledMs(task);
  const settled = task.state === "PENDING" ? null : task;
  return (
    <>
      <dl class="facts">
        <Fact name="State">
          <StateOf task={task} />
        </Fact>
        {task.state === "FAILED" && (
          <>
            <Fact name="Meaning">{REASON_DEFINITIONS[task.reason].meaning}</Fact>
            <Fact name="Message">{task.message}</Fact>
          </>
        )}
        <Fact name="Dataset">{task.datasetId}</Fact>
        <Fact name="Created">
          <Time ms={task.createdMs} nowMs={nowMs} exact /> <Zone />
        </Fact>
        {settledAtMs !== null && (
          <Fact name="Settled">
            <Time ms={settledAtMs} nowMs={nowMs} exact /> <Zone />
          </Fact>
        )}
        {settled && <Fact name="Duration">{durationText(settled.durationSeconds)}</Fact>}
        <Fact name="Trace id">
          <code>{task.traceId}</code>
        </Fact>
      </dl>
      {settled && (
        <>
          <h4>Attempts</h4>
          {settled.attempts.length === 0 ? <p>No attempt was made.</p> : (
            <ol class="attempts">
              {settled.attempts.map(({ status, reason, durationSeconds }) => (
                <li>
                  {reason ?? "ok"}, {status === null ? "no status" : `status ${status}`},{" "}
                  {durationText(durationSeconds)}
                </li>
              ))}
            </ol>
          )}
          <h4>Phases of the last attempt</h4>
          <PhaseList phases={settled.phases} />
        </>
      )}
      {task.state === "FAILED" && task.body !== null && (
        <>
          <h4>Start of the response body</h4>
          <pre tabindex={0} role="region" aria-label="Start of the response body">
            {escapeControlsInLines(task.body)}
          </pre>
        </>
      )}
    </>
  );
}
