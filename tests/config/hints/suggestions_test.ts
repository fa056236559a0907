import { assertEquals } from "@std/assert";
import { closestWords, hintFor, hintForWord } from "../../../src/config/hints/suggestions.ts";
import { SETTINGS } from "../../../src/config/settings.ts";

const FLAGS = [
  ...Object.values(SETTINGS).flatMap((setting) => "flag" in setting ? [setting.flag] : []),
  ...["once", "count", "table", "json", "help", "version", "url", "state"],
];

for (
  const [given, ...expected] of [
    ["env", "environment"],
    ["dataset", "dataset-id"],
    ["datasets", "dataset-id"],
    ["dataset_id", "dataset-id"],
    ["DATASET_ID", "dataset-id"],
    ["okdata-environment", "environment"],
    ["task-intervall", "task-interval"],
    ["task-interval-seconds", "task-interval"],
    ["task", "task-timeout", "task-interval"],
    ["log", "log-level", "log-format"],
    ["timeout", "task-timeout", "request-timeout"],
    ["tabel", "table"],
    ["onse", "once"],
    ["retry", "retries"],
    ["nonsense"],
    ["no-such"],
    ["verbose", "log-level"],
    ["quiet", "log-level"],
    ["debug", "log-level"],
    ["x"],
  ] as [string, ...string[]][]
) {
  Deno.test(`closestWords of "${given}" are ${expected.join(" and ") || "none"}`, () => {
    assertEquals(closestWords(given, FLAGS), expected);
  });
}

for (
  const [given, expected] of [
    ["env", "did you mean --environment?"],
    ["task", "did you mean --task-timeout or --task-interval?"],
    ["nonsense", "--help lists them all"],
    ["client-secret", "set OKDATA_CLIENT_SECRET in the environment"],
    ["okdata_client_secret", "set OKDATA_CLIENT_SECRET in the environment"],
    [
      "bearer-token",
      "set HTTP_BEARER_TOKEN or PROMETHEUS_BEARER_TOKEN in the environment",
    ],
    // Flags that begin so come before variables that end so, and too many are no hint.
    ["token", "did you mean --token-url or --token-auth?"],
    ["file", "--help lists them all"],
  ] as const
) {
  Deno.test(`hintFor "${given}" says: ${expected}`, () => {
    assertEquals(hintFor(given, FLAGS), expected);
  });
}

for (
  const [given, expected] of [
    ["once", "did you mean --once?"],
    ["TABLE", "did you mean --table?"],
    ["dataset_id", "did you mean --dataset-id?"],
    ["status", "did you mean tasks?"],
    ["task", "did you mean tasks?"],
    ["probe", "without a word it probes until it is stopped"],
    ["serve", "without a word it probes until it is stopped"],
    ["abc123", "a value follows its flag"],
    ["prod", "a value follows its flag"],
    ["constructor", "a value follows its flag"],
  ] as const
) {
  Deno.test(`hintForWord "${given}" says: ${expected}`, () => {
    assertEquals(hintForWord(given, ["tasks", "rules"], FLAGS), expected);
  });
}
