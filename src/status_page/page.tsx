import { raw } from "hono/html";
import { createHash } from "node:crypto";
import type { DatasetHistory, Health } from "../probing/health.ts";
import script from "./generated/client.js" with { type: "text" };
import style from "./generated/page.min.css" with { type: "text" };
import { countText, spanText } from "./words.ts";
import type { StatusView } from "./view.ts";
import { Datasets } from "./datasets.tsx";
import { Durations, Failures, Schedule } from "./figures.tsx";
import { Ratios, Time, Zone } from "./parts.tsx";
import { Tasks } from "./tasks.tsx";
import type { SettledTask } from "../core/task.ts";
import { type Reason, REASON_DEFINITIONS } from "../core/reasons.ts";

/** What a reader sees at a glance, in a colour and a shape. */
type Tone = Exclude<Health, "silent"> | "warning";

const COLORS: Record<Tone, string> = {
  ok: "#1a7f4b",
  failing: "#c8281e",
  starting: "#6b7280",
  warning: "#b45309",
};

/** Each tone has a shape of its own, for eyes that do not tell the colours apart. */
const SHAPES: Record<Tone, string> = {
  ok: '<circle cx="12" cy="12" r="11" stroke="none"/><path fill="none" d="m7 12.5 3.5 3.5L17 9"/>',
  failing:
    '<path d="M7.5 1h9L23 7.5v9L16.5 23h-9L1 16.5v-9z" stroke="none"/><path fill="none" d="m8 8 8 8m0-8-8 8"/>',
  starting: '<circle cx="12" cy="12" r="11" stroke="none"/><path fill="none" d="M12 6v6.5l4 2.5"/>',
  warning: '<path d="M12 1.5 23.5 22H.5z" stroke="none"/><path fill="none" d="M12 9v6m0 3v.5"/>',
};

const STROKE = 'stroke="#fff" stroke-width="2.6" stroke-linecap="round"';

/**
 * The page, complete: it asks for nothing more, and holds all that it knows without a script.
 * `minimal` leaves out script and style, for a browser that has them.
 */
export function statusPage(status: StatusView, { minimal = false } = {}): string {
  const verdict = verdictOf(status);
  const icon = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24">${
    drawing(verdict.tone)
  }</svg>`;
  const page = (
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <title>{`${verdict.short} · dataplatform-probe`}</title>
        <link rel="icon" href={`data:image/svg+xml,${encodeURIComponent(icon)}`} />
        {minimal || <style>{raw(style)}</style>}
      </head>
      <body data-version={status.version}>
        <a class="skip" href="#tasks">Skip to the tasks</a>
        <header>
          <b>dataplatform-probe</b>
          <p class="where">
            {status.datasetIds.length === 1 ? `${status.apiUrl}/${status.datasetIds[0]}` : (
              `${status.datasetIds.length} datasets at ${status.apiUrl}`
            )}
          </p>
          <p id="live" role="status">
            As of <Time ms={status.nowMs} /> <Zone />; reload for news
          </p>
        </header>
        <p id="news" role="status" class="unseen"></p>
        <main data-now={status.nowMs}>
          <Verdict status={status} />
          <Datasets status={status} />
          <div class="columns">
            <Durations status={status} />
            <Failures status={status} />
            <Schedule status={status} />
          </div>
          <Tasks status={status} />
        </main>
        <footer>
          dataplatform-probe {status.version} · app_id {status.appId} ·{" "}
          <a href="metrics">metrics</a> · <a href="tasks">tasks as JSON</a>
        </footer>
        {minimal || <script>{raw(script)}</script>}
      </body>
    </html>
  );
  return `<!DOCTYPE html>${page}`;
}

let policy: string | undefined;

/** The page's Content-Security-Policy: this script and this style, and no other host. */
export function pagePolicy(): string {
  return policy ??= [
    "default-src 'none'",
    `script-src '${hashOf(script)}'`,
    `style-src '${hashOf(style)}'`,
    "connect-src 'self'",
    "img-src 'self' data:",
    "base-uri 'none'",
    "form-action 'self'",
    "frame-ancestors 'none'",
  ].join("; ");
}

function hashOf(text: string): string {
  return `sha256-${createHash("sha256").update(text).digest("base64")}`;
}

function drawing(tone: Tone): string {
  return `<g fill="${COLORS[tone]}" ${STROKE}>${SHAPES[tone]}</g>`;
}

type Said = { tone: Tone; short: string; headline: string };

/** How it stands with everything, in one line. */
function verdictOf({ tally, datasetIds, stalledLoops, draining }: StatusView): Said {
  const { ok, failing, silent, starting } = tally;
  const all = datasetIds.length;
  const [only] = all === 1 ? datasetIds : [];
  const share = (count: number) => count === all ? `All ${all}` : `${count} of ${all}`;
  if (draining) return { tone: "warning", short: "Stopping", headline: "Stopping" };
  if (stalledLoops.length > 0) return { tone: "warning", short: "Stalled", headline: "Stalled" };
  if (failing > 0) {
    return {
      tone: "failing",
      short: `FAILING: ${only ?? share(failing)}`,
      headline: only ? "Failing" : `${share(failing)} failing`,
    };
  }
  if (silent > 0) {
    return {
      tone: "warning",
      short: `NO NEWS: ${only ?? share(silent)}`,
      headline: only ? "No news" : `No news: ${share(silent)}`,
    };
  }
  if (starting === all) return { tone: "starting", short: "Starting", headline: "Starting" };
  return {
    tone: "ok",
    short: `OK: ${only ?? share(ok)}`,
    headline: only ? "Working" : `${share(ok)} ok`,
  };
}

function Verdict({ status }: { status: StatusView }) {
  const { tone, headline } = verdictOf(status);
  const { datasets, datasetIds } = status;
  const only = datasetIds.length === 1 ? datasets[0] : undefined;
  return (
    <section class={`verdict ${tone}`} aria-labelledby="verdict">
      <svg class="shape" viewBox="0 0 24 24" aria-hidden="true">{raw(SHAPES[tone])}</svg>
      <div class="said">
        <h1 id="verdict">{headline}</h1>
        {status.draining && <p>The probe has been told to stop: it makes no new tasks.</p>}
        {status.stalledLoops.length > 0 && (
          <p>The probe's own schedule has stopped: {status.stalledLoops.join(", ")}.</p>
        )}
        {status.draining || status.stalledLoops.length > 0
          ? null
          : tone === "warning"
          ? <Silence status={status} />
          : only
          ? <Since dataset={only} nowMs={status.nowMs} />
          : <Several status={status} />}
        {only && tone === "failing" && <Why last={only.last} />}
      </div>
      {only && <Ratios ratios={only.ratios} />}
    </section>
  );
}

/** Since when a dataset is as it is. */
function Since({ dataset, nowMs }: { dataset: DatasetHistory; nowMs: number }) {
  const { health, sinceMs, lastSuccessMs } = dataset;
  if (health === "starting") return <p>No task has been settled yet</p>;
  return (
    <p>
      {"since "}
      <Time ms={sinceMs} nowMs={nowMs} /> <Zone /> ({spanText(nowMs - sinceMs)})
      {health === "failing" && lastSuccessMs === null && ", never seen working"}
    </p>
  );
}

/** Why the last task failed, if it did. */
function Why({ last }: { last: SettledTask | null }) {
  if (last?.state !== "FAILED") return null;
  return (
    <p class="why">
      <Meaning reason={last.reason} />
    </p>
  );
}

function Meaning({ reason }: { reason: Reason }) {
  return (
    <>
      <b>{reason}</b>: {REASON_DEFINITIONS[reason].meaning}
    </>
  );
}

/** What the headline does not say of several datasets. */
function Several({ status: { worst, tally, datasetIds, nowMs } }: { status: StatusView }) {
  const others = [
    ...tally.failing > 0 && tally.silent > 0 ? [`no news of ${tally.silent}`] : [],
    ...tally.starting > 0 ? [`${tally.starting} not known yet`] : [],
  ].join(", ");
  return (
    <>
      {worst && (
        <p>
          {"since "}
          <Time ms={worst.sinceMs} nowMs={nowMs} /> <Zone /> ({spanText(nowMs - worst.sinceMs)}
          {"), "}
          <Meaning reason={worst.reason} />
        </p>
      )}
      {others !== "" ? <p>{others}</p> : !worst && <p>{datasetIds.length} datasets are probed</p>}
    </>
  );
}

/** Since when nothing was heard of a dataset; the silent ones are the first of the first page. */
function Silence({ status: { datasets, tracked, nowMs } }: { status: StatusView }) {
  const silent = datasets.filter(({ health }) => health === "silent");
  const sinceMs = Math.min(...silent.map((dataset) => dataset.sinceMs));
  return (
    <p>
      {silent.length > 0 && (
        <>
          {"since "}
          <Time ms={sinceMs} nowMs={nowMs} /> <Zone /> ({spanText(nowMs - sinceMs)}
          {"), "}
        </>
      )}
      {tracked.PENDING === 1 ? "1 task waits" : `${countText(tracked.PENDING)} tasks wait`}
    </p>
  );
}
