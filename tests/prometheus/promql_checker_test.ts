import { assertEquals } from "@std/assert";
import { check, read } from "../support/promql.ts";

const WRONG_EXPRESSIONS: [expression: string, problem: string][] = [
  ["sum(probe_task_created_total)", "unknown metric probe_task_created_total"],
  ["probe_task_duration_seconds", "unknown metric probe_task_duration_seconds"],
  ["probe_tasks_failed_total{reason='dns'}", "probe_tasks_failed_total has no label reason"],
  ['probe_task_failures_total{reason="conect"}', 'reason is never as in reason="conect"'],
  ['probe_task_failures_total{reason=~"dns|conect"}', 'reason is never as in reason=~"dns|conect"'],
  ['probe_task_duration_seconds_sum{le="1"}', "probe_task_duration_seconds_sum has no label le"],
  ["sum by (dataset) (probe_tasks_failed_total)", "nothing has the label dataset in by (dataset)"],
  ["sum without (cause) (up)", "nothing has the label cause in without (cause)"],
  ["sum by (job) (up) + on (instance) up", "nothing has the label instance in on (instance)"],
  ["up + ignoring (reason) up", "nothing has the label reason in ignoring (reason)"],
  [
    "up * on (job) group_left (version) up",
    "nothing has the label version in on (job) group_left (version)",
  ],
  ["histogram_quantile(0.9, up)", "nothing has the label le in histogram_quantile(0.9, up)"],
  ["rate(probe_tasks_in_flight[5m])", "rate of the gauge probe_tasks_in_flight"],
  ["rate(up[5m)", 'syntax error at 10, before ")"'],
  ["sum by (job (up)", 'syntax error at 12, before "(up)"'],
];

for (const [expression, problem] of WRONG_EXPRESSIONS) {
  Deno.test(`the PromQL checker refuses ${expression}`, () => {
    assertEquals(check(expression)[0], problem);
  });
}

Deno.test("the PromQL checker follows labels through an expression", () => {
  const { problems, metrics, labels } = read(
    "sum by (app_id, cause) (rate(probe_slots_skipped_total[5m])) * on (app_id) " +
      "group_left (version) probe_build_info and on (app_id) recorded",
    { recorded: ["app_id"] },
  );

  assertEquals(problems, []);
  assertEquals([...metrics], ["probe_slots_skipped_total", "probe_build_info", "recorded"]);
  assertEquals([...labels ?? []].sort(), ["app_id", "cause", "version"]);
});
