import type { Task } from "../../core/task.ts";
import { href } from "../links.ts";
import type { StatusView } from "../view.ts";
import { countText, durationText, spanText } from "../words.ts";
import { Failures } from "./failures.tsx";
import { Filters } from "./filters.tsx";
import { Scope, shortId, StateOf, Time, Zone } from "./parts.tsx";
import { Detail } from "./task/detail.tsx";

/** The tracked tasks that match the query, and the details of one. */
export function Tasks({ view }: { view: StatusView }) {
  const { tasks, tracked, next, query, datasetIds } = view;
  const several = datasetIds.length > 1 && query.datasetId === undefined;
  return (
    <section id="tasks" aria-labelledby="tasks-heading">
      <h2 id="tasks-heading">
        Tasks{" "}
        <small>
          tracked: {countText(tracked.PENDING)} pending, {countText(tracked.SUCCEEDED)} succeeded,
          {" "}
          {countText(tracked.FAILED)} failed
        </small>{" "}
        <Scope view={view} />
      </h2>
      <div class="under">
        <Filters view={view} />
        <Failures view={view} />
      </div>
      <div class={query.task === undefined ? undefined : "beside"}>
        {query.task !== undefined && <Detail view={view} seqno={query.task} />}
        <div>
          {tasks.length === 0
            ? (
              <p>
                {next === null
                  ? "No tracked task matches."
                  : "No match so far: go on with older tasks."}
              </p>
            )
            : (
              <table class={several ? "tasks several" : "tasks"}>
                <caption class="unseen">
                  Tracked tasks, newest first; each number links to the task's details
                </caption>
                <thead>
                  <tr>
                    <th scope="col">#</th>
                    {several && <th scope="col">Dataset</th>}
                    <th scope="col">State</th>
                    <th scope="col">
                      Created <Zone />
                    </th>
                    <th scope="col">Duration</th>
                    <th scope="col">Attempts</th>
                  </tr>
                </thead>
                <tbody>
                  {tasks.map((task) => <Row task={task} several={several} view={view} />)}
                </tbody>
              </table>
            )}
          {next === null && <Beginning view={view} />}
          <nav class="pager" aria-label="Result pages of tasks">
            {query.before !== undefined && (
              <a href={`${href(query, { before: undefined, after: undefined })}#tasks`}>← Newest</a>
            )}
            {next !== null && (
              <a href={`${href(query, { before: next })}#tasks`} rel="next">Older →</a>
            )}
          </nav>
        </div>
      </div>
    </section>
  );
}

/** Where the tasks end for a reader who comes from an alert, which outlives a process. */
function Beginning({ view: { untilMs, startedMs, nowMs } }: { view: StatusView }) {
  if (untilMs === null) return null;
  return (
    <p>
      The probe started at <Time ms={startedMs} nowMs={nowMs} /> <Zone />
      {untilMs < startedMs && ", after the time of this link"}. It has no tasks of earlier
      processes.
    </p>
  );
}

function Row(
  { task, several, view: { query, nowMs, nowMonotonicMs } }: {
    task: Task;
    several: boolean;
    view: StatusView;
  },
) {
  const { seqno, datasetId, createdMs } = task;
  return (
    <tr id={`t${seqno}`} class={seqno === query.task ? "chosen" : undefined}>
      <td>
        <a href={`${href(query, { task: seqno })}#detail`}>{seqno}</a>
      </td>
      {several && <td>{shortId(datasetId)}</td>}
      <td>
        <StateOf task={task} />
      </td>
      <td>
        <Time ms={createdMs} nowMs={nowMs} />
      </td>
      <td>
        {task.state === "PENDING"
          ? `${spanText(nowMonotonicMs - task.createdMonotonicMs)} …`
          : durationText(task.durationSeconds)}
      </td>
      <td>{task.state === "PENDING" ? null : task.attempts.length}</td>
    </tr>
  );
}
