import { reasonsFrom } from "../../core/reasons.ts";
import { METRICS } from "../definitions.ts";
import type { Objectives } from "../slo.ts";
import { line, type Row, row } from "./layout.ts";
import { override, stat, table, timeSeries } from "./panels.ts";
import {
  lagQuantile,
  over,
  perSecond,
  queriesInWindow,
  query,
  queryPerBar,
  runningSince,
  series,
  sum,
} from "./queries.ts";
import { GREEN, ORANGE, RED } from "./style.ts";

const {
  certificateExpiry,
  cpu,
  dismissed,
  heap,
  heartbeats,
  memory,
  skipped,
  tokenExpiry,
  tokenRequests,
  tracked,
} = METRICS;

/** Whether the probe itself works: schedule, credentials, resources, versions. */
export function probeRow(objectives: Objectives): Row {
  const inWindow = queriesInWindow(objectives);

  return row("The probe itself", [
    line(
      7,
      timeSeries({
        title: "Schedule lag",
        description: "How late tasks are created. Above some 10 ms the probe's machine is too " +
          "busy: do not trust its durations.",
        queries: [
          inWindow(lagQuantile(0.5), "p50"),
          inWindow(lagQuantile(0.99), "p99"),
          inWindow(lagQuantile(1), "max, at most"),
        ],
        unit: "s",
        min: 0,
      }),
      timeSeries({
        title: "Skipped slots",
        description: "Slots without a task in each bar. late: the probe or its machine was " +
          "delayed. in_flight: MAX_IN_FLIGHT_TASKS tasks were in flight, or their connections not " +
          "closed yet.",
        queries: [queryPerBar(over(skipped, "$__interval", "cause"), "{{cause}}")],
        min: 0,
        decimals: 0,
        bars: true,
        calcs: ["sum"],
      }),
      timeSeries({
        title: "Backlog",
        description: "Tasks that the probe keeps for its table and /tasks. It grows until the " +
          "first tasks are DISMISS_TASK_SECONDS old, then stays level.",
        queries: [
          query(sum(series(tracked), "state"), "{{state}}"),
          inWindow(`60 * ${perSecond(dismissed)}`, "dismissed a minute"),
        ],
        min: 0,
      }),
      timeSeries({
        title: "Heartbeats a minute",
        description: "Requests to HEARTBEAT_URL. None is sent while a dataset fails. If they " +
          "fail, the receiver cannot be reached and may raise a false alarm.",
        queries: [inWindow(`60 * ${perSecond(heartbeats, "result")}`, "{{result}}")],
        min: 0,
      }),
    ),
    line(
      7,
      timeSeries({
        title: "Token requests a minute",
        description: "Requests to the identity provider. If they fail, tasks will fail with " +
          `${reasonsFrom("identity provider").join(" or ")} when the token ends: check the ` +
          "provider and the client's secret.",
        queries: [inWindow(`60 * ${perSecond(tokenRequests, "result")}`, "{{result}}")],
        min: 0,
      }),
      stat({
        title: "Token ends in",
        description: "The time until the current token ends. It is renewed at 80 % of its life. " +
          "Below 0 every task fails.",
        queries: [query(`min by (app_id) (${series(tokenExpiry)}) - time()`, "{{app_id}}")],
        unit: "s",
        decimals: 0,
        noValue: "no token",
        steps: [[null, RED], [0, GREEN]],
      }),
      stat({
        title: "Certificates end in",
        description:
          "Days until the certificate that a host serves ends. When it is orange, tell " +
          "whoever runs the host. Empty without TLS.",
        queries: [
          query(`(min by (host) (${series(certificateExpiry)}) - time()) / 86400`, "{{host}}"),
        ],
        unit: "d",
        decimals: 1,
        noValue: "no TLS",
        steps: [[null, RED], [7, ORANGE], [21, GREEN]],
      }),
      timeSeries({
        title: "CPU",
        description:
          "The share of one core. More than usual without more tasks is a fault of the " +
          "probe.",
        queries: [inWindow(perSecond(cpu, "app_id"), "{{app_id}}")],
        unit: "percentunit",
        min: 0,
      }),
      timeSeries({
        title: "Memory",
        description: "Resident memory, and the JavaScript heap in it. It must level off once the " +
          "backlog has: otherwise the probe leaks.",
        queries: [
          query(sum(series(memory), "app_id"), "{{app_id}} resident"),
          query(sum(series(heap), "app_id"), "{{app_id}} heap"),
        ],
        unit: "bytes",
        min: 0,
      }),
    ),
    line(
      5,
      table({
        title: "What runs",
        description: "Every probe, its build, and when it started. Different versions are normal " +
          "only during a deployment.",
        queries: [query(runningSince())],
        columns: ["Started"],
        overrides: [override("Started", { unit: "dateTimeFromNow" })],
      }),
    ),
  ]);
}
