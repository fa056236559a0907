import { assert, assertEquals } from "@std/assert";
import fc from "npm:fast-check@4.10.2";
import { createRedactor } from "../../src/http_client/redact.ts";
import type { HttpResponse } from "../../src/http_client/response.ts";
import { describeRefusal } from "../../src/okdata/refusal.ts";
import { anyCharacter } from "../support/arbitraries.ts";

type Headers = HttpResponse["headers"];

const { redact, hide } = createRedactor();
hide("s3cret");

function refusalOf(status: number, headers: Headers = {}, body: string | null = "") {
  const bytes = body === null ? null : new TextEncoder().encode(body);
  return describeRefusal({ status, headers }, bytes, redact);
}

function messageOf(status: number, headers: Headers = {}, body: string | null = ""): string {
  return refusalOf(status, headers, body).message;
}

Deno.test("a refusal has its status and the start of the body in one line", () => {
  assertEquals(messageOf(418), "status 418");
  assertEquals(
    messageOf(503, {}, "upstream connect error\n  or disconnect"),
    "status 503: upstream connect error or disconnect",
  );
  assertEquals(
    messageOf(403, {}, '{"message":"Forbidden"}'),
    'status 403: {"message":"Forbidden"}',
  );
  assertEquals(messageOf(500, {}, "x".repeat(9_000)), `status 500: ${"x".repeat(120)}…`);
});

Deno.test("a refusal in HTML has its title, and no tags", () => {
  const page = "<html>\r\n<head><title>502 Bad Gateway</title></head><body>nginx";
  assertEquals(messageOf(502, {}, page), 'status 502: HTML, "502 Bad Gateway"');
  assertEquals(messageOf(502, {}, "<!doctype HTML><p>sorry"), "status 502: HTML");
});

Deno.test("a refusal whose body is no text, or cannot be decoded, has its status alone", () => {
  const { message } = describeRefusal(
    { status: 500, headers: {} },
    Uint8Array.of(0xff, 0xfe),
    redact,
  );
  assertEquals(message, "status 500");
  assertEquals(messageOf(500, {}, null), "status 500");
});

Deno.test("a redirect says where it leads, and advises to look at OKDATA_API_URL", () => {
  for (const status of [301, 302, 307, 308]) {
    const { message, advice } = refusalOf(
      status,
      { location: "https://api.example/v2/abc123" },
      "moved",
    );
    assertEquals(message, `status ${status}, a redirect to https://api.example/v2/abc123`);
    assert(advice?.includes("OKDATA_API_URL"), advice);
    assert(advice?.includes("https://api.example/v2/abc123"), advice);
  }
  assertEquals(refusalOf(304), { message: "status 304" });
  assertEquals(refusalOf(500, { location: "/elsewhere" }), { message: "status 500" });
});

Deno.test("a redirect shows no user, password, query and fragment", () => {
  const targets = [
    ["https://user:pass@login.example/a?token=abc#d", "https://login.example/a?…"],
    ["//user@login.example/", "//login.example/"],
    ["/login?state=abc", "/login?…"],
    ["/login#token=abc", "/login?…"],
    ["login/@me", "login/@me"],
    ["https://login.example/s3cret", "https://login.example/[redacted]"],
  ] as const;
  for (const [location, shown] of targets) {
    assertEquals(messageOf(302, { location }), `status 302, a redirect to ${shown}`);
  }
});

Deno.test("a 401 or 403 has the error of its bearer challenge", () => {
  const challenge = 'Bearer realm="okdata", error="invalid_token", ' +
    'error_description="The access token expired"';
  for (const status of [401, 403]) {
    assertEquals(
      messageOf(status, { "www-authenticate": challenge }, "long"),
      `status ${status}: invalid_token, The access token expired`,
    );
  }
  assertEquals(messageOf(404, { "www-authenticate": challenge }), "status 404");
});

Deno.test("a bearer challenge is read in every form that HTTP allows", () => {
  const challenges: [header: string | string[], shown: string][] = [
    ["Bearer error=insufficient_scope", "insufficient_scope"],
    ['Bearer Error = "a", ERROR_DESCRIPTION="b"', "a, b"],
    [String.raw`Bearer error="a", error_description="say \"no\""`, 'a, say "no"'],
    [['Basic realm="x"', 'Bearer error="a"'], "a"],
    ['Bearer realm="error=\\"forged\\"", error="a"', "a"],
    ['Bearer realm="x"', "the body"],
    ["Bearer", "the body"],
    ["", "the body"],
    ['Bearer error="unclosed', "the body"],
    ['Bearer error="s3cret"', "[redacted]"],
    [String.raw`Bearer error="s3\cret"`, "[redacted]"],
    [`Bearer realm="${"x".repeat(4_080)}", error=s3cret`, "the body"],
    [`Bearer error="${"x".repeat(500)}"`, `${"x".repeat(120)}…`],
  ];
  for (const [header, shown] of challenges) {
    const message = messageOf(401, { "www-authenticate": header }, "the body");
    assertEquals(message, `status 401: ${shown}`, String(header));
  }
});

Deno.test("a refusal is short and has no secret, whatever the response", () => {
  const text = fc.oneof(
    fc.string({ unit: anyCharacter, maxLength: 400 }),
    fc.array(
      fc.constantFrom("s3cret", " ", "?", "//", "@", '"', "\\", "=", "error=", "<html><title>"),
    )
      .map((parts) => parts.join("")),
  );
  const status = fc.constantFrom(301, 401, 403, 404, 500);
  fc.assert(fc.property(status, text, text, text, (status, location, challenge, body) => {
    const { message } = refusalOf(status, { location, "www-authenticate": challenge }, body);
    assert(!message.includes("s3cret"), message);
    assert(message.length <= 160, message);
  }));
});

Deno.test("the longest challenge costs milliseconds", () => {
  const unclosed = 'error="'.repeat(10_000);
  const startMs = performance.now();
  messageOf(401, { "www-authenticate": unclosed });
  const elapsedMs = performance.now() - startMs;
  // Without its bound the search takes seconds.
  assert(elapsedMs < 500, `${elapsedMs} ms`);
});
