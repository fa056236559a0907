/** Clients that occupy every descriptor of the main loop, and leave. */
import { assert, assertEquals } from "@std/assert";
import { eventually, linesOf, startLoop, test } from "../support/program.ts";
import { undisturbed } from "../support/undisturbed.ts";
import { scrape } from "../support/scrape.ts";
import { respondWithDataset, startServer } from "../support/targets.ts";
import { maxLatenessSeconds, scheduleBetween, withDescriptors } from "./attack.ts";

const DESCRIPTORS = 100;

/** How many tasks must run while the port is closed. */
const TASKS = 150;

const LOST = "no connections are accepted, trying again: ";
const BACK = "connections are accepted again";

const TARGETS: [name: string, host: string][] = [
  [
    "clients that occupy all descriptors cost no task, and the log reports loss and recovery",
    "127.0.0.1",
  ],
  ["clients that occupy all descriptors do not prevent name resolution", "localhost"],
];

for (const [name, host] of TARGETS) {
  test(name, () => undisturbed(() => occupyDescriptors(host)));
}

/** Returns what was late, or null. */
async function occupyDescriptors(host: string): Promise<string | null> {
  await using target = startServer(respondWithDataset);
  await using program = await startLoop({
    wrapper: withDescriptors(DESCRIPTORS),
    env: {
      OKDATA_API_URL: target.url.replace("127.0.0.1", host),
      HOST: "127.0.0.1",
      DATASET_ID: Array.from({ length: 20 }, (_, nth) => `dataset-${nth}`).join(","),
      TASK_INTERVAL_SECONDS: "0.4",
    },
  });
  const maxLateness = maxLatenessSeconds();
  const scrapeBefore = await scrape(program.url);
  {
    using _clients = await connectAll(program.url);
    await eventually("the port is lost", () => program.stderr.includes(LOST));
    const before = target.requests.length;
    await eventually("tasks without a port", () => target.requests.length >= before + TASKS);
    assertEquals(program.stderr.includes(BACK), false);
  }
  await eventually("the port is back", () => program.stderr.includes(BACK));

  const { slots, late, skipped, failed } = scheduleBetween(
    scrapeBefore,
    await scrape(program.url),
    maxLateness,
  );
  assert(slots > TASKS, `${slots} slots`);
  assertEquals({ skipped, failed }, { skipped: 0, failed: 0 });
  const complaints = linesOf(program.stderr).map((line) => JSON.parse(line))
    .filter(({ level, message }) => level !== "info" || message === BACK)
    .map(({ level, message }) => [level, message.replace(/(: ).*/, "$1")]);
  assertEquals(complaints, [["error", LOST], ["info", BACK]]);
  return late <= 0.01 ? null : `${late} of ${slots} slots were late`;
}

/** Opens as many connections as the program has descriptors, and holds them. */
async function connectAll(url: string): Promise<Disposable> {
  const { hostname, port } = new URL(url);
  const attempts = Array.from(
    { length: DESCRIPTORS },
    () => Deno.connect({ hostname, port: Number(port) }),
  );
  const connections = (await Promise.allSettled(attempts))
    .flatMap((attempt) => attempt.status === "fulfilled" ? [attempt.value] : []);
  return {
    [Symbol.dispose]() {
      for (const connection of connections) connection.close();
    },
  };
}
