/** Random responses of the identity provider: each gives a token, or an error with its cause. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import fc from "npm:fast-check@4.10.2";
import { RequestError } from "../../src/http_client/errors.ts";
import { createTokenFetcher } from "../../src/okdata/oauth.ts";
import {
  checkMessage,
  checkRemains,
  type Ending,
  endingWith,
  errorOf,
  noise,
  reasonOfCode,
  redact,
  responseOf,
  responseWith,
  SECRET,
  world,
} from "./responses.ts";
import { holds, mostly, mutated, Outcomes } from "./runs.ts";

const MAX_LIFETIME_SECONDS = 30 * 86_400;

const lifetime = mostly(
  fc.integer({ min: 1, max: 1e5 }),
  fc.oneof(
    fc.constantFrom<unknown>(undefined, 0, -1, 1e-9, 1e400, "60", "x", null, [], 1e15),
    fc.double(),
  ),
  2,
);
const refusal = fc.record({ error: noise, error_description: noise, error_uri: noise }, {
  requiredKeys: ["error"],
}).map((value) => JSON.stringify(value));
const grant = mostly(
  fc.record({
    access_token: mostly(fc.constant("abc.def"), noise, 6),
    token_type: mostly(fc.constant("Bearer"), fc.oneof(noise, fc.constant(1)), 6),
    expires_in: lifetime,
    scope: mostly(fc.constant("read"), noise, 6),
  }, { requiredKeys: ["access_token", "token_type"] }).map((value) => JSON.stringify(value)),
  fc.oneof(
    mutated(fc.constant('{"access_token":"abc","token_type":"Bearer","expires_in":60}')),
    noise,
  ),
  3,
);
const response = mostly(
  responseWith(grant),
  responseWith(refusal, { status: fc.constantFrom(400, 401, 403) }),
);

/** Whether the provider could not be reached, did not respond in time, or is out of order. */
function isOutage(ending: Ending): boolean {
  if (ending === "never") return true;
  if ("code" in ending) return reasonOfCode(ending.code) !== "invalid_response";
  const { status } = ending;
  return [408, 425, 429].includes(status) || (status >= 500 && status <= 599);
}

Deno.test("responses of the identity provider bring a token, or fail for a reason that follows from them", async () => {
  const outcomes = new Outcomes([
    ...["token", "long token", "refused", "redacted", "timeout", "dns", "reset"],
    ...["1xx", "2xx", "3xx", "4xx", "5xx", "6xx"],
  ]);
  await holds(
    fc.asyncProperty(endingWith(response), async (ending) => {
      const { clock, exchange, outcomeOf } = world([ending]);
      const fetchToken = createTokenFetcher({
        exchange,
        clock,
        redact,
        tokenUrl: "http://login/token",
        clientId: "client",
        readSecret: () => Promise.resolve(SECRET),
        timeoutMs: 10_000,
      });
      const outcome = await outcomeOf(fetchToken(new AbortController().signal));
      if ("value" in outcome) {
        const { status, body } = responseOf(ending);
        const { access_token, expires_in = 300 } = JSON.parse(new TextDecoder().decode(body));
        assertEquals([status, outcome.value.value], [200, access_token]);
        assert(/^[!-~]+$/.test(access_token), JSON.stringify(access_token));
        const seconds = Math.min(parseFloat(expires_in), MAX_LIFETIME_SECONDS);
        assertEquals(outcome.value.lifetimeMs, seconds * 1e3);
        assert(seconds >= 0, `${seconds}`);
        return outcomes.add(seconds === MAX_LIFETIME_SECONDS ? "long token" : "token");
      }
      const { reason, message, cause } = errorOf(outcome, RequestError);
      assertEquals(reason, isOutage(ending) ? "identity_provider" : "auth");
      checkMessage(message);
      checkRemains(message);
      if (ending === "never") outcomes.add("timeout");
      else if ("code" in ending) outcomes.add(reasonOfCode(ending.code));
      else {
        const { status } = ending;
        if (status !== 200) assertStringIncludes(message, `status ${status}`);
        if (isOutage(ending)) {
          assertEquals(errorOf({ error: cause }, RequestError).response?.status, status);
        }
        outcomes.add(
          message.includes("refused with") ? "refused" : `${Math.floor(status / 100)}xx`,
        );
      }
      if (message.includes("[redacted]")) outcomes.add("redacted");
    }),
    { outcomes },
  );
});
