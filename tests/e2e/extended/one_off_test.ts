/** One-off runs: rare cases. */
import { assertEquals, assertMatch } from "@std/assert";
import { DATASET_ID, linesOf, run, test } from "../../support/program.ts";
import { startEmulator, startServer } from "../../support/targets.ts";

const COLUMNS = ["State", "Created", "Succeeded", "Failed", "Duration", "Attempts", "Reason"];

test("--rows bounds the table, and a line counts the rest", async () => {
  await using emulator = startEmulator();
  const { stdout } = await run({
    args: ["--count", "5", "--table", "--rows", "2"],
    env: { DATASET_ID, OKDATA_API_URL: emulator.apiUrl, TASK_INTERVAL_SECONDS: "0.01" },
  });

  const lines = linesOf(stdout);
  const heading = lines.findIndex((line) => line.startsWith("# "));
  const [fourth = "", fifth = "", rest = "", ...more] = lines.slice(heading + 1);
  assertMatch(fourth, /^4 /);
  assertMatch(fifth, /^5 /);
  assertMatch(rest, /\b3\b/);
  assertEquals(more, []);
});

test("RETRIES is how often it tries again", async () => {
  await using target = startServer(() => new Response("busy", { status: 503 }));
  const { code, stdout } = await run({
    args: ["--once", "--json", "--retries", "1"],
    env: { DATASET_ID, OKDATA_API_URL: target.url, RETRIES: "0" },
  });

  assertEquals(code, 1);
  assertEquals(target.requests.length, 2);
  assertEquals(JSON.parse(stdout).tasks[0].attempts.length, 2);
});

test("--table has a column for the dataset when there is more than one", async () => {
  await using emulator = startEmulator();
  const { stdout } = await run({
    args: ["--once", "--table"],
    env: { DATASET_ID: "abc,def", OKDATA_API_URL: emulator.apiUrl, TASK_INTERVAL_SECONDS: "0.01" },
  });

  const lines = linesOf(stdout);
  const [heading = "", first = "", second = ""] = lines.slice(
    lines.findIndex((line) => line.startsWith("# ")),
  );
  assertEquals(heading.trim().split(/\s+/), ["#", "Dataset", ...COLUMNS]);
  assertMatch(first, /^1 +abc +SUCCEEDED /);
  assertMatch(second, /^2 +def +SUCCEEDED /);
});
