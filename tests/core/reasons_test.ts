import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import fc from "npm:fast-check@4.10.2";
import {
  exitCodeOf,
  isRetried,
  type Origin,
  type Reason,
  REASON_DEFINITIONS,
  REASONS,
  reasonsFrom,
} from "../../src/core/reasons.ts";

/** The table as users know it: the exit code of a one-off run, and who has to act. */
const PROMISED: readonly [Reason, exitCode: number, Origin][] = [
  ["timeout", 4, "network"],
  ["dns", 5, "network"],
  ["connect", 5, "network"],
  ["tls", 5, "network"],
  ["reset", 5, "network"],
  ["auth", 3, "identity provider"],
  ["identity_provider", 7, "identity provider"],
  ["unauthorized", 1, "platform"],
  ["not_found", 1, "platform"],
  ["rate_limited", 1, "platform"],
  ["server_error", 1, "platform"],
  ["http", 1, "platform"],
  ["invalid_response", 6, "platform"],
  ["internal", 1, "probe"],
];

const anyReason = fc.constantFrom(...REASONS);

Deno.test("REASON_DEFINITIONS has the promised exit code and origin of every reason", () => {
  const defined = REASONS.map((reason) => {
    const { exitCode, origin } = REASON_DEFINITIONS[reason];
    return [reason, exitCode, origin];
  });
  assertEquals(
    defined,
    PROMISED.map((row) => [...row]),
    "a new reason goes into PROMISED of tests/core/reasons_test.ts too",
  );
});

Deno.test("REASON_DEFINITIONS has a meaning and advice for every reason", () => {
  for (const reason of REASONS) {
    const { meaning, advice } = REASON_DEFINITIONS[reason];
    // A phrase for a table, and a sentence for a person.
    assertMatch(meaning, /^\S.*[^.\s]$/, reason);
    assertMatch(advice("dev"), /^[A-Z].*\.$/, reason);
  }
});

Deno.test("the advice names the environment where another one may be meant", () => {
  for (const reason of ["auth", "unauthorized", "not_found"] as const) {
    const advice = REASON_DEFINITIONS[reason].advice("OKDATA_ENVIRONMENT=dev");
    assertStringIncludes(advice, "OKDATA_ENVIRONMENT=dev");
  }
});

Deno.test("reasonsFrom returns each reason for exactly one origin, in the order of REASONS", () => {
  const origins: Origin[] = ["network", "identity provider", "platform", "probe"];
  assertEquals(origins.flatMap((origin) => reasonsFrom(origin)), [...REASONS]);
  assertEquals(reasonsFrom(...origins.toReversed()), [...REASONS]);
  assertEquals(reasonsFrom("probe", "identity provider"), [
    "auth",
    "identity_provider",
    "internal",
  ]);
  assertEquals(reasonsFrom(), []);
});

Deno.test("isRetried accepts failures of the network, of the provider and 429, and no refusal", () => {
  const retried = REASONS.filter((reason) => isRetried(reason, null));
  assertEquals(retried, [
    "timeout",
    "dns",
    "connect",
    "tls",
    "reset",
    "identity_provider",
    "rate_limited",
  ]);
});

Deno.test("isRetried accepts a server error for 500, 502, 503 and 504 only", () => {
  const statuses = Array.from({ length: 100 }, (_, i) => 500 + i);
  const retried = statuses.filter((status) => isRetried("server_error", status));
  assertEquals(retried, [500, 502, 503, 504]);
  assertEquals(isRetried("server_error", null), false);
});

Deno.test("isRetried accepts 408 and 425 of the other statuses", () => {
  const statuses = Array.from({ length: 400 }, (_, i) => 100 + i);
  assertEquals(statuses.filter((status) => isRetried("http", status)), [408, 425]);
});

Deno.test("isRetried ignores the status of a reason that is retried always or never", () => {
  for (const status of [null, 200, 401, 503]) {
    assertEquals([isRetried("reset", status), isRetried("invalid_response", status)], [
      true,
      false,
    ]);
  }
});

Deno.test("exitCodeOf is 0 without failures, and the code that all failures share", () => {
  assertEquals(exitCodeOf([]), 0);
  assertEquals(exitCodeOf(["auth"]), 3);
  assertEquals(exitCodeOf(["identity_provider"]), 7);
  assertEquals(exitCodeOf(new Set<Reason>(["dns", "connect", "tls", "reset"])), 5);
  assertEquals(exitCodeOf(["invalid_response", "invalid_response"]), 6);
});

Deno.test("exitCodeOf is 1 for failures that need different codes", () => {
  assertEquals(exitCodeOf(["auth", "timeout"]), 1);
  assertEquals(exitCodeOf(["dns", "dns", "not_found"]), 1);
});

Deno.test("exitCodeOf depends neither on the order nor on the number of failures", () => {
  fc.assert(fc.property(fc.array(anyReason, { minLength: 1 }), (failures) => {
    const code = exitCodeOf(failures);
    assert(code > 0, "a failure never counts as success");
    assertEquals(exitCodeOf([...failures, ...failures].reverse()), code);
  }));
});
