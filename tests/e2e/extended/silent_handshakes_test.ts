/** What a platform that hangs in the handshake of TLS costs the program. */
import { assert, assertEquals } from "@std/assert";
import { eventually, startLoop, test } from "../../support/program.ts";
import { scrape } from "../../support/scrape.ts";
import { startSilentServer } from "../../support/targets.ts";

/** The most sockets that may wait for a response to their handshake without a task. */
const MAX_ABANDONED = 32;

test("a platform that hangs in the handshake occupies a limited number of descriptors", async () => {
  const maxInFlight = 30;
  await using silent = startSilentServer();
  await using probe = await startLoop({
    env: {
      OKDATA_API_URL: silent.url,
      TASK_INTERVAL_SECONDS: "0.02",
      TASK_TIMEOUT_SECONDS: "0.3",
      REQUEST_TIMEOUT_SECONDS: "0.3",
      SLO_LATENCY_SECONDS: "0.1",
      RETRIES: "0",
      MAX_IN_FLIGHT_TASKS: String(maxInFlight),
    },
  });
  const enough = 3 * (MAX_ABANDONED + maxInFlight);
  const hasSeenEnough = () => silent.counts().greetings > enough;
  await eventually("many handshakes have begun", hasSeenEnough, 60_000);
  const { open } = silent.counts();
  assert(open <= MAX_ABANDONED + maxInFlight, `${open} sockets`);

  const { value } = await scrape(probe.url);
  const failed = value("probe_tasks_failed_total");
  assert(failed > 0);
  assertEquals(value("probe_task_failures_total", { reason: "timeout" }), failed);
});
