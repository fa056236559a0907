import { assertEquals } from "@std/assert";
import {
  DATASET_ID,
  eventually,
  shell,
  shellCommand,
  startLoop,
  test,
} from "../../support/program.ts";
import { scrape } from "../../support/scrape.ts";
import { respondWithDataset, startServer } from "../../support/targets.ts";

/** Writes much to standard output and to standard error. */
const VERBOSE = {
  args: ["--table", "--table-interval", "0.05"],
  env: { TASK_INTERVAL_SECONDS: "0.02", LOG_LEVEL: "debug" },
};

/** Waits until `more` further tasks have succeeded. */
async function untilMoreSucceed(url: string, more: number): Promise<void> {
  const succeeded = async () => (await scrape(url)).value("probe_tasks_succeeded_total");
  const before = await succeeded();
  await eventually(`${more} more tasks`, async () => await succeeded() >= before + more);
}

for (const closed of [["stdout"], ["stderr"], ["stdout", "stderr"]]) {
  test(`main loop goes on when the reader of ${closed.join(" and ")} leaves`, async () => {
    await using target = startServer(respondWithDataset);
    await using probe = await startLoop({
      ...VERBOSE,
      env: { ...VERBOSE.env, OKDATA_API_URL: target.url },
    });
    await eventually("a table", () => probe.stdout !== "");
    if (closed.includes("stdout")) await probe.closeStdout();
    if (closed.includes("stderr")) await probe.closeStderr();

    await untilMoreSucceed(probe.url, 20);
    probe.kill("SIGTERM");
    assertEquals((await probe.ended()).code, 0);
  });
}

test("main loop goes on, and stops in time, when nobody reads its standard output", async () => {
  await using target = startServer(respondWithDataset);
  await using probe = await startLoop({
    args: ["--table", "--table-interval", "0.005", "--rows", "100"],
    env: { TASK_INTERVAL_SECONDS: "0.02", OKDATA_API_URL: target.url },
    stdoutUnread: true,
  });

  // A hundred tables of up to a hundred rows exceed the 64 kB that a pipe buffers.
  await untilMoreSucceed(probe.url, 100);
  probe.kill("SIGTERM");
  assertEquals((await probe.ended(5_000)).code, 0);
});

test("commands exit with 1 when their result cannot be written", async () => {
  await using target = startServer(respondWithDataset);
  for (const args of ["--once", "--once --json", "--check", "--print-config", "--help"]) {
    const env = { DATASET_ID, OKDATA_API_URL: target.url };
    const { code, stderr } = await shell(
      `${shellCommand({ args: args.split(" "), env })} >/dev/full`,
    );
    assertEquals([code, stderr.includes("standard output cannot be written")], [1, true], args);
  }
});
