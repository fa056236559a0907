import { assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import fc from "npm:fast-check@4.10.2";
import { PHASES, succeed, type SucceededTask } from "../../src/core/task.ts";
import { PackedSuccesses } from "../../src/probing/packed_successes.ts";
import { anyAttempt, anyPhases } from "../support/arbitraries.ts";
import { attempt, pending } from "../support/tasks.ts";

/** A success; with the first attempt, which ends with the task, unless other attempts are given. */
function success(seqno: number, fields: Partial<SucceededTask> = {}): SucceededTask {
  const task = pending({ seqno, createdMonotonicMs: seqno * 10 });
  const { phases = { connect: 0.25 } } = fields;
  const attempts = [attempt({ phases })];
  return { ...succeed(task, seqno * 10 + 250, { attempts, phases }), ...fields };
}

function contentOf(packed: PackedSuccesses): SucceededTask[] {
  return Array.from({ length: packed.length }, (_, index) => packed.at(index));
}

const microseconds = fc.integer({ min: 0, max: 60_000_000 }).map((us) => us / 1e6);

/** Of a task that was retried. */
const anyAttempts = fc.array(anyAttempt, { minLength: 2, maxLength: 4 });

const anySuccess = fc.record({
  seqno: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
  datasetId: fc.constantFrom("a", "b".repeat(128), "."),
  traceId: fc.string({
    unit: fc.constantFrom(..."0123456789abcdef"),
    minLength: 32,
    maxLength: 32,
  }),
  createdMs: fc.integer({ min: 0, max: Date.UTC(2100) }),
  createdMonotonicMs: fc.double({ min: 0, max: 1e12, noNaN: true }),
  durationSeconds: microseconds,
  share: fc.double({ min: 0, max: 1, noNaN: true }),
  retried: fc.option(fc.record({ attempts: anyAttempts, phases: anyPhases })),
});

Deno.test("PackedSuccesses returns every field of any task as it was inserted", () => {
  fc.assert(fc.property(anySuccess, ({ share, retried, ...fields }) => {
    // The first attempt ends with the task, and begins after its token.
    const microseconds = Math.round(share * fields.durationSeconds * 1e6);
    const first = attempt({
      durationSeconds: microseconds / 1e6,
      startSeconds: (Math.round(fields.durationSeconds * 1e6) - microseconds) / 1e6,
      phases: { connect: 0.25 },
    });
    const task = success(fields.seqno, { ...fields, ...retried ?? { attempts: [first] } });
    const packed = new PackedSuccesses();
    packed.insert(task);
    assertEquals(packed.at(0), task);
    assertEquals(
      [packed.seqnoAt(0), packed.datasetIdAt(0), packed.createdMonotonicMsAt(0)],
      [task.seqno, task.datasetId, task.createdMonotonicMs],
    );
  }));
});

Deno.test("PackedSuccesses keeps seven digits of the phases that were reached, and no other", () => {
  fc.assert(fc.property(anyPhases, (phases) => {
    const packed = new PackedSuccesses();
    packed.insert(success(1, { phases }));
    const kept = packed.at(0).phases;
    assertEquals(Object.keys(kept), PHASES.filter((phase) => phase in phases));
    for (const phase of PHASES) {
      const seconds = phases[phase] ?? 0;
      assertAlmostEquals(kept[phase] ?? 0, seconds, 1e-6 + seconds * 1e-7, phase);
    }
  }));
});

const step = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant("insert" as const),
      /** How many places before the newest task the new one belongs. */
      late: fc.oneof(fc.constant(0), fc.nat(5)),
      datasetId: fc.constantFrom("a", "b", "c"),
      retried: fc.option(fc.record({ attempts: anyAttempts, phases: anyPhases })),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("shift" as const), count: fc.nat(10) }) },
);

Deno.test("PackedSuccesses keeps tasks sorted like a plain list", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 100, size: "max" }), fc.nat(1_024), (steps, filled) => {
      const packed = new PackedSuccesses();
      let model: SucceededTask[] = [];
      // Starts anywhere in a chunk of rows, so that its end is reached too.
      for (let seqno = 1; seqno <= filled; seqno++) packed.insert(success(seqno));
      for (let seqno = 1; seqno <= filled; seqno++) packed.shift();
      let newest = filled;
      for (const each of steps) {
        if (each.do === "insert") {
          const seqno = each.late === 0 ? newest += 100 : newest - 7 * each.late;
          const floor = model[0]?.seqno ?? filled;
          if (seqno <= floor || model.some((task) => task.seqno === seqno)) continue;
          const { datasetId, retried } = each;
          const task = success(seqno, { datasetId, ...retried });
          packed.insert(task);
          model = [...model, task].sort((a, b) => a.seqno - b.seqno);
        } else {
          for (let i = 0; i < each.count && model.length > 0; i++) {
            packed.shift();
            model = model.slice(1);
          }
        }
        assertEquals(packed.length, model.length);
      }
      assertEquals(contentOf(packed), model);
    }),
    { numRuns: 100 },
  );
});

Deno.test("PackedSuccesses keeps tasks over many chunks, and reuses those that are free", () => {
  const packed = new PackedSuccesses();
  let oldest = 1;
  for (let seqno = 1; seqno <= 10_000; seqno++) {
    packed.insert(success(seqno));
    if (packed.length <= 1_500) continue;
    packed.shift();
    oldest++;
  }
  const expected = Array.from({ length: 1_500 }, (_, i) => oldest + i);
  assertEquals(expected.map((_, index) => packed.seqnoAt(index)), expected);
});

Deno.test("PackedSuccesses forgets the attempts of a retried task with the task", () => {
  const packed = new PackedSuccesses();
  const retried = [
    attempt({ status: 503, reason: "server_error", durationSeconds: 1 }),
    attempt({ durationSeconds: 2, startSeconds: 1.5, wait: "backoff" }),
  ];
  packed.insert(success(1, { attempts: retried }));
  assertEquals(packed.at(0).attempts, retried);
  packed.shift();
  // The same number again, as no probe gives it: nothing of the first task is left.
  packed.insert(success(1));
  assertEquals(packed.at(0).attempts, success(1).attempts);
});

Deno.test("PackedSuccesses throws beyond its rows", () => {
  const packed = new PackedSuccesses();
  assertThrows(() => packed.at(0), RangeError, "no succeeded task at 0");
});
