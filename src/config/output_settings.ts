import * as z from "zod/mini";
import { withoutChoices } from "../text/links.ts";
import type { Setting } from "./setting.ts";
import { flag, link, linkTemplate, lowerCase, number, seconds, withoutSlashes } from "./values.ts";

/** The settings of what the probe tells others: heartbeats, objectives, logs, tables, links. */
export const OUTPUT_SETTINGS = {
  heartbeatUrl: {
    env: "HEARTBEAT_URL",
    alias: "BETTERUPTIME_HEARTBEAT_URL",
    flag: "heartbeat-url",
    placeholder: "URL",
    secret: true,
    group: "Heartbeat",
    help: "URL to request once an interval while all succeed",
    schema: z.string().check(
      z.refine(
        (value) => /^https?:$/.test(URL.canParse(value) ? new URL(value).protocol : ""),
        "an http:// or https:// URL",
      ),
    ),
  },
  heartbeatMethod: {
    env: "HEARTBEAT_METHOD",
    flag: "heartbeat-method",
    placeholder: "METHOD",
    group: "Heartbeat",
    help: "method of heartbeats: HEAD, GET or POST",
    default: "HEAD",
    schema: z.pipe(
      z.string().check(z.toUpperCase()),
      z.enum(["HEAD", "GET", "POST"], "HEAD, GET or POST"),
    ),
  },
  sloAvailability: {
    env: "SLO_AVAILABILITY",
    flag: "slo-availability",
    placeholder: "SHARE",
    group: "Objectives",
    help: "objective: share of tasks that succeed, and fast",
    default: "0.999",
    schema: number("a share between 0 and 1, such as 0.999", Number.MIN_VALUE, 1 - Number.EPSILON),
  },
  sloLatencySeconds: {
    env: "SLO_LATENCY_SECONDS",
    flag: "slo-latency",
    placeholder: "SEC",
    group: "Objectives",
    help: "objective: seconds within which a task is fast",
    default: "1",
    schema: seconds,
  },
  appId: {
    env: "APP_ID",
    flag: "app-id",
    placeholder: "ID",
    group: "Output",
    help: "name of this probe in metrics and logs",
    defaultNote: "8 random hex digits",
    schema: z.string().check(
      z.regex(/^[\x20-\x7e]{1,128}$/, "1 to 128 printable ASCII characters"),
    ),
  },
  logLevel: {
    env: "LOG_LEVEL",
    flag: "log-level",
    placeholder: "LEVEL",
    group: "Output",
    help: "debug, info, warning or error",
    defaultNote: "info, debug in a local run",
    schema: z.pipe(
      z.pipe(lowerCase, z.transform((value) => value === "warn" ? "warning" : value)),
      z.enum(["debug", "info", "warning", "error"], "debug, info, warning or error"),
    ),
  },
  logFormat: {
    env: "LOG_FORMAT",
    flag: "log-format",
    placeholder: "FORMAT",
    group: "Output",
    help: "text or json; a local run has text",
    defaultNote: "text on a terminal, else json",
    schema: z.pipe(lowerCase, z.enum(["text", "json"], "text or json")),
  },
  tableIntervalSeconds: {
    env: "TABLE_INTERVAL_SECONDS",
    flag: "table-interval",
    placeholder: "SEC",
    group: "Output",
    help: "seconds between tables",
    default: "30",
    schema: seconds,
  },
  localRun: {
    env: "LOCAL_RUN",
    flag: "local-run",
    group: "Output",
    help: "debug logs, and the table at intervals",
    default: "false",
    schema: flag,
  },
  traceUrl: {
    env: "TRACE_URL",
    group: "Output",
    help: "link to the trace of a task, with {trace_id}",
    defaultNote: "none: the ID alone is shown",
    schema: linkTemplate("trace_id"),
  },
  publicUrl: {
    env: "PUBLIC_URL",
    flag: "public-url",
    placeholder: "URL",
    group: "Output",
    help: "URL of the status page, for links to it",
    defaultNote: "none: no links to it",
    schema: z.pipe(link({ query: false }), withoutSlashes),
  },
  dashboardUrl: {
    env: "DASHBOARD_URL",
    flag: "dashboard-url",
    placeholder: "URL",
    group: "Output",
    help: "URL of the dashboard in Grafana, for links to it",
    defaultNote: "none: no links to it",
    schema: z.pipe(link({ query: true }), z.transform(withoutChoices)),
  },
} as const satisfies Record<string, Setting>;
