import { assert, assertEquals, assertMatch, assertStrictEquals } from "@std/assert";
import type { Reason } from "../../src/core/reasons.ts";
import {
  codeOf,
  explain,
  reasonOfStatus,
  RequestError,
  toRequestError,
} from "../../src/http_client/errors.ts";

/** An error as sockets, resolvers and parsers throw it. */
function errorWith(code: unknown, message = "it broke"): Error {
  return Object.assign(new Error(message), { code });
}

Deno.test("toRequestError makes an error without a code internal and keeps it as the cause", () => {
  for (const thrown of [new TypeError("not a function"), "text", null, errorWith(42)]) {
    const error = toRequestError(thrown);
    assertEquals([error.reason, error.cause], ["internal", thrown]);
  }
});

Deno.test("codeOf names a system error by its code, or by the number in its message", () => {
  const errors: [error: unknown, code: string][] = [
    [errorWith("ECONNREFUSED", "Connection refused (os error 111)"), "ECONNREFUSED"],
    [
      Object.assign(new TypeError("Invalid argument (os error 22)"), { code: "EINVAL" }),
      "EINVAL",
    ],
    [new Error("Protocol not available (os error 92)"), "ENOPROTOOPT"],
    [new Error("Network is down (os error 100)"), "ENETDOWN"],
    [new Error("Too many open files in system (os error 23)"), "ENFILE"],
    // A `DOMException` has a number.
    [errorWith(23, "Signal timed out."), "Signal timed out."],
    [new Error("Out of streams resources (os error 63)"), "Out of streams resources (os error 63)"],
    [new Error("odd (os error 0)"), "odd (os error 0)"],
    [new Error("odd (os error 99999)"), "odd (os error 99999)"],
    ["text", "text"],
  ];
  for (const [error, code] of errors) assertEquals(codeOf(error), code);
});

Deno.test("toRequestError returns a RequestError as it is", () => {
  const error = new RequestError("timeout", "too slow");
  assertStrictEquals(toRequestError(error), error);
});

Deno.test("a RequestError has a message of one line, escaped and cut", () => {
  const { message } = new RequestError("http", "a\n12:00 forged\x1b[2J".padEnd(500, "x"));
  assertMatch(message, /^a\\u000a12:00 forged\\u001b\[2Jx+…$/);
  assertEquals(message.length, 400);
});

Deno.test("explain joins the messages of an error and its causes", () => {
  const cause = new Error("no route", { cause: new Error("cable unplugged") });
  assertEquals(
    explain(new Error("cannot connect", { cause })),
    [
      "cannot connect",
      "no route",
      "cable unplugged",
    ].join(": "),
  );
  assertEquals(explain(new Error("cannot connect", { cause: "text" })), "cannot connect");
});

Deno.test("explain does not repeat the cause that a RequestError was made from", () => {
  const cause = errorWith("ECONNRESET", "socket hang up");
  assertEquals(explain(new RequestError("reset", "read ECONNRESET", { cause })), "read ECONNRESET");
});

Deno.test("explain shows what is not an error as text", () => {
  assertEquals(["text", 42, undefined].map(explain), ["text", "42", "undefined"]);
});

Deno.test("reasonOfStatus is null for 200 alone and has a reason for every other status", () => {
  // A new reason for a status goes in here.
  const named: Record<number, Reason> = {
    401: "unauthorized",
    403: "unauthorized",
    404: "not_found",
    429: "rate_limited",
  };
  for (let status = 100; status < 1_000; status++) {
    const isServerError = status >= 500 && status < 600;
    const expected = named[status] ?? (isServerError ? "server_error" : "http");
    assertEquals(reasonOfStatus(status), status === 200 ? null : expected, `status ${status}`);
  }
  assert(reasonOfStatus(0) === "http", "a response without a status is none");
});
