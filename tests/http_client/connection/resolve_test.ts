import { assertEquals, assertRejects } from "@std/assert";
import { RequestError } from "../../../src/http_client/errors.ts";
import {
  createResolver,
  MAX_LOOKUPS_PER_NAME,
} from "../../../src/http_client/connection/resolve.ts";
import { at } from "../../support/at.ts";

/** A resolver whose system responds when the test says so. */
function hangingResolver() {
  const requested: string[] = [];
  const waiting: PromiseWithResolvers<string[]>[] = [];
  const resolve = createResolver((hostname) => {
    requested.push(hostname);
    const lookup = Promise.withResolvers<string[]>();
    waiting.push(lookup);
    return lookup.promise;
  });
  return { requested, resolve, lookup: (i: number) => at(waiting, i) };
}

Deno.test("a resolver makes a few lookups of a name, and further ones share the newest", async () => {
  const { requested, resolve, lookup } = hangingResolver();
  const callers = Array.from({ length: MAX_LOOKUPS_PER_NAME + 2 }, () => resolve("api.example"));
  assertEquals(requested.length, MAX_LOOKUPS_PER_NAME);

  lookup(0).resolve(["192.0.2.1"]);
  assertEquals(await callers[0], ["192.0.2.1"]);
  lookup(MAX_LOOKUPS_PER_NAME - 1).resolve(["192.0.2.2"]);
  const sharing = await Promise.all(callers.slice(MAX_LOOKUPS_PER_NAME - 1));
  assertEquals(sharing, Array(3).fill(["192.0.2.2"]));

  // Two have ended, which leaves room for two.
  for (let caller = 0; caller < 3; caller++) void resolve("api.example");
  assertEquals(requested.length, MAX_LOOKUPS_PER_NAME + 2);
});

Deno.test("a resolver looks up another name separately", () => {
  const { requested, resolve } = hangingResolver();
  for (let i = 0; i <= MAX_LOOKUPS_PER_NAME; i++) void resolve("api.example");
  void resolve("login.example");
  assertEquals(requested.slice(MAX_LOOKUPS_PER_NAME), ["login.example"]);
});

Deno.test("a resolver passes a failure to all that share it as `dns`, and then looks up again", async () => {
  const { requested, resolve, lookup } = hangingResolver();
  const callers = Array.from({ length: MAX_LOOKUPS_PER_NAME + 1 }, () => resolve("api.example"));
  const failures = callers.map((caller) => assertRejects(() => caller, RequestError, "no server"));
  for (let i = 0; i < MAX_LOOKUPS_PER_NAME; i++) lookup(i).reject(new Error("no server"));
  for (const { reason } of await Promise.all(failures)) assertEquals(reason, "dns");
  void resolve("api.example");
  assertEquals(requested.length, MAX_LOOKUPS_PER_NAME + 1);
});

Deno.test("a resolver throws `dns` for a name without an address", async () => {
  const resolve = createResolver(() => Promise.resolve([]));
  const { reason } = await assertRejects(() => resolve("api.example"), RequestError);
  assertEquals(reason, "dns");
});
