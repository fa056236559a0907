import { METRICS } from "../definitions.ts";
import { listReasons } from "../reason_text.ts";
import type { Objectives } from "../slo.ts";
import { line, type Row, row } from "./layout.ts";
import { timeSeries } from "./panels.ts";
import { perSecond, queriesInWindow, query, ratio, series, sum } from "./queries.ts";

const { attempts, duration, inFlight, oldestPending } = METRICS;

/** The requests behind the tasks, and the tasks that wait for one. */
export function attemptsRow(objectives: Objectives): Row {
  const inWindow = queriesInWindow(objectives);

  return row("Attempts", [
    line(
      7,
      timeSeries({
        title: "Attempts a minute",
        description: "Requests of settled tasks. Many failed attempts but few failed tasks: " +
          "retries still hide a fault.",
        queries: [inWindow(`60 * ${perSecond(attempts, "result")}`, "{{result}}")],
        min: 0,
        stack: true,
      }),
      timeSeries({
        title: "Attempts a task",
        description: "1: every first attempt succeeds. More: tasks have to try again. 0: tasks " +
          `fail without a request, for lack of a token (${listReasons("identity provider")}).`,
        queries: [
          inWindow(ratio(perSecond(attempts), perSecond(duration, "", "_count")), "attempts"),
        ],
        min: 0,
      }),
      timeSeries({
        title: "Tasks in flight",
        description: "Tasks that are not settled yet. If they pile up, the platform has stopped " +
          "responding.",
        queries: [query(sum(series(inFlight), "app_id"), "{{app_id}}")],
        min: 0,
        decimals: 0,
      }),
      timeSeries({
        title: "Oldest task in flight",
        description: "The age of the oldest task that is not settled. If it grows far above " +
          "TASK_TIMEOUT_SECONDS, the probe is broken: restart it.",
        queries: [query(`max by (app_id) (${series(oldestPending)})`, "{{app_id}}")],
        unit: "s",
        min: 0,
      }),
    ),
  ]);
}
