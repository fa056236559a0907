import { createHash } from "node:crypto";
import { Chart } from "./components/chart.tsx";
import { Datasets } from "./components/datasets/datasets.tsx";
import { Incidents } from "./components/incidents.tsx";
import { Time, Zone } from "./components/parts.tsx";
import { Schedule } from "./components/schedule.tsx";
import { Tasks } from "./components/tasks.tsx";
import { iconOf } from "./components/tone.ts";
import { Verdict, verdictOf } from "./components/verdict.tsx";
import { compactHtml } from "./compact.ts";
import script from "./generated/client.js" with { type: "text" };
import style from "./generated/page.min.css" with { type: "text" };
import type { StatusView } from "./view.ts";

/**
 * The page as one HTML document, which is complete without a script and loads nothing else.
 * `minimal` leaves out script and style, for a browser that has them.
 */
export function statusPage(view: StatusView, { minimal = false } = {}): string {
  const verdict = verdictOf(view);
  const icon = iconOf(verdict.tone);
  const page = (
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
          <Verdict view={view} />
          <Datasets view={view} />
          <div class={view.incidents.length > 0 ? "columns" : "columns calm"}>
            <Incidents view={view} />
            <Chart view={view} />
          </div>
          <Tasks view={view} />
          <Schedule view={view} />
        </main>
        <footer>
          dataplatform-probe {view.version} · app_id {view.appId} · <a href="metrics">metrics</a> ·
          {" "}
          <a href="tasks">tasks as JSON</a>
        </footer>
        {minimal || <script></script>}
      </body>
    </html>
  );
  // Neither is HTML that could be made shorter.
  return `<!DOCTYPE html>${compactHtml(`${page}`)}`
    .replace("<style></style>", () => `<style>${style}</style>`)
    .replace(/<script><\/script>(?=<\/body>)/, () => `<script>${script}</script>`);
}

let policy: string | undefined;

/** The page's Content-Security-Policy: allows its own script and style, and no other host. */
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
