import { assertEquals } from "@std/assert";
import {
  type Lookup,
  type LookupCallback,
  MAX_LOOKUPS_PER_NAME,
  shareLookups,
} from "../../src/http_client/lookup.ts";
import { at } from "../support/at.ts";

/** A resolver that responds when the test says so. */
function hangingResolver() {
  const requested: string[] = [];
  const waiting: LookupCallback[] = [];
  const lookup: Lookup = (hostname, _options, callback) => {
    requested.push(hostname);
    waiting.push(callback);
  };
  return {
    requested,
    shared: shareLookups(lookup),
    respond: (i: number, ...result: Parameters<LookupCallback>) => at(waiting, i)(...result),
  };
}

Deno.test("shareLookups makes a few lookups of a name, and further ones share the newest", () => {
  const { requested, shared, respond } = hangingResolver();
  const results: string[] = [];
  const look = (caller: number) =>
    shared("api.example", { all: true }, (_, address) => results.push(`${caller} ${address}`));

  for (let caller = 0; caller < MAX_LOOKUPS_PER_NAME + 2; caller++) look(caller);
  assertEquals(requested.length, MAX_LOOKUPS_PER_NAME);

  respond(0, null, "192.0.2.1", 4);
  assertEquals(results, ["0 192.0.2.1"]);
  respond(MAX_LOOKUPS_PER_NAME - 1, null, "192.0.2.2", 4);
  const sharing = [0, 1, 2].map((i) => MAX_LOOKUPS_PER_NAME - 1 + i);
  assertEquals(results.slice(1), sharing.map((caller) => `${caller} 192.0.2.2`));

  // Two have ended, which leaves room for two.
  for (let caller = 0; caller < 3; caller++) look(caller);
  assertEquals(requested.length, MAX_LOOKUPS_PER_NAME + 2);
});

Deno.test("shareLookups looks up another name, and other options, separately", () => {
  const { requested, shared } = hangingResolver();
  for (let i = 0; i <= MAX_LOOKUPS_PER_NAME; i++) shared("api.example", { all: true }, () => {});
  shared("login.example", { all: true }, () => {});
  shared("api.example", {}, () => {});
  assertEquals(requested.slice(MAX_LOOKUPS_PER_NAME), ["login.example", "api.example"]);
});

Deno.test("shareLookups passes a failure to all that share it, and then looks up again", () => {
  const { requested, shared, respond } = hangingResolver();
  const errors: unknown[] = [];
  const look = () => shared("api.example", {}, (error) => errors.push(error));
  for (let i = 0; i <= MAX_LOOKUPS_PER_NAME; i++) look();
  const failure = new Error("no name server responds");
  for (let i = 0; i < MAX_LOOKUPS_PER_NAME; i++) respond(i, failure, "", 0);
  assertEquals(errors, Array(MAX_LOOKUPS_PER_NAME + 1).fill(failure));
  look();
  assertEquals(requested.length, MAX_LOOKUPS_PER_NAME + 1);
});
