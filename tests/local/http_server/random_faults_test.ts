import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { drawPlan } from "../../../local/http_server/faults.ts";
import { startHttpServer } from "../../../local/http_server/http_server.ts";
import { mulberry32 } from "../../../local/http_server/random.ts";
import { startEmulator } from "../../support/targets.ts";
import {
  assertBetween,
  durationMs,
  faultsOf,
  responseWith,
  statusesOf,
  statusOf,
  until,
} from "./requests.ts";

/** An emulator with its default faults. */
function startFaulty(options: Parameters<typeof startHttpServer>[0] = {}) {
  const server = startHttpServer(options);
  return { ...server, [Symbol.asyncDispose]: server.shutdown };
}

Deno.test("by default 5 % of the requests are unauthorized", async () => {
  await using emulator = startFaulty({ seed: 1, faults: { delay_max_seconds: 0 } });
  await statusesOf(emulator.url, 2_000);

  const { "401": unauthorized = 0, ...others } = emulator.counts().by_status;
  // Five standard deviations. With this seed the number is always the same.
  assertBetween(unauthorized, 100 - 49, 100 + 49);
  assertEquals(others, { "200": 2_000 - unauthorized });
  const response = await responseWith(401, `${emulator.url}/metadata/a`);
  assertEquals(await response.json(), { message: "Unauthorized" });
});

Deno.test("by default 10 % of the requests are delayed by up to 3 s", async () => {
  await using emulator = startFaulty();
  const faults = await faultsOf(emulator.url);
  const random = mulberry32(1);
  const delaysMs = Array.from({ length: 5_000 }, () => drawPlan(faults, random).delayMs)
    .filter((delayMs) => delayMs > 0);

  // Five standard deviations around a tenth, and around a mean of 1.5 s.
  assertBetween(delaysMs.length, 500 - 106, 500 + 106);
  const meanMs = delaysMs.reduce((sum, delayMs) => sum + delayMs, 0) / delaysMs.length;
  assertBetween(meanMs, 1_500 - 194, 1_500 + 194);
  assertBetween(Math.max(...delaysMs), 2_900, 3_000);
});

Deno.test("a client sees the delays that are drawn", async () => {
  await using emulator = startFaulty({
    seed: 7,
    faults: { delay_percent: 100, delay_max_seconds: 0.1 },
  });
  const faults = await faultsOf(emulator.url);
  const random = mulberry32(7);
  const waitsMs: number[] = [];
  for (let i = 0; i < 12; i++) {
    const { delayMs } = drawPlan(faults, random);
    const waitMs = await durationMs(() => statusOf(`${emulator.url}/metadata/a`));
    assert(waitMs >= delayMs - 1, `${waitMs} ms, but drew ${delayMs} ms`);
    waitsMs.push(waitMs);
  }
  assert(Math.min(...waitsMs) < 100, "every delay was the longest");
});

Deno.test("the same seed gives the same responses, another seed others", async () => {
  const run = async (seed: number) => {
    await using emulator = startEmulator({ seed, faults: { unauthorized_percent: 50 } });
    return await statusesOf(emulator.url, 200);
  };
  const first = await run(42);

  assertEquals(await run(42), first);
  assertNotEquals(await run(43), first);
  assertBetween(first.filter((status) => status === 401).length, 65, 135);
});

Deno.test("concurrent delayed requests get the draws of their order of arrival", async () => {
  await using quick = startEmulator({ seed: 5, faults: { unauthorized_percent: 50 } });
  await using slow = startEmulator({
    seed: 5,
    faults: { unauthorized_percent: 50, delay_percent: 100, delay_max_seconds: 0.05 },
  });
  const statuses: Promise<number>[] = [];
  for (let count = 1; count <= 50; count++) {
    statuses.push(statusOf(`${slow.url}/metadata/a`));
    await until(() => slow.counts().requests === count);
  }

  assertEquals(await Promise.all(statuses), await statusesOf(quick.url, 50));
});

Deno.test("a temporary fault does not change later draws", async () => {
  const options = { seed: 9, faults: { unauthorized_percent: 50 } };
  await using undisturbed = startEmulator(options);
  await using disturbed = startEmulator(options);
  disturbed.setFaults({ status: 503, delay_percent: 50, status_percent: 100 });
  await statusesOf(disturbed.url, 30);
  disturbed.setFaults({});

  const expected = (await statusesOf(undisturbed.url, 60)).slice(30);
  assertEquals(await statusesOf(disturbed.url, 30), expected);
});
