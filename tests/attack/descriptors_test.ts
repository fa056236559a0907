/** Strangers who take every descriptor that the main loop may have, and go. */
import { assert, assertEquals } from "@std/assert";
import { eventually, linesOf, startLoop, test } from "../support/program.ts";
import { scrape } from "../support/scrape.ts";
import { answerDataset, startServer } from "../support/targets.ts";
import { scheduleBetween, withDescriptors } from "./attack.ts";

const DESCRIPTORS = 100;

/** Tasks that are waited for while there is no port. */
const TASKS = 150;

const LOST = "no connections are taken, trying again: ";
const BACK = "connections are taken again";

const TARGETS: [name: string, host: string][] = [
  [
    "strangers take all descriptors: no task is lost, and they are told when it is over",
    "127.0.0.1",
  ],
  ["strangers take all descriptors: names are looked up all the same", "localhost"],
];

for (const [name, host] of TARGETS) {
  test(name, async () => {
    await using target = startServer(answerDataset);
    await using program = await startLoop({
      wrapper: withDescriptors(DESCRIPTORS),
      env: {
        OKDATA_API_URL: target.url.replace("127.0.0.1", host),
        HOST: "127.0.0.1",
        DATASET_ID: Array.from({ length: 20 }, (_, nth) => `dataset-${nth}`).join(","),
        TASK_INTERVAL_SECONDS: "0.4",
      },
    });
    const before = await scrape(program.url);
    {
      using _strangers = await connectAll(program.url);
      await eventually("the port is lost", () => program.stderr.includes(LOST));
      const begun = target.requests.length;
      await eventually("tasks meanwhile", () => target.requests.length >= begun + TASKS);
      assertEquals(program.stderr.includes(BACK), false);
    }
    await eventually("the port is back", () => program.stderr.includes(BACK));

    const { slots, late, skipped, failed } = scheduleBetween(before, await scrape(program.url));
    assert(slots > TASKS, `${slots} slots`);
    assertEquals({ skipped, failed }, { skipped: 0, failed: 0 });
    assert(late <= 0.01, `${late} of ${slots} slots ran late`);
    const complaints = linesOf(program.stderr).map((line) => JSON.parse(line))
      .filter(({ level, message }) => level !== "info" || message === BACK)
      .map(({ level, message }) => [level, message.replace(/(: ).*/, "$1")]);
    assertEquals(complaints, [["error", LOST], ["info", BACK]]);
  });
}

/** As many connections as there may be descriptors, held until they are closed. */
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
