import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import type { taskToJson } from "../../../src/core/task_json.ts";
import { createAuthority } from "../../support/certificates.ts";
import { run, test } from "../../support/program.ts";
import { FRAMINGS, PACES, pathOf, startSlowServer } from "../../support/slow_server.ts";

/** Durations are rounded to whole microseconds. */
const ROUNDING_SECONDS = 1e-6;

const DELAYS_MS = [0, 20, 700, 1_500, 3_000];

for (const scheme of ["http", "https"]) {
  test(`tasks over ${scheme} last at least as long as their responses, and their phases add up`, async () => {
    const authority = await createAuthority();
    const file = await Deno.makeTempFile();
    await Deno.writeTextFile(file, authority.pem);
    await using server = startSlowServer(
      scheme === "https" ? await authority.issue("localhost") : undefined,
    );
    const ids = FRAMINGS.flatMap((framing) =>
      PACES.flatMap((pace) => DELAYS_MS.map((delayMs) => pathOf({ framing, pace, delayMs })))
    );
    const startMs = performance.now();
    const { code, stdout, stderr } = await run({
      args: ["--once", "--json"],
      env: {
        DATASET_ID: ids.join(","),
        OKDATA_API_URL: `${server.url}/datasets`,
        TASK_INTERVAL_SECONDS: "0.5",
        DENO_CERT: file,
      },
    });
    const elapsedSeconds = (performance.now() - startMs) / 1e3;
    await Deno.remove(file);
    assertEquals([code, stderr], [0, ""]);

    const tasks: ReturnType<typeof taskToJson>[] = JSON.parse(stdout).tasks;
    assertEquals(tasks.map(({ dataset_id }) => dataset_id).sort(), ids.toSorted());
    for (const { dataset_id: id, duration_seconds: duration, attempts, phases } of tasks) {
      const { firstMs, lastMs } = server.sent.get(id) ?? { firstMs: NaN, lastMs: NaN };
      const [attempt, ...others] = attempts;
      const seconds = attempt?.duration_seconds ?? NaN;
      const shown = `${id}: ${seconds} s of ${duration} s, sent after ${lastMs} ms`;
      assertEquals(others, [], shown);
      assert(seconds >= lastMs / 1e3 - ROUNDING_SECONDS, shown);
      assert(duration !== null && duration >= seconds && duration < elapsedSeconds, shown);
      assert((phases.processing ?? 0) >= firstMs / 1e3 - ROUNDING_SECONDS, shown);
      const sum = Object.values(phases).reduce((total, each) => total + each, 0);
      assertAlmostEquals(sum, seconds, 5 * ROUNDING_SECONDS, shown);
    }
  });
}
