import fc from "npm:fast-check@4.10.2";
import type { TaskRow } from "../../src/core/task_row.ts";

/** Any row that a table may have to show; its texts are escaped already. */
export const anyRow: fc.Arbitrary<TaskRow> = fc.record({
  seqno: fc.oneof(fc.nat(99), fc.maxSafeNat()),
  datasetId: fc.oneof(
    fc.constantFrom("a", "FAILED", "x".repeat(128), "データ".repeat(30)),
    fc.string({ unit: "grapheme" }),
  ).filter((id) => !/\p{C}/u.test(id)),
  state: fc.constantFrom("PENDING", "SUCCEEDED", "FAILED"),
  createdMs: fc.integer({ min: 0, max: Date.UTC(2100) }),
  settledMs: fc.option(fc.integer({ min: 0, max: Date.UTC(2100) })),
  durationSeconds: fc.option(fc.double({ min: 0, max: 1e9, noNaN: true })),
  attempts: fc.option(fc.nat(12)),
  reason: fc.option(fc.constantFrom("dns", "invalid_response", "r".repeat(400))),
  message: fc.option(fc.constantFrom("status 503", "connect ECONNREFUSED", "漢".repeat(400))),
});
