/** Random responses, valid, nearly valid and invalid, and what none of them may cause. */
import { deflateSync, gzipSync } from "node:zlib";
import { assert, assertEquals } from "@std/assert";
import fc from "npm:fast-check@4.10.2";
import type { Reason } from "../../src/core/reasons.ts";
import { createRedactor } from "../../src/http_client/redact.ts";
import type { Exchange } from "../../src/http_client/exchange.ts";
import type { HttpResponse } from "../../src/http_client/response.ts";
import { RequestError } from "../../src/http_client/errors.ts";
import { FakeClock, settle } from "../support/clock.ts";
import { at } from "../support/at.ts";
import { HOSTILE, mostly } from "./runs.ts";
import { anyCharacter } from "../support/arbitraries.ts";

export const SECRET = 's3cret/"+ value';
/** Starts with the other one: hiding that one first would show the rest. */
const LONGER_SECRET = `${SECRET}.r3st`;
export const TOKEN = `t0ken-${"0123456789".repeat(120)}`;
const { redact, hide, hideToken } = createRedactor();
hide(SECRET);
hide(LONGER_SECRET);
hideToken(TOKEN);
export { redact };

/** How one exchange ends: with a response, with an error of the connection, or never. */
export type Ending = HttpResponse | { code: string } | "never";

export const encoder = new TextEncoder();
const latin1 = new TextDecoder("latin1");
const LEAKS = /s3cret|t0ken/;
const formsOf = (secret: string) => [
  secret,
  encodeURIComponent(secret),
  JSON.stringify(secret).slice(1, -1),
];
/** Secrets that a response may repeat. */
const leak = fc.constantFrom(
  ...formsOf(SECRET),
  LONGER_SECRET,
  TOKEN,
  `Bearer ${TOKEN}`,
  `${TOKEN} `.repeat(40),
);
export const noise = fc.oneof(
  fc.constantFrom(...HOSTILE),
  leak,
  fc.string({ unit: anyCharacter, maxLength: 700 }),
);

/** Only characters that HTTP allows in headers. */
const headerNoise = noise.map((text) => text.replace(/[^\t\x20-\x7e\x80-\xff]/g, "?"));

export const CODES = {
  ENOTFOUND: "dns",
  ECONNREFUSED: "connect",
  CERT_HAS_EXPIRED: "tls",
  ECONNRESET: "reset",
  HPE_INVALID_VERSION: "invalid_response",
} as const satisfies Record<string, Reason>;

/** The reason of an exchange that ends with this code. */
export function reasonOfCode(code: string): Reason {
  const reason = new Map<string, Reason>(Object.entries(CODES)).get(code);
  if (!reason) throw new Error(`no reason for ${code}`);
  return reason;
}

const anyStatus = mostly(
  fc.constant(200),
  fc.oneof(
    fc.constantFrom(201, 204, 301, 304, 400, 401, 403, 404, 418, 429, 429, 500, 501, 503, 503, 600),
    fc.integer({ min: 100, max: 999 }),
  ),
  3,
);
const retryAfter = mostly(
  fc.constant(undefined),
  fc.constantFrom(
    "0",
    "1",
    "-1",
    "58",
    "9".repeat(400),
    "Sat, 24 Oct 2026 12:00:01 GMT",
    "Sat, GMT",
  ),
  1,
);
export const plain = fc.constant(undefined);
/** Content encodings, supported ones and others. */
export const packed = mostly(
  fc.constantFrom(
    ...[undefined, "gzip", "deflate", "identity", "X-GZIP", "none", "UTF-8"],
    ...["gzip, gzip", "deflate, gzip", "identity,gzip"],
  ),
  fc.oneof(fc.constantFrom("br", "constructor", "__proto__", "\x1b[2J", "", "gzip, br"), noise),
);

/** A response with this body or a damaged one, compressed as its header says or nearly so. */
export function responseWith(
  body: fc.Arbitrary<string>,
  { status = anyStatus, encoding = plain }: {
    status?: fc.Arbitrary<number>;
    encoding?: fc.Arbitrary<string | undefined>;
  } = {},
): fc.Arbitrary<HttpResponse> {
  const bytes = mostly(
    body.map((text) => encoder.encode(text)),
    fc.oneof(
      fc.uint8Array({ maxLength: 600 }),
      body.map((text) => Uint8Array.from([0xef, 0xbb, 0xbf, ...encoder.encode(text)])),
    ),
  );
  return fc.record({
    status,
    bytes,
    encoding,
    retryAfter,
    broken: mostly(plain, fc.tuple(fc.nat({ max: 5_000 }), fc.nat({ max: 255 }))),
    type: mostly(fc.constant("application/json"), headerNoise),
    location: mostly(plain, noise, 2),
    challenge: mostly(
      plain,
      fc.tuple(noise, noise).map(([code, words]) =>
        `Bearer realm="x", error="${code}", error_description="${words}"`
      ),
      2,
    ),
  }).map((parts) => ({
    status: parts.status,
    headers: {
      "content-type": parts.type,
      "content-encoding": parts.encoding,
      "retry-after": parts.retryAfter,
      "location": parts.location,
      "www-authenticate": parts.challenge,
    },
    // A secret that the target itself has cut or changed is none any more.
    body: parts.broken && !LEAKS.test(latin1.decode(parts.bytes))
      ? broken(pack(parts.bytes, parts.encoding), ...parts.broken)
      : pack(parts.bytes, parts.encoding),
  }));
}

/** The encodings of a header in the order in which they were applied; those of no effect are left out. */
export function encodingsOf(header = ""): string[] {
  return header.toLowerCase().split(",").map((each) => each.trim())
    .filter((each) => !["", "identity", "none", "utf-8"].includes(each));
}

function pack(bytes: Uint8Array, header = ""): Uint8Array {
  return encodingsOf(header).reduce((packed, encoding) => {
    if (/^(x-)?gzip$/.test(encoding)) return new Uint8Array(gzipSync(packed));
    return encoding === "deflate" ? new Uint8Array(deflateSync(packed)) : packed;
  }, bytes);
}

/** These bytes with one of them changed, or without the second half. */
function broken(bytes: Uint8Array, at: number, value: number): Uint8Array {
  if (bytes.length > 0) bytes[at % bytes.length] = value;
  return value === 0 ? bytes.subarray(0, bytes.length >> 1) : bytes;
}

export function endingWith(response: fc.Arbitrary<HttpResponse>): fc.Arbitrary<Ending> {
  const code = fc.constantFrom(...Object.keys(CODES)).map((name) => ({ code: name }));
  return mostly(response, mostly(code, fc.constant<Ending>("never"), 2), 5);
}

/** A fake clock, and an exchange with these endings, of which the last one repeats. */
export function world(endings: readonly Ending[]) {
  const clock = new FakeClock();
  let count = 0;
  const last = () => at(endings, Math.min(count, endings.length) - 1);
  const exchange: Exchange = (_request, { signal }) => {
    count++;
    const ending = last();
    if (ending === "never") {
      return new Promise((_, reject) =>
        signal.addEventListener("abort", () => reject(signal.reason))
      );
    }
    return "code" in ending
      ? Promise.reject(new RequestError(reasonOfCode(ending.code), `${ending.code} ${SECRET}\n`))
      : Promise.resolve(ending);
  };
  return {
    clock,
    exchange,
    last,
    /** Lets time pass until the work is done; throws when that takes too long. */
    async outcomeOf<T>(work: Promise<T>): Promise<{ value: T } | { error: unknown }> {
      let outcome: { value: T } | { error: unknown } | undefined;
      work.then((value) => outcome = { value }, (error) => outcome = { error });
      for (let turn = 0; !outcome; turn++) {
        assert(turn < 100_000, "the work does not end");
        await settle();
        // Without a timer it is decompressing, which takes real time.
        if (clock.waiting > 0) clock.advance(500);
      }
      assertEquals(clock.waiting, 0, "a timer is left behind");
      return outcome;
    },
  };
}

/** The response that an exchange ended with; throws when it ended otherwise. */
export function responseOf(ending: Ending): HttpResponse {
  if (ending === "never" || "code" in ending) {
    throw new Error(`no response: ${JSON.stringify(ending)}`);
  }
  return ending;
}

/** The error, which must be of this class; throws for any other. */
export function errorOf<E>({ error }: { error: unknown }, kind: new (...given: never[]) => E): E {
  if (error instanceof kind) return error;
  throw new Error("unexpected error", { cause: error });
}

/** Characters that would move, hide or forge text where it is shown. */
// deno-lint-ignore no-control-regex -- the pattern looks for them
export const UNSAFE = /[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]/;

/** Asserts that a message is one harmless line without a secret. */
export function checkMessage(message: string): void {
  assert(!UNSAFE.test(message), JSON.stringify(message));
  assert(message.length > 0 && message.length <= 700, message);
  checkSecret(message);
}

/** Asserts that no encoding of the secret is in a text. */
export function checkSecret(text: string): void {
  for (const form of formsOf(SECRET)) assert(!text.includes(form), text);
}

/** Asserts that no part of the token or of the longer secret is left in a text. */
export function checkRemains(text: string): void {
  assert(!text.includes(TOKEN.slice(0, 40)) && !text.includes("r3st"), text);
}
