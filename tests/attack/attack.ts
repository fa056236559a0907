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
import { undisturbed } from "../support/undisturbed.ts";
import { type Scrape, scrape } from "../support/scrape.ts";
import { residentBytes, vitalsOf } from "../faults/vitals.ts";

/**
 * Slots for which an attack lasts by default: eight seconds. Attackers arrive in one instant and leave
 * in another; of fewer slots, those beside these instants would be more than a hundredth.
 */
const SLOTS = 400;

/** This share of the slots must be on time, which is no later than the limit. */
const QUANTILE = 0.99;
const MAX_LATENESS_SECONDS = 0.05;

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
 * the probe handles their requests, not which process is scheduled. So the probe has priority over
 * all others where that is permitted; otherwise the attackers have the lowest one.
 */
const hasRealTimePriority = (await shell("chrt --rr 1 true")).code === 0;
export const PROBE_FIRST: readonly string[] = hasRealTimePriority ? ["chrt", "--rr", "1"] : [];
const ATTACKERS_LAST = hasRealTimePriority ? [] : ["nice", "-n", "19"];

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
  slots?: number;
};

/** Returns what was late, or null. */
async function attackOnce(
  { victim, bystander, attackers, slots = SLOTS }: AttackOptions,
): Promise<string | null> {
  const { program: { pid }, url } = victim;
  const before = await scrape(url);
  const bystanderBefore = await scrape(bystander.url);
  const complaintsBefore = complaintsOf(victim.program).length;
  const { descriptors } = vitalsOf(pid);
  const startedBefore = victim.startedTasks();
  let maxBytes = residentBytes(pid);
  let maxHealthMs = 0;
  let acts: number[];
  {
    await using running = await startAttackers(url, attackers);
    await eventually(`${slots} tasks under attack`, async () => {
      maxHealthMs = Math.max(maxHealthMs, await healthMs(url));
      maxBytes = Math.max(maxBytes, residentBytes(pid));
      return victim.startedTasks() >= startedBefore + slots;
    }, 60_000);
    acts = running.acts();
  }
  await eventually("its descriptors are released", () => {
    return vitalsOf(pid).descriptors <= descriptors + SPARE_DESCRIPTORS;
  }, 30_000);
  // Requests of attackers that have left are still queued and may be served first.
  const after = await eventually("a scrape succeeds", async () => {
    const scraped = await scrape(url);
    return scraped.types.size > 0 && scraped;
  });

  const schedule = scheduleBetween(before, after);
  const bystanderLate = scheduleBetween(bystanderBefore, await scrape(bystander.url)).late;
  const megabytes = Math.round(maxBytes / 1024 ** 2);
  if (Deno.env.has("ATTACK_FIGURES")) {
    const figures = { bystanderLate, healthMs: Math.round(maxHealthMs), megabytes };
    console.log(JSON.stringify({ attackers, acts, ...schedule, ...figures }));
  }
  acts.forEach((count, i) => {
    const [shape, connections] = attackers[i] ?? ["unknown", 0];
    assert(count >= connections, `${shape}: ${count} acts on ${connections} connections`);
  });
  assertEquals([schedule.skipped, schedule.failed], [0, 0], "slots skipped, tasks failed");
  assert(megabytes <= MAX_MEGABYTES, `${megabytes} MB in memory`);
  assertEquals(complaintsOf(victim.program).slice(complaintsBefore), []);
  if (maxHealthMs > HEALTH_LIMIT_MS) return `the health took ${maxHealthMs} ms`;
  if (schedule.late <= 1 - QUANTILE + bystanderLate) return null;
  const { late, slots: all } = schedule;
  return `${late} of ${all} slots were late, ${bystanderLate} of the bystander's`;
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

/** The slots between two scrapes, the share that was late, and the failed tasks without 404s. */
export function scheduleBetween(before: Scrape, after: Scrape) {
  const increase = (name: string, labels = {}) =>
    after.value(name, labels) - before.value(name, labels);
  const slots = increase("probe_schedule_lag_seconds_count", { loop: "probe" });
  const le = String(MAX_LATENESS_SECONDS);
  const onTime = increase("probe_schedule_lag_seconds_bucket", { loop: "probe", le });
  return {
    slots,
    late: 1 - onTime / slots,
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
