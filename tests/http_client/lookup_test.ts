import { assertEquals } from "@std/assert";
import {
  type Lookup,
  type LookupCallback,
  MAX_LOOKUPS_PER_NAME,
  shareLookups,
} from "../../src/http_client/lookup.ts";
import { at } from "../support/at.ts";

/** A resolver that answers when it is told to. */
function hangingResolver() {
  const asked: string[] = [];
  const waiting: LookupCallback[] = [];
  const lookup: Lookup = (hostname, _options, callback) => {
    asked.push(hostname);
    waiting.push(callback);
  };
  return {
    asked,
    shared: shareLookups(lookup),
    answer: (i: number, ...answer: Parameters<LookupCallback>) => at(waiting, i)(...answer),
  };
}

Deno.test("lookups of one name are each made while they are few, and then share the newest", () => {
  const { asked, shared, answer } = hangingResolver();
  const got: string[] = [];
  const look = (who: number) =>
    shared("api.example", { all: true }, (_, address) => got.push(`${who} ${address}`));

  for (let who = 0; who < MAX_LOOKUPS_PER_NAME + 2; who++) look(who);
  assertEquals(asked.length, MAX_LOOKUPS_PER_NAME);

  answer(0, null, "192.0.2.1", 4);
  assertEquals(got, ["0 192.0.2.1"]);
  answer(MAX_LOOKUPS_PER_NAME - 1, null, "192.0.2.2", 4);
  assertEquals(
    got.slice(1),
    [MAX_LOOKUPS_PER_NAME - 1, MAX_LOOKUPS_PER_NAME, MAX_LOOKUPS_PER_NAME + 1].map((who) =>
      `${who} 192.0.2.2`
    ),
  );

  // Two are over, so that there is room for two.
  for (let who = 0; who < 3; who++) look(who);
  assertEquals(asked.length, MAX_LOOKUPS_PER_NAME + 2);
});

Deno.test("another name, and another kind of answer, have lookups of their own", () => {
  const { asked, shared } = hangingResolver();
  for (let i = 0; i <= MAX_LOOKUPS_PER_NAME; i++) shared("api.example", { all: true }, () => {});
  shared("login.example", { all: true }, () => {});
  shared("api.example", {}, () => {});
  assertEquals(asked.slice(MAX_LOOKUPS_PER_NAME), ["login.example", "api.example"]);
});

Deno.test("a lookup that failed is nobody's any more", () => {
  const { asked, shared, answer } = hangingResolver();
  const errors: unknown[] = [];
  const look = () => shared("api.example", {}, (error) => errors.push(error));
  for (let i = 0; i <= MAX_LOOKUPS_PER_NAME; i++) look();
  const failure = new Error("no nameserver answers");
  for (let i = 0; i < MAX_LOOKUPS_PER_NAME; i++) answer(i, failure, "", 0);
  assertEquals(errors, Array(MAX_LOOKUPS_PER_NAME + 1).fill(failure));
  look();
  assertEquals(asked.length, MAX_LOOKUPS_PER_NAME + 1);
});
