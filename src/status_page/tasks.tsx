import type { Health } from "../probing/health.ts";
import { escapeControlsInLines } from "../text/escape.ts";
import { countText, durationText, spanText } from "./words.ts";
import type { StatusQuery, StatusView } from "./view.ts";
import { settledMs, type State, STATES, type Task } from "../core/task.ts";
import { REASON_DEFINITIONS, REASONS } from "../core/reasons.ts";
import { Fact, href, Icon, PhaseList, Reason, shortId, Time, Zone } from "./parts.tsx";

/** More dataset IDs than this, in characters, are too much for a list: they are typed. */
const MAX_LIST_LENGTH = 1_000;

/** The tracked tasks that fit the query, and the detail of one. */
export function Tasks({ status }: { status: StatusView }) {
  const { tasks, tracked, next, query, datasetIds, nowMs } = status;
  const several = datasetIds.length > 1 && query.datasetId === undefined;
  return (
    <section id="tasks" aria-labelledby="tasks-heading">
      <h2 id="tasks-heading">
        Tasks{" "}
        <small>
          {countText(tracked.PENDING)} pending, {countText(tracked.SUCCEEDED)} succeeded,{" "}
          {countText(tracked.FAILED)} failed are tracked
        </small>
      </h2>
      <Filters status={status} />
      <div class={query.task === undefined ? undefined : "beside"}>
        {query.task !== undefined && <Detail status={status} seqno={query.task} />}
        <div>
          {tasks.length === 0
            ? (
              <p>
                {next === null ? "No tracked task fits." : "None among those looked at so far."}
              </p>
            )
            : (
              <table class={several ? "several" : undefined}>
                <caption class="unseen">
                  Tracked tasks, newest first; each number leads to the task's detail
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
                  {tasks.map((task) => (
                    <Row task={task} several={several} query={query} nowMs={nowMs} />
                  ))}
                </tbody>
              </table>
            )}
          <nav class="pager" aria-label="Pages of tasks">
            {query.before !== undefined && (
              <a href={`${href(query, { before: undefined })}#tasks`}>← Newest</a>
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

const STATE_TONES: Record<State, Health> = {
  PENDING: "starting",
  SUCCEEDED: "ok",
  FAILED: "failing",
};

function StateOf({ task }: { task: Task }) {
  return (
    <>
      <Icon tone={STATE_TONES[task.state]} /> {task.state.toLowerCase()}
      {task.state === "FAILED" && <Reason of={task} />}
    </>
  );
}

function Row(
  { task, several, query, nowMs }: {
    task: Task;
    several: boolean;
    query: StatusQuery;
    nowMs: number;
  },
) {
  const { seqno, datasetId, createdMs } = task;
  const settled = task.state === "PENDING" ? null : task;
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
        {settled ? durationText(settled.durationSeconds) : `${spanText(nowMs - createdMs)} …`}
      </td>
      <td>{settled?.attempts.length}</td>
    </tr>
  );
}

/** A plain form: it works without the script, which only sends it sooner. */
function Filters({ status }: { status: StatusView }) {
  const { query, datasetIds } = status;
  const { state, datasetId, reason } = query;
  const isFiltered = [state, datasetId, reason, query.before].some((value) => value !== undefined);
  return (
    <form
      method="get"
      id="filters"
      role="search"
      aria-label="Filter the tasks"
      autocomplete="off"
    >
      <Choice label="State" name="state" chosen={state?.toLowerCase()} values={lowerStates} />
      {datasetIds.length > 1 && (
        <Choice
          label="Dataset"
          name="dataset_id"
          chosen={datasetId}
          values={datasetIds.join().length <= MAX_LIST_LENGTH ? datasetIds : undefined}
        />
      )}
      <Choice label="Reason" name="reason" chosen={reason} values={REASONS} />
      {query.page > 1 && <input type="hidden" name="page" value={String(query.page)} />}
      <button type="submit">Show</button>
      {isFiltered && <a href={`${href({ page: query.page })}#tasks`}>Show all</a>}
    </form>
  );
}

const lowerStates = STATES.map((state) => state.toLowerCase());

/** A value to choose, or to type where nothing is said of what there is to choose from. */
function Choice(
  { label, name, chosen, values }: {
    label: string;
    name: string;
    chosen?: string;
    values?: readonly string[];
  },
) {
  return (
    <span>
      <label for={name}>{label}</label> {values
        ? (
          <select id={name} name={name}>
            <option value="">any</option>
            {values.map((value) => <option selected={value === chosen}>{value}</option>)}
          </select>
        )
        : <input id={name} name={name} value={chosen} autocomplete="off" spellcheck={false} />}
    </span>
  );
}

function Detail({ status, seqno }: { status: StatusView; seqno: number }) {
  const { task, query } = status;
  return (
    <section id="detail" class="detail" aria-labelledby="detail-heading">
      <h3 id="detail-heading" tabindex={-1}>Task {seqno}</h3>
      <a class="close" href={`${href(query, { task: undefined })}#t${seqno}`}>Close</a>
      {task ? <TaskFacts task={task} nowMs={status.nowMs} /> : <p>This task is not tracked.</p>}
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
          <Fact name="That is">{REASON_DEFINITIONS[task.reason].meaning}</Fact>
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
          {settled.attempts.length === 0 ? <p>None was made.</p> : (
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
          <h4>Start of the answer's body</h4>
          <pre tabindex={0} role="region" aria-label="Start of the answer's body">
            {escapeControlsInLines(task.body)}
          </pre>
        </>
      )}
    </>
  );
}
