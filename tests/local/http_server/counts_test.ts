import { assert, assertEquals, assertRejects } from "@std/assert";
import type { Counts } from "../../../local/http_server/emulator.ts";
import { NO_FAULTS } from "../../../local/http_server/faults.ts";
import { startHttpServer } from "../../../local/http_server/http_server.ts";
import { startEmulator } from "../../support/targets.ts";
import { countsWith, requestToken, statusesOf, tokenOf, until } from "./requests.ts";

Deno.test("the counts agree with the responses", async () => {
  await using emulator = startEmulator({ seed: 11, faults: { unauthorized_percent: 30 } });
  const statuses = await statusesOf(emulator.url, 100);
  await tokenOf(emulator.url);
  await (await requestToken(emulator.url, { client_id: "x" })).body?.cancel();

  const seen = (status: number) => statuses.filter((each) => each === status).length;
  assert(seen(200) > 0 && seen(401) > 0);
  const expected: Counts = {
    requests: 100,
    by_status: { "200": seen(200), "401": seen(401) },
    aborted: 0,
    token_requests: 2,
  };
  assertEquals(emulator.counts(), expected);
  assertEquals(await (await fetch(`${emulator.url}/counts`)).json(), expected);
});

Deno.test("a client that leaves during a delay is counted once, as aborted", async () => {
  await using emulator = startEmulator({ faults: { fixed_delay_seconds: 3600 } });
  const client = new AbortController();
  const delayed = fetch(`${emulator.url}/metadata/a`, { signal: client.signal });
  await until(() => emulator.counts().requests === 1);
  client.abort();

  await assertRejects(() => delayed, DOMException);
  await until(() => emulator.counts().aborted === 1);
  assertEquals(emulator.counts(), countsWith({ requests: 1, aborted: 1 }));
});

Deno.test("shutdown closes all connections and leaves no resource open", async () => {
  const emulator = startHttpServer({ faults: { ...NO_FAULTS, fixed_delay_seconds: 3600 } });
  const delayed = fetch(`${emulator.url}/metadata/a`);
  await until(() => emulator.counts().requests === 1);

  const stopped = emulator.shutdown();
  await assertRejects(() => delayed, TypeError);
  await stopped;
  assertEquals(emulator.counts(), countsWith({ requests: 1, aborted: 1 }));
  await assertRejects(() => fetch(`${emulator.url}/heartbeat`), TypeError);
});
