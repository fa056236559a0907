import { Chart } from "./components/chart.tsx";
import { datasetParts } from "./components/datasets/datasets.tsx";
import { Incidents } from "./components/incidents.tsx";
import { Time, Zone } from "./components/parts.tsx";
import { Schedule } from "./components/schedule.tsx";
import { Tasks } from "./components/tasks.tsx";
import { iconOf } from "./components/tone.ts";
import { Verdict, verdictOf } from "./components/verdict.tsx";
import { compactParts } from "./compact.ts";
import { script, style } from "./files.ts";
import { part, type Parts } from "./parts.ts";
import type { StatusView } from "./view.ts";

/**
 * The page as one HTML document, which is complete without a script and loads nothing else.
 * `minimal` leaves out script and style, for a browser that has them. A part takes a few milliseconds
 * at most, even when its code runs for the first time.
 */
export function* pageParts(view: StatusView, { minimal = false } = {}): Parts<string> {
  const sections = {
    verdict: yield* part(<Verdict view={view} />),
    datasets: yield* datasetParts(view),
    incidents: yield* part(<Incidents view={view} />),
    chart: yield* part(<Chart view={view} />),
    tasks: yield* part(<Tasks view={view} />),
    schedule: yield* part(<Schedule view={view} />),
  };
  const verdict = verdictOf(view);
  const icon = iconOf(verdict.tone);
  const page = yield* part(
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <title>
          {[verdict.short, view.environment, "dataplatform-probe"].filter(Boolean).join(" · ")}
        </title>
        <link rel="icon" href={icon} />
        {minimal || <style></style>}
      </head>
      <body data-version={view.version}>
        <a class="skip" href="#tasks">Skip to the tasks</a>
        <header>
          <b>dataplatform-probe</b>
          {view.environment && <b class={`environment ${view.environment}`}>{view.environment}</b>}
          <p class="where">
            {view.datasetIds.length === 1 ? `${view.apiUrl}/${view.datasetIds[0]}` : (
              `${view.datasetIds.length} datasets at ${view.apiUrl}`
            )}
          </p>
          {view.dashboardUrl !== null && (
            <a id="dashboard" href={view.dashboardUrl} rel="noreferrer">Dashboard</a>
          )}
          <p id="live" role="status">
            As of <Time ms={view.nowMs} /> <Zone />; reload to update
          </p>
        </header>
        <p id="announcement" role="status" class="unseen"></p>
        <main data-now={view.nowMs}>
          {sections.verdict}
          {sections.datasets}
          <div class={view.incidents.length > 0 ? "columns" : "columns calm"}>
            {sections.incidents}
            {sections.chart}
          </div>
          {sections.tasks}
          {sections.schedule}
        </main>
        <footer>
          dataplatform-probe {view.version} · app_id {view.appId} · <a href="metrics">metrics</a> ·
          {" "}
          <a href="tasks">tasks as JSON</a>
        </footer>
        {minimal || <script></script>}
      </body>
    </html>,
  );
  // Neither is HTML that could be made shorter.
  return `<!DOCTYPE html>${yield* compactParts(`${page}`)}`
    .replace("<style></style>", () => `<style>${style}</style>`)
    .replace(/<script><\/script>(?=<\/body>)/, () => `<script>${script}</script>`);
}
