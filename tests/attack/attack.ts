/** Attacks on the real program, and what is measured of it meanwhile. */
import { assert, assertEquals } from "@std/assert";
import {
  baseEnvironment,
  eventually,
  linesOf,
  type Program,
  ROOT,
  shell,
} from "../support/program.ts";
import { slowness } from "../support/machine_speed.ts";
import { undisturbed } from "../support/undisturbed.ts";
import { type Scrape, scrape } from "../support/scrape.ts";
import { residentBytes, vitalsOf } from "../faults/vitals.ts";

/**
 * Slots for which an attack lasts: eight seconds. Attackers arrive in one instant and leave
 * in another; of fewer slots, those beside these instants would be more than a hundredth.
 */
const SLOTS = 400;

/** This share of the slots must be on time, which is no later than the limit. */
const QUANTILE = 0.99;
/** The limit, on a machine that is at most so many times as slow as usual. */
const MAX_LATENESS: [slowness: number, seconds: number][] = [
  [1.25, 0.05],
  [2.5, 0.1],
  [Infinity, 0.25],
];

/** No slot may be later, not even when thousands of connections are opened or closed in one instant. */
const MAX_HOLD_SECONDS = 1;

/** How long a health check waits by default, for example that of Kubernetes. */
const HEALTH_LIMIT_MS = 1_000;

/** The memory limit of the deployments in `deploy/`. */
const MAX_MEGABYTES = 512;

/** Descriptors that come and go without an attack: connections of scrapes and tasks, files. */
const SPARE_DESCRIPTORS = 6;

/** How long attackers may take to open their connections. */
const STARTING_MS = 30_000;

/**
 * Attackers share the processors with the probe here, but not in reality: what is measured is how
 * the probe handles their requests, not which process is scheduled. So the probe has the highest
 * priority where that is permitted, and the attackers have the lowest one. Not a real-time priority:
 * Linux suspends such a process for 50 ms of each second in which it does not wait at all.
 */
const mayRaisePriority = (await shell("nice -n -20 true 2>&1")).stdout === "";
export const PROBE_FIRST: readonly string[] = mayRaisePriority ? ["nice", "-n", "-20"] : [];
const ATTACKERS_LAST = ["nice", "-n", "19"];

/** The words before a command that limit its descriptors and give it priority. */
export function withDescriptors(count: number): readonly string[] {
  return ["sh", "-c", `ulimit -n ${count}; exec "$@"`, "sh", ...PROBE_FIRST];
}

/** A running probe, and how many tasks it has started. */
export type Victim = { program: Program; url: string; startedTasks: () => number };

/** The arguments of an attacker, see `attacker.ts`. */
export type Attacker = readonly [shape: string, connections: number, path?: string];

/**
 * Attacks a probe and checks that it keeps its schedule, skips no slot and fails no task, that its
 * health responds in time, that its memory stays within the limit, and that all is released after.
 *
 * The share of late slots of the bystander, a probe that nobody attacks, is the machine's own.
 */
export function attack(options: AttackOptions): Promise<void> {
  return undisturbed(() => attackOnce(options));
}

type AttackOptions = {
  victim: Victim;
  bystander: Victim;
  attackers: readonly Attacker[];
  /**
   * Judges the hundredth only between the instants in which the attackers come and go, for those that
   * let scrapes pass meanwhile.
   */
  isCrowd?: boolean;
};

/** Returns what was late, or null. */
async function attackOnce(
  { victim, bystander, attackers, isCrowd = false }: AttackOptions,
): Promise<string | null> {
  const { program: { pid }, url } = victim;
  const maxLatenessBefore = maxLatenessSeconds();
  const before = await scrape(url);
  const bystanderBefore = await scrape(bystander.url);
  const complaintsBefore = complaintsOf(victim.program).length;
  const { descriptors } = vitalsOf(pid);
  const startedBefore = victim.startedTasks();
  let maxBytes = residentBytes(pid);
  let maxHealthMs = 0;
  let acts: number[];
  let between: [Scrape, Scrape] | null = null;
  {
    await using running = await startAttackers(url, attackers);
    const afterArrival = isCrowd ? await scrape(url) : null;
    await eventually(`${SLOTS} tasks under attack`, async () => {
      maxHealthMs = Math.max(maxHealthMs, await healthMs(url));
      maxBytes = Math.max(maxBytes, residentBytes(pid));
      return victim.startedTasks() >= startedBefore + SLOTS;
    }, 60_000);
    acts = running.acts();
    between = afterArrival && [afterArrival, await scrape(url)];
  }
  await eventually("its descriptors are released", () => {
    return vitalsOf(pid).descriptors <= descriptors + SPARE_DESCRIPTORS;
  }, 30_000);
  // Requests of attackers that have left are still queued and may be served first.
  const after = await eventually("a scrape succeeds", async () => {
    const scraped = await scrape(url);
    return scraped.types.size > 0 && scraped;
  });

  const maxLateness = Math.max(maxLatenessBefore, maxLatenessSeconds());
  const whole = scheduleBetween(before, after, maxLateness);
  const judged = between ? scheduleBetween(...between, maxLateness) : whole;
  const bystanderAfter = await scrape(bystander.url);
  const bystanderLate = scheduleBetween(bystanderBefore, bystanderAfter, maxLateness).late;
  const megabytes = Math.round(maxBytes / 1024 ** 2);
  if (Deno.env.has("ATTACK_FIGURES")) {
    const figures = { maxLateness, bystanderLate, healthMs: Math.round(maxHealthMs), megabytes };
    console.log(JSON.stringify({ attackers, acts, ...whole, judged, ...figures }));
  }
  acts.forEach((count, i) => {
    const [shape, connections] = attackers[i] ?? ["unknown", 0];
    assert(count >= connections, `${shape}: ${count} acts on ${connections} connections`);
  });
  assertEquals([whole.skipped, whole.failed], [0, 0], "slots skipped, tasks failed");
  assert(megabytes <= MAX_MEGABYTES, `${megabytes} MB in memory`);
  assertEquals(complaintsOf(victim.program).slice(complaintsBefore), []);
  if (maxHealthMs > HEALTH_LIMIT_MS) return `the health took ${maxHealthMs} ms`;
  if (whole.held > 0) return `${whole.held} of ${whole.slots} slots were held for a second`;
  const { late, slots } = judged;
  if (late <= 1 - QUANTILE + bystanderLate) return null;
  return `${late} of ${slots} slots were over ${maxLateness} s late, ${bystanderLate} of the ` +
    "bystander's";
}

/** Log lines above `info`, without those about the 404s that the target sends on purpose. */
function complaintsOf({ stderr }: Program): string[] {
  return linesOf(stderr).filter((line) =>
    !/"level":"info"|"reason":"not_found"/.test(line) || !line.startsWith("{")
  );
}

async function healthMs(url: string): Promise<number> {
  const sinceMs = performance.now();
  const response = await fetch(`${url}/healthz`);
  assertEquals(response.status, 200, await response.text());
  return performance.now() - sinceMs;
}

/** How late a slot may be here and now, in seconds: a bound of the histogram. */
export function maxLatenessSeconds(): number {
  const now = slowness();
  return MAX_LATENESS.find(([most]) => now <= most)?.[1] ?? Infinity;
}

/** What happened to the slots between two scrapes. */
type Schedule = {
  slots: number;
  /** The share that was late. */
  late: number;
  /** The share that was later than any hold of the loop may make it. */
  held: number;
  skipped: number;
  /** Failed tasks, without the 404s that the target sends on purpose. */
  failed: number;
};

export function scheduleBetween(before: Scrape, after: Scrape, maxLateness: number): Schedule {
  const increase = (name: string, labels = {}) =>
    after.value(name, labels) - before.value(name, labels);
  const slots = increase("probe_schedule_lag_seconds_count", { loop: "probe" });
  const laterThan = (seconds: number) => {
    const labels = { loop: "probe", le: String(seconds) };
    return 1 - increase("probe_schedule_lag_seconds_bucket", labels) / slots;
  };
  return {
    slots,
    late: laterThan(maxLateness),
    held: laterThan(MAX_HOLD_SECONDS),
    skipped: increase("probe_slots_skipped_total"),
    failed: increase("probe_task_failures_total") -
      increase("probe_task_failures_total", { reason: "not_found" }),
  };
}

/** Running attackers. */
export type Attackers = AsyncDisposable & {
  /** How often each of them has done what it does. */
  acts: () => number[];
};

/** Starts the attackers; all of them have opened their connections when this resolves. */
export async function startAttackers(
  url: string,
  attackers: readonly Attacker[],
): Promise<Attackers> {
  const processes = attackers.map((attacker) => new AttackerProcess(url, attacker));
  const stop = async () => void await Promise.all(processes.map((process) => process.stop()));
  const limit = setTimeout(stop, STARTING_MS);
  const started = await Promise.all(processes.map((process) => process.started));
  clearTimeout(limit);
  if (started.includes(false)) {
    await stop();
    throw new Error("an attacker did not start");
  }
  return {
    acts: () => processes.map((process) => process.acts),
    [Symbol.asyncDispose]: stop,
  };
}

/** One attacker as a process of its own, which writes how much it has done. */
class AttackerProcess {
  acts = 0;
  /** Whether it has started; false when it ended before. */
  readonly started: Promise<boolean>;
  #child: Deno.ChildProcess;
  #reading: Promise<void>;

  constructor(url: string, [shape, connections, path = "/"]: Attacker) {
    const words = [
      ...ATTACKERS_LAST,
      ...[Deno.execPath(), "run", "--quiet", "--no-lock", "--allow-net"],
      ...["tests/attack/attacker.ts", url, shape, String(connections), path],
    ];
    const [command = "", ...args] = words;
    this.#child = new Deno.Command(command, {
      args,
      cwd: ROOT,
      clearEnv: true,
      env: baseEnvironment(),
      stdin: "null",
      stdout: "piped",
    }).spawn();
    const { promise, resolve } = Promise.withResolvers<boolean>();
    this.started = promise;
    this.#reading = this.#read(() => resolve(true)).finally(() => resolve(false));
  }

  async stop(): Promise<void> {
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // It has ended by itself.
    }
    await Promise.all([this.#reading, this.#child.status]);
  }

  async #read(onStart: () => void): Promise<void> {
    let text = "";
    for await (const part of this.#child.stdout.pipeThrough(new TextDecoderStream())) {
      text += part;
      const line = text.split("\n").at(-2);
      if (line === undefined) continue;
      this.acts = Number(line);
      onStart();
    }
  }
}
