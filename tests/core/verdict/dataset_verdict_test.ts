import { assert, assertEquals } from "@std/assert";
import fc from "npm:fast-check@4.10.2";
import type { Reason } from "../../../src/core/reasons.ts";
import {
  DatasetVerdict,
  type News,
  recentSecondsOf,
  silenceSecondsOf,
} from "../../../src/core/verdict/dataset_verdict.ts";
import { MAX_WAITING } from "../../../src/core/verdict/creation_order.ts";
import { MAX_INCIDENTS } from "../../../src/core/verdict/rows.ts";
import { naiveRows, naiveState, type NaiveTask } from "../../support/naive_verdict.ts";
import { failed, pending, succeeded } from "../../support/tasks.ts";

const OPTIONS = { taskIntervalSeconds: 10, requestTimeoutSeconds: 10, sloLatencySeconds: 1 };
const INTERVAL_MS = 10_000;
const STARTED_MS = Date.UTC(2026, 10, 23, 12);

/** `S` succeeded, `L` succeeded slowly, `F` failed, `T` timed out. */
type Outcome = "S" | "L" | "F" | "T";
const REASONS: Record<Outcome, Reason | null> = {
  S: null,
  L: null,
  F: "server_error",
  T: "timeout",
};

/** A dataset whose tasks are created an interval apart and settle when the test says so. */
class Dataset {
  readonly verdict = new DatasetVerdict(OPTIONS, STARTED_MS, 0);
  readonly settledTasks: NaiveTask[] = [];
  readonly news: News[] = [];
  nowMs = 0;
  #created = 0;

  create(count: number): void {
    for (let i = 0; i < count; i++) {
      this.verdict.created(taskOf(++this.#created));
    }
  }

  settle(seqno: number, outcome: Outcome): void {
    const reason = REASONS[outcome];
    const seconds = outcome === "L" ? 2 : 0.125;
    const task = taskOf(seqno);
    const settled = reason === null ? succeeded(task, seconds) : failed(task, reason, seconds);
    const news = this.verdict.settled(settled, this.nowMs, STARTED_MS + this.nowMs);
    if (news) this.news.push(news);
    this.settledTasks.push({
      seqno,
      createdMs: task.createdMs,
      reason,
      durationSeconds: seconds,
      settledMs: this.nowMs,
    });
  }

  /** All tasks are created, then settle: those of `order` (from 0) in that order. */
  static of(outcomes: readonly Outcome[], order = outcomes.map((_, i) => i)): Dataset {
    const dataset = new Dataset();
    dataset.create(outcomes.length);
    for (const i of order) dataset.settle(i + 1, outcomes[i]!);
    return dataset;
  }

  get state() {
    return this.verdict.read(this.nowMs).state;
  }

  /** Since when, in tasks: 3 is the creation of the third. */
  get since(): number {
    return (this.verdict.read(this.nowMs).sinceMs - STARTED_MS) / INTERVAL_MS + 1;
  }
}

function taskOf(seqno: number) {
  return pending({ seqno, createdMs: STARTED_MS + (seqno - 1) * INTERVAL_MS });
}

function outcomesOf(text: string): Outcome[] {
  return [...text] as Outcome[];
}

const SETTLED: [outcomes: string, state: string, since: number][] = [
  ["S", "working", 1],
  ["F", "failing", 1],
  ["FF", "failing", 1],
  ["FS", "unsteady", 2],
  ["SF", "unsteady", 1],
  ["SFF", "unsteady", 1],
  ["SFFF", "failing", 2],
  ["SFTFTF", "failing", 2],
  ["SFFFS", "unsteady", 5],
  ["SFFFSFF", "unsteady", 5],
  ["SFFFSFFF", "failing", 6],
  ["SFSFSF", "unsteady", 1],
  ["L", "slow", 1],
  ["SL", "working", 1],
  ["LSL", "slow", 1],
  ["LLLF", "unsteady", 1],
];

for (const [outcomes, state, since] of SETTLED) {
  Deno.test(`a verdict over ${outcomes} is ${state}, since task ${since}`, () => {
    const dataset = Dataset.of(outcomesOf(outcomes));
    assertEquals([dataset.state, dataset.since], [state, since]);
  });
}

Deno.test("a verdict forgets failures after the window, and says what was in it", () => {
  const dataset = Dataset.of(outcomesOf("SFL"));
  const seen = (nowMs: number) => {
    const { state, recent } = dataset.verdict.read(nowMs);
    return [state, recent.settled, recent.failed, recent.slow];
  };
  assertEquals(seen(0), ["unsteady", 3, 1, 1]);
  dataset.nowMs = 30_000;
  dataset.create(1);
  dataset.settle(4, "S");
  assertEquals(seen(60_999), ["unsteady", 4, 1, 1]);
  dataset.nowMs = 61_000;
  dataset.create(1);
  dataset.settle(5, "S");
  assertEquals(seen(61_000), ["working", 2, 0, 0]);
});

Deno.test("the window has six intervals, at least a minute; silence three, and an attempt", () => {
  const seconds = [1, 10, 20].map((taskIntervalSeconds) => {
    const options = { ...OPTIONS, taskIntervalSeconds };
    return [recentSecondsOf(options), silenceSecondsOf(options)];
  });
  assertEquals(seconds, [[60, 20], [60, 40], [120, 70]]);
});

Deno.test("a verdict is starting, and has no news when nothing settles", () => {
  const dataset = new Dataset();
  dataset.create(3);
  const seen = (nowMs: number) => {
    const { state, sinceMs } = dataset.verdict.read(nowMs);
    return [state, sinceMs - STARTED_MS];
  };
  assertEquals(seen(40_000), ["starting", 0]);
  assertEquals(seen(40_001), ["no_news", 0]);
  dataset.nowMs = 50_000;
  dataset.settle(2, "S");
  assertEquals(seen(90_000), ["working", INTERVAL_MS]);
  assertEquals(seen(90_001), ["no_news", 50_000]);
});

Deno.test("a failing dataset stays failing while there is no news", () => {
  assertEquals(Dataset.of(outcomesOf("SFFF")).verdict.read(1e9).state, "failing");
});

Deno.test("a late time-out belongs to the outage in which its task was created", () => {
  // An outage in which tasks hang for a minute; the first success comes before the last time-outs.
  const dataset = Dataset.of(outcomesOf("SSTTTTTTSS"), [0, 1, 2, 3, 4, 8, 5, 9, 6, 7]);
  assertEquals([dataset.state, dataset.since], ["unsteady", 9]);
  assertEquals(dataset.verdict.incidents.map(({ lost, reasons }) => [lost, reasons]), [
    [6, { timeout: 6 }],
  ]);
  assertEquals(dataset.news.map(({ change }) => change), ["failing", "recovered"]);
});

Deno.test("an incident has its begin and end by creation, its reasons, and the tasks lost", () => {
  const dataset = Dataset.of(outcomesOf("SFSFFTSFFF"));
  const at = (task: number) => STARTED_MS + (task - 1) * INTERVAL_MS;
  assertEquals(dataset.verdict.incidents, [
    {
      startMs: at(4),
      endMs: at(7),
      lost: 3,
      reasons: { server_error: 2, timeout: 1 },
      firstSeqno: 4,
      endSeqno: 7,
    },
    {
      startMs: at(8),
      endMs: null,
      lost: 3,
      reasons: { server_error: 3 },
      firstSeqno: 8,
      endSeqno: null,
    },
  ]);
  assertEquals(dataset.news, [
    { change: "failing", sinceMs: at(4), lost: 3 },
    { change: "recovered", sinceMs: at(4), lost: 3 },
    { change: "failing", sinceMs: at(8), lost: 3 },
  ]);
});

Deno.test("the first success is that which was created first, whenever it settles", () => {
  const dataset = new Dataset();
  dataset.create(4);
  assertEquals(dataset.verdict.firstSuccessMs, null);
  dataset.settle(1, "F");
  assertEquals(dataset.verdict.firstSuccessMs, null);
  for (const seqno of [4, 3]) dataset.settle(seqno, "S");
  assertEquals(dataset.verdict.firstSuccessMs, taskOf(3).createdMs);
  dataset.settle(2, "F");
  assertEquals(dataset.verdict.firstSuccessMs, taskOf(3).createdMs);
});

Deno.test("incidents are bounded, the oldest go first", () => {
  const dataset = Dataset.of(outcomesOf("SFFF".repeat(MAX_INCIDENTS + 5) + "S"));
  const { incidents } = dataset.verdict;
  assertEquals(incidents.length, MAX_INCIDENTS);
  assertEquals(incidents[0]?.startMs, STARTED_MS + (5 * 4 + 1) * INTERVAL_MS);
});

Deno.test("a task that hangs for longer than a thousand others loses its place", () => {
  const dataset = new Dataset();
  dataset.create(1);
  for (let seqno = 2; seqno <= MAX_WAITING + 2; seqno++) {
    dataset.create(1);
    dataset.settle(seqno, "F");
  }
  assertEquals([dataset.state, dataset.since], ["failing", 2]);
  dataset.settle(1, "S");
  assertEquals([dataset.state, dataset.since], ["failing", 2]);
});

Deno.test("tasks that all hang fail the dataset, however many are in flight", () => {
  const dataset = new Dataset();
  dataset.create(1);
  dataset.settle(1, "S");
  const pending = 3 * MAX_WAITING;
  dataset.create(pending);
  for (let seqno = 2; seqno <= 10; seqno++) {
    dataset.create(1);
    dataset.settle(seqno, "T");
  }
  assertEquals([dataset.state, dataset.since], ["failing", 2]);
});

const outcome = fc.constantFrom<Outcome>("S", "L", "F", "T");
/** Rows of equal outcomes, so that outages come about. */
const outcomes = fc.array(fc.tuple(outcome, fc.integer({ min: 1, max: 5 })), { maxLength: 12 })
  .map((rows) => rows.flatMap(([each, count]) => Array<Outcome>(count).fill(each)));

/** Outcomes, and an order of settling. */
const shuffled = outcomes.chain((all) =>
  fc.record({
    all: fc.constant(all),
    order: fc.shuffledSubarray(all.map((_, i) => i), {
      minLength: all.length,
      maxLength: all.length,
    }),
  })
);

Deno.test("the order of settling never changes the verdict", () => {
  fc.assert(fc.property(shuffled, ({ all, order }) => {
    const [inOrder, outOfOrder] = [Dataset.of(all), Dataset.of(all, order)];
    assertEquals(outOfOrder.verdict.read(0), inOrder.verdict.read(0));
    assertEquals(outOfOrder.verdict.incidents, inOrder.verdict.incidents);
    assertEquals(outOfOrder.verdict.cause, inOrder.verdict.cause);
    assertEquals(outOfOrder.verdict.lastOutageEndMs, inOrder.verdict.lastOutageEndMs);
  }));
});

Deno.test("the verdict equals a plain reading of all settled tasks, at every moment", () => {
  const steps = fc.array(
    fc.record({
      waitMs: fc.oneof(fc.constant(0), fc.nat(20_000), fc.nat(100_000)),
      create: fc.nat(3),
      /** Which of the pending tasks settle. */
      settle: fc.array(fc.record({ place: fc.nat(20), outcome }), { maxLength: 4 }),
    }),
    { maxLength: 40, size: "max" },
  );
  fc.assert(fc.property(steps, (all) => {
    const dataset = new Dataset();
    const pendingTasks: number[] = [];
    let created = 0;
    for (const { waitMs, create, settle } of all) {
      dataset.nowMs += waitMs;
      dataset.create(create);
      for (let i = 0; i < create; i++) pendingTasks.push(++created);
      for (const { place, outcome } of settle) {
        const [seqno] = pendingTasks.splice(place % (pendingTasks.length || 1), 1);
        if (seqno !== undefined) dataset.settle(seqno, outcome);
      }
      const { settledTasks, nowMs } = dataset;
      const { sinceMs, incidents } = naiveRows(settledTasks);
      const state = naiveState(settledTasks, nowMs, {
        startedMs: 0,
        silenceMs: silenceSecondsOf(OPTIONS) * 1e3,
        windowMs: recentSecondsOf(OPTIONS) * 1e3,
        slowSeconds: OPTIONS.sloLatencySeconds,
      });
      const lastMs = settledTasks.at(-1)?.settledMs ?? 0;
      const verdict = dataset.verdict.read(nowMs);
      assertEquals(verdict.state, state);
      assertEquals(
        verdict.sinceMs,
        state === "no_news" ? STARTED_MS + lastMs : sinceMs ?? STARTED_MS,
      );
      assertEquals(dataset.verdict.incidents, incidents.slice(-MAX_INCIDENTS - 1));
    }
  }));
});

Deno.test("the cause is that of the newest failure, since it came up, and the first of the row", () => {
  const causeOf = (outcomes: string) => {
    const { cause } = Dataset.of(outcomesOf(outcomes)).verdict;
    const nth = (ms: number) => (ms - STARTED_MS) / INTERVAL_MS + 1;
    return cause && [
      cause.reason,
      nth(cause.sinceMs),
      cause.first.reason,
      nth(cause.first.sinceMs),
    ];
  };
  assertEquals(causeOf("SFF"), null);
  assertEquals(causeOf("SFFF"), ["server_error", 2, "server_error", 2]);
  assertEquals(causeOf("SFFFTT"), ["timeout", 5, "server_error", 2]);
  // One that comes and goes has been there since it first came.
  assertEquals(causeOf("SFTFTF"), ["server_error", 2, "server_error", 2]);
  // Another row has another beginning.
  assertEquals(causeOf("SFFFSTTF"), ["server_error", 8, "timeout", 6]);
  assertEquals(causeOf("SFFFS"), null);
});

Deno.test("the verdict says how much of its window the probe has run for", () => {
  const dataset = Dataset.of(outcomesOf("S"));
  const covered = [0, 23_000, 60_000, 1e6].map((nowMs) => {
    const { recentSeconds, recentCoveredSeconds } = dataset.verdict.read(nowMs);
    return [recentSeconds, recentCoveredSeconds];
  });
  assertEquals(covered, [[60, 0], [60, 23], [60, 60], [60, 60]]);
});

Deno.test("a straggler never flips the verdict", () => {
  // Three tasks that were created after the straggler have settled before it.
  const scene = shuffled.filter(({ all }) => all.length > 3).chain(({ all, order }) =>
    fc.record({
      all: fc.constant(all),
      order: fc.constant(order),
      straggler: fc.nat(all.length - 4),
    })
  );
  fc.assert(fc.property(scene, ({ all, order, straggler }) => {
    const dataset = Dataset.of(all, order.filter((i) => i !== straggler));
    const isFailing = dataset.state === "failing";
    const news = dataset.news.length;
    dataset.settle(straggler + 1, all[straggler]!);
    assertEquals(dataset.state === "failing", isFailing);
    assertEquals(dataset.news.length, news);
  }));
});

Deno.test("a straggler among successes changes no outage, and not since when", () => {
  const scene = fc.tuple(outcomes, outcome, outcomes);
  fc.assert(fc.property(scene, ([before, straggler, after]) => {
    const all = [...before, "S", straggler, "S", ...after] as Outcome[];
    const place = before.length + 1;
    const dataset = Dataset.of(all, all.map((_, i) => i).filter((i) => i !== place));
    const seen = () => {
      const { incidents } = dataset.verdict;
      return [incidents, dataset.since, dataset.state === "failing", dataset.news.length];
    };
    const expected = seen();
    dataset.settle(place + 1, straggler);
    assertEquals(seen(), expected);
  }));
});

Deno.test("an outage is reported once at its begin and once at its end, whatever straggles", () => {
  const scene = fc.record({
    before: fc.integer({ min: 1, max: 5 }),
    lost: fc.integer({ min: 3, max: 9 }),
    after: fc.integer({ min: 1, max: 5 }),
  }).chain(({ before, lost, after }) => {
    const all = outcomesOf("S".repeat(before) + "F".repeat(lost) + "S".repeat(after));
    return fc.record({
      all: fc.constant(all),
      order: fc.shuffledSubarray(all.map((_, i) => i), { minLength: all.length }),
    });
  });
  fc.assert(fc.property(scene, ({ all, order }) => {
    const { news } = Dataset.of(all, order);
    const changes = news.map(({ change }) => change);
    // An outage whose end was known before three of its tasks had settled was never one to report.
    assert(
      ["", "failing,recovered"].includes(changes.join()),
      `reported ${changes.join(", ")}`,
    );
    assertEquals(Dataset.of(all).news.length, 2);
  }));
});

Deno.test("the end of an outage is reported though each success is slower than a failure", () => {
  const dataset = new Dataset();
  dataset.create(200);
  for (const seqno of [1, 2, 3]) dataset.settle(seqno, "F");
  const settledAt: number[] = [];
  // Each success is overtaken by the failure that was created after it.
  for (let seqno = 4; seqno < 24; seqno += 2) {
    dataset.nowMs += INTERVAL_MS;
    dataset.settle(seqno + 1, "F");
    dataset.settle(seqno, "L");
    if (dataset.news.length === 2) settledAt.push(dataset.nowMs);
  }
  assertEquals(dataset.news, [
    { change: "failing", sinceMs: STARTED_MS, lost: 1 },
    { change: "recovered", sinceMs: STARTED_MS, lost: 10 },
  ]);
  assertEquals(settledAt[0], INTERVAL_MS + recentSecondsOf(OPTIONS) * 1e3);
});

Deno.test("reports of outages alternate, and only the newest task ends one", () => {
  fc.assert(fc.property(shuffled, ({ all, order }) => {
    const dataset = new Dataset();
    dataset.create(all.length);
    let newest = 0;
    let reports = 0;
    for (const i of order) {
      dataset.settle(i + 1, all[i]!);
      newest = Math.max(newest, i);
      if (dataset.news.length === reports) continue;
      const change = dataset.news[reports++]?.change;
      assertEquals(change, reports % 2 === 1 ? "failing" : "recovered");
      if (change === "recovered") assertEquals(i, newest);
    }
    if (REASONS[all.at(-1) ?? "S"] === null) assertEquals(reports % 2, 0);
  }));
});
