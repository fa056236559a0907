/** What several parts of the status page are made of. */
import type { Child } from "hono/jsx";
import type { Health, Ratio } from "../probing/health.ts";
import { escapeControls } from "../text/escape.ts";
import { countText, durationText, ratioText } from "./words.ts";
import type { StatusQuery, StatusView } from "./view.ts";
import { type FailedTask, type Phase, PHASES, type Phases } from "../core/task.ts";

/** The shape as an icon beside words; the style draws it. */
export function Icon({ tone }: { tone: Health }) {
  return <i class={tone}></i>;
}

/** Why a task failed, in the reason's own word. */
export function Reason({ of }: { of: FailedTask }) {
  return <b class="reason">{of.reason}</b>;
}

/** An ID as far as it fits beside others; those that people give are shorter. */
export function shortId(id: string): string {
  const text = escapeControls(id);
  return text.length > 40 ? `${text.slice(0, 24)}…${text.slice(-12)}` : text;
}

/** One line of a list of facts; `bad` ones stand out. */
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

/** The shares of tasks that succeeded, as large figures. */
export function Ratios({ ratios }: { ratios: Ratio[] }) {
  return (
    <dl class="ratios" aria-label="Tasks that succeeded">
      {ratios.map((ratio) => (
        <div>
          <dt>ok in {ratio.window}</dt>
          <dd title={`${countText(ratio.succeeded)} of ${countText(ratio.settled)} tasks`}>
            {ratioText(ratio)}
          </dd>
        </div>
      ))}
    </dl>
  );
}

/** Whether figures are of all datasets or of one. */
export function Scope({ status: { datasetIds, query } }: { status: StatusView }) {
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

/** The phases with their lengths, as a bar and in words. */
export function PhaseList({ phases }: { phases: Phases }) {
  const reached = PHASES.filter((phase) => phases[phase] !== undefined);
  if (reached.length === 0) return <p>No phase was reached.</p>;
  return (
    <div class="phases">
      <Bar phases={phases} />
      <dl>
        {reached.map((phase) => (
          <div>
            <dt>
              <Key phase={phase} />
            </dt>
            <dd>{durationText(phases[phase] ?? 0)}</dd>
          </div>
        ))}
      </dl>
    </div>
  );
}

/** What a colour of the bars means. */
export function Key({ phase }: { phase: Phase }) {
  return (
    <>
      <svg class="key" aria-hidden="true">
        <rect class={phase} />
      </svg>
      {phase}
    </>
  );
}

/**
 * A bar as wide as there is room, in which each phase has its share. Each is drawn from the left
 * edge to its end, the last one first, so that the earlier ones lie on it.
 */
export function Bar({ phases }: { phases: Phases }) {
  const whole = Object.values(phases).reduce((sum, seconds) => sum + seconds, 0);
  let end = 0;
  const ends = PHASES.flatMap((phase) => {
    const share = 100 * (phases[phase] ?? 0) / whole;
    end += share || 0;
    return share >= MIN_SHARE_PERCENT ? [{ phase, end }] : [];
  });
  return (
    <svg class="bar">
      {ends.reverse().map(({ phase, end }) => <rect class={phase} width={percent(end)} />)}
    </svg>
  );
}

/** What is shorter cannot be seen, percent. */
const MIN_SHARE_PERCENT = 0.5;

export function percent(value: number): string {
  return `${Math.round(value * 10) / 10}%`;
}

/**
 * A moment in UTC, which the script turns into the reader's zone; with its day where that is not
 * the one of `nowMs`.
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

/** Stands beside a time, or at the head of a column of them. */
export function Zone() {
  return <span class="zone">UTC</span>;
}

/**
 * The page's address with this query, but for what is changed in it. It has no path, since a proxy
 * may have put one before it.
 */
export function href(query: StatusQuery, changes: Partial<StatusQuery> = {}): string {
  const { state, datasetId, reason, before, task, page } = { ...query, ...changes };
  const fields: [string, string | number | undefined][] = [
    ["state", state?.toLowerCase()],
    ["dataset_id", datasetId],
    ["reason", reason],
    ["before", before],
    ["task", task],
    ["page", page > 1 ? page : undefined],
  ];
  const given = fields.flatMap(([name, value]) => value === undefined ? [] : [[name, `${value}`]]);
  return `?${new URLSearchParams(given)}`;
}
