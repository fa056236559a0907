/** A fault from its beginning to its end, in a program that probes all the while. */
import { assert, assertEquals } from "@std/assert";
import { eventually, type Program } from "../support/program.ts";
import { type Scrape, scrape } from "../support/scrape.ts";
import { MAX_LOOKUPS_PER_NAME } from "../../src/http_client/lookup.ts";
import type { Reason } from "../../src/core/reasons.ts";
import { type Vitals, vitalsOf } from "./vitals.ts";

/** A program that probes, and where it is reached. */
export type Probing = {
  program: Program;
  url: string;
  /** Slots a second, of all datasets together. */
  rate: number;
  /** Its log cannot be read. */
  isSilent?: true;
  /** How often the target has read each task's request, by trace id; undefined where it cannot. */
  requests?: ReadonlyMap<string, number>;
};

export type Fault = {
  /** What every task fails with meanwhile; several where it may be any; `null` where none fails. */
  reason: Reason | readonly Reason[] | null;
  begin: () => unknown;
  end: () => unknown;
  /** How often the target reads the request of a task meanwhile. */
  seen?: 0 | 1;
  /** How many tasks are waited for. */
  tasks?: number;
  /** How long tasks may go on failing afterwards; otherwise the very first one succeeds. */
  recoverySeconds?: number;
  /** What else is wanted of the tasks that were struck. */
  check?: (tasks: Task[]) => void;
};

/** A task as `/tasks` shows it. */
export type Task = {
  seqno: number;
  state: "PENDING" | "SUCCEEDED" | "FAILED";
  reason: Reason | null;
  created: string;
  duration_seconds: number;
  attempts: { status: number | null }[];
  phases: Record<string, number>;
  trace_id: string;
  body: string | null;
};

const TASKS = 8;

/** What may come and go by itself: connections of scrapes and tasks, a file that is being read. */
const SPARE_DESCRIPTORS = 4;

/** Each of the lookups that hang holds a thread, and some write the log. */
const SPARE_THREADS = MAX_LOOKUPS_PER_NAME + 4;

/** Those that are due at the very instants of the scrapes, or run a little late. */
const SPARE_SLOTS = 3;

/** How late slots have run during faults, from all the programs of this file. */
export const lags = new Map<number, number>();

/**
 * Lets a fault come over a program that is well, and go. Throws unless all the tasks were struck as
 * the fault says, every one was counted, no slot was late enough to be lost, and all was as before.
 */
export async function endure(probing: Probing, fault: Fault): Promise<void> {
  const { program, url } = probing;
  await eventually("a program that is well", async () => {
    const [newest, next] = await tasksOf(url, "?limit=2");
    return (next ?? newest)?.state === "SUCCEEDED";
  });
  const before = await checkedScrape(url);
  const vitals = vitalsOf(program.pid);

  let struck: Task[];
  try {
    await fault.begin();
    const first = await nextSeqno(url);
    struck = await settled(url, first, fault.tasks ?? TASKS, program, vitals);
    assertEquals((await fetchText(`${url}/healthz`)).status, 200, "its health");
    await eventually(
      "the log tells of it",
      () => probing.isSilent || program.stderr.includes(`task ${struck[0].seqno} of`),
      1_500,
    );
  } finally {
    await fault.end();
  }
  const firstAfter = await nextSeqno(url);

  const reasons = [fault.reason ?? []].flat();
  for (const task of struck) {
    const expected = fault.reason === null ? "SUCCEEDED" : "FAILED";
    assertEquals(task.state, expected, JSON.stringify(task));
    assert(task.reason === null || reasons.includes(task.reason), JSON.stringify(task));
    const { seen } = fault;
    if (seen !== undefined) assertEquals(probing.requests?.get(task.trace_id) ?? 0, seen, "seen");
  }
  fault.check?.(struck);

  if (fault.recoverySeconds === undefined) {
    const [task] = await settled(url, firstAfter, 1, program);
    assertEquals([task.state, task.reason], ["SUCCEEDED", null], "the first task afterwards");
  } else {
    await eventually("a task succeeds again", async () => {
      return (await tasksOf(url, "?limit=1000&state=succeeded"))
        .some(({ seqno }) => seqno >= firstAfter);
    }, fault.recoverySeconds * 1e3);
  }
  await eventually("what was struck is over", async () => {
    const pending = await tasksOf(url, "?limit=1000&state=pending");
    return pending.every(({ seqno }) => seqno > firstAfter + 1);
  });
  const after = await checkedScrape(url);
  checkSchedule(probing, before, after);
  await checkFailures(url);
  await eventually("its descriptors are back", () => {
    return vitalsOf(program.pid).descriptors <= vitals.descriptors + SPARE_DESCRIPTORS;
  });
}

/** A scrape, and between which instants it was answered. */
type TimedScrape = Scrape & { sentMs: number; receivedMs: number };

/** A scrape that adds up. */
export async function checkedScrape(url: string): Promise<TimedScrape> {
  const sentMs = performance.now();
  const scraped = { ...await scrape(url), sentMs, receivedMs: performance.now() };
  const { value } = scraped;
  const settledTasks = value("probe_tasks_succeeded_total") + value("probe_tasks_failed_total");
  assertEquals(
    value("probe_tasks_created_total"),
    settledTasks + value("probe_tasks_in_flight"),
    "created = succeeded + failed + in flight",
  );
  assertEquals(value("probe_task_failures_total"), value("probe_tasks_failed_total"), "by reason");
  assertEquals(value("probe_task_duration_seconds_count"), settledTasks, "measured");
  return scraped;
}

/** Every slot has run, none so late that another was lost, and each has made a task. */
export function checkSchedule({ rate }: Probing, before: TimedScrape, after: TimedScrape): void {
  const gained = (name: string, labels = {}) =>
    after.value(name, labels) - before.value(name, labels);
  const slots = gained("probe_schedule_lag_seconds_count", { loop: "probe" });
  assertEquals(gained("probe_slots_skipped_total"), 0, "skipped slots");
  assertEquals(gained("probe_tasks_created_total"), slots, "a task for every slot");
  const least = (after.sentMs - before.receivedMs) / 1e3 * rate - SPARE_SLOTS;
  const most = (after.receivedMs - before.sentMs) / 1e3 * rate + SPARE_SLOTS;
  assert(slots >= least && slots <= most, `${slots} slots, not ${least} to ${most}`);
  for (const { name, labels } of after.samples) {
    if (name !== "probe_schedule_lag_seconds_bucket" || labels.loop !== "probe") continue;
    const bound = labels.le === "+Inf" ? Infinity : Number(labels.le);
    lags.set(bound, (lags.get(bound) ?? 0) + gained(name, labels));
  }
}

/** The counters of failures say what the list of tasks says. */
async function checkFailures(url: string): Promise<void> {
  await eventually("the failures' counters and the list of failures are the same", async () => {
    const { samples } = await scrape(url);
    const counted: Record<string, number> = {};
    for (const { name, labels, value } of samples) {
      if (name !== "probe_task_failures_total" || value === 0) continue;
      counted[labels.reason] = (counted[labels.reason] ?? 0) + value;
    }
    const listed: Record<string, number> = {};
    for (let query = "?limit=1000&state=failed";;) {
      const { tasks, next } = await (await fetch(`${url}/tasks${query}`)).json();
      for (const { reason } of tasks) listed[reason] = (listed[reason] ?? 0) + 1;
      if (next === null) break;
      query = `?limit=1000&state=failed&before=${next}`;
    }
    const sorted = (counts: Record<string, number>) =>
      JSON.stringify(Object.entries(counts).sort());
    return sorted(counted) === sorted(listed);
  }, 2_000);
}

/** The tasks from this seqno on as soon as so many are settled. */
export async function settled(
  url: string,
  first: number,
  count: number,
  { pid }: { pid: number },
  vitals?: Vitals,
): Promise<Task[]> {
  return await eventually(`${count} settled tasks from ${first} on`, async () => {
    if (vitals) {
      const { threads } = vitalsOf(pid);
      assert(threads <= vitals.threads + SPARE_THREADS, `${threads} threads`);
    }
    const tasks = (await tasksOf(url, "?limit=1000")).reverse()
      .filter(({ seqno }) => seqno >= first && seqno < first + count);
    return tasks.length === count && tasks.every(({ state }) => state !== "PENDING") && tasks;
  }, 15_000);
}

export async function tasksOf(url: string, query = "?limit=1000"): Promise<Task[]> {
  return (await (await fetch(`${url}/tasks${query}`)).json()).tasks;
}

/** The seqno of the next task that is created. */
export async function nextSeqno(url: string): Promise<number> {
  const [newest] = await tasksOf(url, "?limit=1");
  return (newest?.seqno ?? 0) + 1;
}

async function fetchText(url: string): Promise<{ status: number; text: string }> {
  const response = await fetch(url);
  return { status: response.status, text: await response.text() };
}
