import { assert, assertEquals, assertMatch, assertStrictEquals } from "@std/assert";
import type { Reason } from "../../src/core/reasons.ts";
import {
  explain,
  reasonOfStatus,
  RequestError,
  toRequestError,
} from "../../src/http_client/errors.ts";

/** An error as sockets, resolvers and parsers throw it. */
function errorWith(code: unknown, message = "it broke"): Error {
  return Object.assign(new Error(message), { code });
}

const REASON_BY_CODE: readonly [Reason, codes: string[]][] = [
  ["dns", ["ENOTFOUND", "EAI_AGAIN", "EAI_FAIL", "EAI_NODATA", "EAI_NONAME"]],
  ["connect", ["ECONNREFUSED", "EHOSTUNREACH", "ENETUNREACH", "EHOSTDOWN", "ENETDOWN"]],
  ["connect", ["EADDRNOTAVAIL", "ETIMEDOUT", "EMFILE", "ENFILE"]],
  ["reset", ["ECONNRESET", "ECONNABORTED", "EPIPE"]],
  ["tls", ["UNABLE_TO_VERIFY_LEAF_SIGNATURE", "UNABLE_TO_GET_ISSUER_CERT_LOCALLY"]],
  ["tls", ["SELF_SIGNED_CERT_IN_CHAIN", "DEPTH_ZERO_SELF_SIGNED_CERT", "EPROTO"]],
  ["tls", ["CERT_HAS_EXPIRED", "CERT_NOT_YET_VALID", "ERR_TLS_CERT_ALTNAME_INVALID"]],
  ["tls", ["ERR_SSL_WRONG_VERSION_NUMBER", "ERR_OSSL_EVP_UNSUPPORTED"]],
  ["invalid_response", ["HPE_INVALID_CONSTANT", "HPE_INVALID_HEADER_TOKEN"]],
  ["internal", ["EWHATEVER", "", "constructor", "__proto__", "toString"]],
];

Deno.test("toRequestError finds the reason of each code", () => {
  for (const [reason, codes] of REASON_BY_CODE) {
    for (const code of codes) assertEquals(toRequestError(errorWith(code)).reason, reason, code);
  }
});

Deno.test("toRequestError makes an error without a code internal and keeps it as the cause", () => {
  for (const thrown of [new TypeError("not a function"), "text", null, errorWith(42)]) {
    const error = toRequestError(thrown);
    assertEquals([error.reason, error.cause], ["internal", thrown]);
  }
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

Deno.test("explain lists the errors of all addresses of a host", () => {
  const errors = [errorWith("ECONNREFUSED", "192.0.2.1 refused"), new Error("::1 refused")];
  assertEquals(explain(new AggregateError(errors)), "192.0.2.1 refused; ::1 refused");
  assertEquals(explain(new AggregateError(errors, "both failed")), "both failed");
});

Deno.test("explain does not repeat the cause that a RequestError was made from", () => {
  assertEquals(
    explain(toRequestError(errorWith("ECONNRESET", "socket hang up"))),
    "socket hang up",
  );
});

Deno.test("explain shows what is no error as text", () => {
  assertEquals(["text", 42, undefined].map(explain), ["text", "42", "undefined"]);
});

Deno.test("reasonOfStatus is null for 200 alone and has a reason for every other status", () => {
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
