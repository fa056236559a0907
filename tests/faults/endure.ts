/** A fault from its beginning to its end, while a program probes. */
import { assert, assertEquals } from "@std/assert";
import { eventually, type Program } from "../support/program.ts";
import { undisturbed } from "../support/undisturbed.ts";
import { type Scrape, scrape } from "../support/scrape.ts";
import { MAX_LOOKUPS_PER_NAME } from "../../src/http_client/connection/resolve.ts";
import type { Reason } from "../../src/core/reasons.ts";
import { type Vitals, vitalsOf } from "./vitals.ts";

/** A running program, and what is known of it. */
export type Probing = {
  program: Program;
  url: string;
  /** Slots a second, of all datasets together. */
  rate: number;
  /** Its log cannot be read. */
  isSilent?: true;
  /** How often the target has read each request, by trace id; undefined when it cannot know. */
  requests?: ReadonlyMap<string, number>;
};

export type Fault = {
  /** The reason of every failure during the fault, or several possible ones; null for none. */
  reason: Reason | readonly Reason[] | null;
  begin: () => unknown;
  end: () => unknown;
  /** How often the target reads the request of each task. */
  seen?: 0 | 1;
  /** How many tasks the fault must affect. */
  tasks?: number;
  /** How long tasks may fail after the fault; by default the very first one must succeed. */
  recoverySeconds?: number;
  /** Further assertions on the affected tasks. */
  check?: (tasks: Task[]) => void;
};

/** A fault with the name of its test; the list that it stands in says how it begins and ends. */
export type NamedFault = Omit<Fault, "begin" | "end"> & { name: string };

/** Asserts that each task has reached exactly these phases. */
export function reached(...phases: string[]): (tasks: Task[]) => void {
  return (tasks) => {
    for (const task of tasks) assertEquals(Object.keys(task.phases), phases, task.trace_id);
  };
}

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

/** Connections of scrapes and tasks, and open files, may come and go. */
const SPARE_DESCRIPTORS = 4;

/** Each hanging lookup occupies a thread, and some threads write the log. */
const SPARE_THREADS = MAX_LOOKUPS_PER_NAME + 4;

/** Slots that are due during the scrapes, or run a little late. */
const SPARE_SLOTS = 3;

/** At most this share of the slots runs later than this during a fault. */
const MAX_LATE_SHARE = 0.01;
const LATE_SECONDS = 0.1;

/**
 * Runs a fault against a healthy program. Throws unless it affects all tasks as `fault` says, every
 * task is counted, no slot is skipped, 99 of 100 slots run on time, and afterwards the program is as
 * it was before.
 */
export function endure(probing: Probing, fault: Fault): Promise<void> {
  return undisturbed(async () => {
    const { slots, late, skipped } = await endureOnce(probing, fault);
    if (skipped > 0) return `${skipped} slots were skipped`;
    return late <= slots * MAX_LATE_SHARE ? null : `${late} of ${slots} slots ran late`;
  });
}

async function endureOnce(probing: Probing, fault: Fault): Promise<Slots> {
  const { program, url } = probing;
  await eventually("the program is healthy", async () => {
    const [newest, next] = await tasksOf(url, "?limit=2");
    return (next ?? newest)?.state === "SUCCEEDED";
  });
  const before = await checkedScrape(url);
  const vitals = vitalsOf(program.pid);

  let affected: Task[];
  try {
    await fault.begin();
    const first = await nextSeqno(url);
    affected = await settled(url, first, fault.tasks ?? TASKS, program, vitals);
    assertEquals((await fetchText(`${url}/healthz`)).status, 200, "its health");
    const [task] = affected;
    // Of so many successes the log has their number alone.
    const isLogged = fault.reason !== null && !probing.isSilent;
    await eventually(
      "the log reports the task",
      () => !isLogged || program.stderr.includes(`task ${task?.seqno} of`),
      1_500,
    );
  } finally {
    await fault.end();
  }
  const firstAfter = await nextSeqno(url);

  const reasons = [fault.reason ?? []].flat();
  for (const task of affected) {
    const expected = fault.reason === null ? "SUCCEEDED" : "FAILED";
    assertEquals(task.state, expected, JSON.stringify(task));
    assert(task.reason === null || reasons.includes(task.reason), JSON.stringify(task));
    const { seen } = fault;
    if (seen !== undefined) assertEquals(probing.requests?.get(task.trace_id) ?? 0, seen, "seen");
  }
  fault.check?.(affected);

  if (fault.recoverySeconds === undefined) {
    const [task] = await settled(url, firstAfter, 1, program);
    assertEquals([task?.state, task?.reason], ["SUCCEEDED", null], "the first task afterwards");
  } else {
    await eventually("a task succeeds again", async () => {
      const [newest] = await tasksOf(url, "?limit=1&state=succeeded");
      return newest !== undefined && newest.seqno >= firstAfter;
    }, fault.recoverySeconds * 1e3);
  }
  await eventually("all affected tasks are settled", async () => {
    const pending = await tasksOf(url, "?limit=1000&state=pending");
    return pending.every(({ seqno }) => seqno > firstAfter + 1);
  });
  const after = await checkedScrape(url);
  const slots = checkSchedule(probing, before, after);
  await checkFailures(url);
  await eventually("descriptors are closed", () => {
    return vitalsOf(program.pid).descriptors <= vitals.descriptors + SPARE_DESCRIPTORS;
  });
  return slots;
}

/** A scrape, and the times before and after it. */
type TimedScrape = Scrape & { sentMs: number; receivedMs: number };

/** A scrape whose counters agree. */
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

/** The slots between two scrapes that ran, how many of them late, and those that were skipped. */
type Slots = { slots: number; late: number; skipped: number };

/** Asserts that every slot between the scrapes has created a task or is counted as skipped. */
export function checkSchedule({ rate }: Probing, before: TimedScrape, after: TimedScrape): Slots {
  const gained = (name: string, labels = {}) =>
    after.value(name, labels) - before.value(name, labels);
  const slots = gained("probe_schedule_lag_seconds_count", { loop: "probe" });
  const skipped = gained("probe_slots_skipped_total");
  assertEquals(gained("probe_tasks_created_total"), slots, "a task for every slot");
  const min = (after.sentMs - before.receivedMs) / 1e3 * rate - SPARE_SLOTS;
  const max = (after.receivedMs - before.sentMs) / 1e3 * rate + SPARE_SLOTS;
  const due = slots + skipped;
  assert(due >= min && due <= max, `${due} slots, not ${min} to ${max}`);
  const onTime = { loop: "probe", le: String(LATE_SECONDS) };
  const late = slots - gained("probe_schedule_lag_seconds_bucket", onTime);
  return { slots, late, skipped };
}

/** Waits until the counters of failures agree with the list of tasks. */
async function checkFailures(url: string): Promise<void> {
  await eventually("the counters of failures agree with the list", async () => {
    const { samples } = await scrape(url);
    const counted: Record<string, number> = {};
    for (const { name, labels: { reason = "" }, value } of samples) {
      if (name !== "probe_task_failures_total" || value === 0) continue;
      counted[reason] = (counted[reason] ?? 0) + value;
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

/** Waits until `count` tasks from this `seqno` on are settled, and returns them. */
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
    const tasks = (await tasksFrom(url, first)).slice(0, count);
    return tasks.length === count && tasks.every(({ state }) => state !== "PENDING") && tasks;
  }, 15_000);
}

export async function tasksOf(url: string, query: string): Promise<Task[]> {
  return (await (await fetch(`${url}/tasks${query}`)).json()).tasks;
}

/** The tasks from this `seqno` on, oldest first. */
export async function tasksFrom(url: string, first: number): Promise<Task[]> {
  const tasks: Task[] = [];
  // Small pages, since a test that keeps the probe busy is what it measures.
  for (let query = "?limit=50";;) {
    const { tasks: page, next } = await (await fetch(`${url}/tasks${query}`)).json();
    tasks.push(...page);
    if (next === null || page.at(-1).seqno < first) break;
    query = `?limit=50&before=${next}`;
  }
  return tasks.filter(({ seqno }) => seqno >= first).reverse();
}

/** The `seqno` of the next task. */
export async function nextSeqno(url: string): Promise<number> {
  const [newest] = await tasksOf(url, "?limit=1");
  return (newest?.seqno ?? 0) + 1;
}

async function fetchText(url: string): Promise<{ status: number; text: string }> {
  const response = await fetch(url);
  return { status: response.status, text: await response.text() };
}
