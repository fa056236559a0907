import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import fc from "npm:fast-check@4.10.2";
import { holds } from "../fuzz/runs.ts";
import { createAuthority } from "../support/certificates.ts";
import {
  FRAMINGS,
  PACES,
  pathOf,
  type SlowResponse,
  startSlowServer,
} from "../support/slow_server.ts";
import { trusting, visit } from "./sockets.ts";

/** Durations are rounded to whole microseconds. */
const ROUNDING_SECONDS = 1e-6;

const responses = fc.uniqueArray(
  fc.record<SlowResponse>({
    framing: fc.constantFrom(...FRAMINGS),
    pace: fc.constantFrom(...PACES),
    delayMs: fc.integer({ min: 0, max: 3_000 }),
  }),
  { minLength: 20, maxLength: 30, selector: pathOf },
);

for (const scheme of ["http", "https"]) {
  Deno.test(`exchanges over ${scheme} last at least as long as their responses, and their phases add up`, async () => {
    const authority = await createAuthority();
    using _ = trusting(authority.pem);
    await using server = startSlowServer(
      scheme === "https" ? await authority.issue("localhost") : undefined,
    );
    await holds(
      fc.asyncProperty(responses, async (given) => {
        await Promise.all(given.map(async (response) => {
          const path = pathOf(response);
          const visited = await visit(`${server.url}/${path}`);
          assertEquals(visited.error, undefined, path);
          const { durationSeconds, phases, elapsedMs } = visited;
          const { firstMs, lastMs } = server.sent.get(path) ?? { firstMs: NaN, lastMs: NaN };
          assert(lastMs >= response.delayMs, "the server sent it late enough");
          const shown = `${path}: ${durationSeconds} s, sent after ${lastMs} ms`;
          assert(durationSeconds >= lastMs / 1e3 - ROUNDING_SECONDS, shown);
          assert(durationSeconds <= elapsedMs / 1e3 + ROUNDING_SECONDS, shown);
          assert((phases.processing ?? 0) >= firstMs / 1e3 - ROUNDING_SECONDS, shown);
          const sum = Object.values(phases).reduce((total, seconds) => total + seconds, 0);
          assertAlmostEquals(sum, durationSeconds, 5 * ROUNDING_SECONDS, path);
        }));
        // Side by side they take three seconds; each further run takes three more.
      }),
      { numRuns: 1, endOnFailure: true },
    );
  });
}
