/**
 * Receives the notifications of Alertmanager and shows them: a pager for one machine. `GET /` is for
 * people, `GET /alerts` for programs, newest first.
 */
import { type Context, Hono } from "hono";
import { html } from "hono/html";
import { z } from "zod";

/** How many notifications are kept. */
const MAX_NOTIFICATIONS = 100;

const texts = z.record(z.string(), z.string());

/** The fields of a notification that are shown; other fields are kept. */
const NOTIFICATION = z.looseObject({
  status: z.enum(["firing", "resolved"]),
  receiver: z.string(),
  groupLabels: texts,
  alerts: z.array(z.looseObject({
    status: z.enum(["firing", "resolved"]),
    labels: texts,
    annotations: texts,
    startsAt: z.string(),
    endsAt: z.string(),
  })),
});

/** A notification and when it arrived. */
export type Notification = z.infer<typeof NOTIFICATION> & { received: string };

type Alert = Notification["alerts"][number];

/** A receiver as a handler of requests, and its notifications, newest first. */
export function receiver() {
  let notifications: Notification[] = [];

  const app = new Hono();
  app.post("/", async (c) => {
    const { data, error } = NOTIFICATION.safeParse(await c.req.json().catch(() => undefined));
    if (error) return c.json({ message: "Not a notification", errors: z.flattenError(error) }, 400);
    const notification = { ...data, received: new Date().toISOString() };
    notifications = [notification, ...notifications].slice(0, MAX_NOTIFICATIONS);
    return c.json({ message: "Received" });
  });
  app.get("/alerts", (c) => c.json(notifications));
  app.get("/", (c) => {
    c.header("vary", "accept");
    if (!c.req.header("accept")?.includes("text/html")) return c.text(textOf(notifications));
    c.header("content-security-policy", "default-src 'none'; style-src 'unsafe-inline'");
    return pageOf(c, notifications);
  });
  return { fetch: app.fetch, notifications: (): readonly Notification[] => notifications };
}

function textOf(notifications: readonly Notification[]): string {
  if (notifications.length === 0) return "No alert has arrived.\n";
  return notifications.map(({ received, alerts }) =>
    [
      received,
      ...alerts.flatMap((alert) => [
        `  ${titleOf(alert)}`,
        ...detailsOf(alert).map(([name, value]) =>
          `    ${name}: ${value.replaceAll("\n", "\n      ")}`
        ),
      ]),
    ].map((line) => `${line}\n`).join("")
  ).join("\n");
}

function pageOf(c: Context, notifications: readonly Notification[]) {
  const alertOf = (alert: Alert) =>
    html`
      <article class="${alert.status}">
        <h2>${titleOf(alert)}</h2>
        <dl>
          ${detailsOf(alert).map(([name, value]) =>
            html`
              <dt>${name}</dt>
              <dd>${isLink(value)
                ? html`<a href="${value}" rel="noreferrer">${value}</a>`
                : value}</dd>
            `
          )}
        </dl>
      </article>
    `;
  const sections = notifications.map(({ received, alerts }) =>
    html`<section><p>${received}</p>${alerts.map(alertOf)}</section>`
  );
  return c.html(html`
    <!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8">
        <meta http-equiv="refresh" content="5">
        <meta name="viewport" content="width=device-width">
        <title>Alerts that have arrived</title>
        <style>
              body { font: 1rem/1.4 system-ui; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
              article { border-left: 0.4rem solid; padding-left: 1rem; margin-bottom: 1rem; }
              article.firing { border-color: #c4162a; }
              article.resolved { border-color: #37872d; }
              h2 { font-size: 1.1rem; margin: 0; }
              dl { display: grid; grid-template-columns: max-content auto; gap: 0 1rem; margin: 0; }
              dd { margin: 0; white-space: pre-wrap; overflow-wrap: anywhere; }
            </style>
      </head>
      <body>
            <h1>Alerts that have arrived</h1>
            ${sections.length > 0 ? sections : html`<p>None yet.</p>`}
          </body>
    </html>
  `);
}

/** No other scheme: what stands there could act on the reader. */
function isLink(value: string): boolean {
  return /^https?:\/\/\S+$/.test(value);
}

/** Status and name, such as `FIRING DatasetFails`. */
function titleOf({ status, labels }: Alert): string {
  return `${status.toUpperCase()} ${labels.alertname ?? "unnamed alert"}`;
}

/** Name and value of each detail, in the order in which they are shown. */
function detailsOf({ status, labels, annotations, startsAt, endsAt }: Alert): [string, string][] {
  const { alertname: _, ...others } = labels;
  return [
    ["since", startsAt],
    // The end of a firing alert is only when Alertmanager would forget it.
    ...status === "resolved" ? [["until", endsAt] satisfies [string, string]] : [],
    ...Object.entries(annotations),
    ["labels", Object.entries(others).map(([name, value]) => `${name}="${value}"`).join(" ")],
  ];
}

function main(): void {
  const { ALERT_RECEIVER_HOST, ALERT_RECEIVER_PORT } = Deno.env.toObject();
  const hostname = ALERT_RECEIVER_HOST || "127.0.0.1";
  const port = Number(ALERT_RECEIVER_PORT || "8083");
  const onListen = ({ port }: Deno.NetAddr) =>
    console.error(`Listening on http://${hostname}:${port}: it shows the alerts.`);
  try {
    const server = Deno.serve({ hostname, port, onListen }, receiver().fetch);
    for (const signal of ["SIGINT", "SIGTERM"] as const) {
      Deno.addSignalListener(signal, () => server.shutdown());
    }
  } catch (error) {
    const reason = error instanceof Error ? error.message : error;
    console.error(`Cannot listen on port ${ALERT_RECEIVER_PORT || port} of ${hostname}: ${reason}`);
    Deno.exit(2);
  }
}

if (import.meta.main) main();
