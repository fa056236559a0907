/** The real program under attack, and what is asked of it meanwhile. */
import { assert, assertEquals } from "@std/assert";
import {
  baseEnvironment,
  eventually,
  linesOf,
  type Program,
  ROOT,
  shell,
} from "../support/program.ts";
import { type Scrape, scrape } from "../support/scrape.ts";
import { residentBytes, vitalsOf } from "../faults/vitals.ts";

/**
 * How many slots an attack lasts unless told otherwise, ten seconds of them. Attackers come in one
 * instant and leave in another: of fewer slots, those that run beside it would be a hundredth.
 */
const SLOTS = 500;

/** A share of slots may be late; all others must not, by more than this. */
const QUANTILE = 0.99;
const MAX_LATENESS_SECONDS = 0.05;

/** What a prober waits for the health that is not told otherwise, such as Kubernetes'. */
const HEALTH_LIMIT_MS = 1_000;

/** What the deployments in `deploy/` let a probe have, whatever is done to it. */
const MAX_MEGABYTES = 512;

/** What may come and go by itself: connections of scrapes and tasks, a file that is being read. */
const SPARE_DESCRIPTORS = 6;

/** How long attackers may take until they are at it. */
const STARTING_MS = 30_000;

/**
 * Attackers share the processors with the probe here, which they would not elsewhere: what is
 * measured is how it bears their requests, not who gets a processor. So the probe goes before
 * all others where that is permitted, and otherwise the attackers go behind.
 */
const mayGoFirst = (await shell("chrt --rr 1 true")).code === 0;
export const PROBE_FIRST: readonly string[] = mayGoFirst ? ["chrt", "--rr", "1"] : [];
const ATTACKERS_LAST = mayGoFirst ? [] : ["nice", "-n", "19"];

/** The words before a program's own that let it have so many descriptors, and go first. */
export function withDescriptors(count: number): readonly string[] {
  return ["sh", "-c", `ulimit -n ${count}; exec "$@"`, "sh", ...PROBE_FIRST];
}

/** A program, and how many tasks it has begun. */
export type Victim = { program: Program; url: string; begun: () => number };

/** What an attacker is told, see `attacker.ts`. */
export type Attacker = readonly [shape: string, connections: number, path?: string];

/**
 * Attacks a probe and checks that it keeps its schedule, loses no slot and fails no task, that its
 * health answers in time, that its memory stays within the bound, and that all is given back.
 *
 * Slots that a bystander, which nobody attacks, runs late at the same time are the machine's.
 */
export async function attack(
  { victim, bystander, attackers, slots = SLOTS }: {
    victim: Victim;
    bystander: Victim;
    attackers: readonly Attacker[];
    slots?: number;
  },
): Promise<void> {
  const { program: { pid }, url } = victim;
  const before = await scrape(url);
  const beforeAside = await scrape(bystander.url);
  const complained = complaintsOf(victim.program).length;
  const { descriptors } = vitalsOf(pid);
  const begun = victim.begun();
  let mostBytes = residentBytes(pid);
  let slowestMs = 0;
  let acts: number[];
  {
    await using running = await startAttackers(url, attackers);
    await eventually(`${slots} tasks under attack`, async () => {
      slowestMs = Math.max(slowestMs, await timeOfHealth(url));
      mostBytes = Math.max(mostBytes, residentBytes(pid));
      return victim.begun() >= begun + slots;
    }, 60_000);
    acts = running.acts();
  }
  await eventually("its descriptors are back", () => {
    return vitalsOf(pid).descriptors <= descriptors + SPARE_DESCRIPTORS;
  }, 30_000);
  // Who was before in the line has gone, and their requests are still answered.
  const after = await eventually("a scrape is answered", async () => {
    const scraped = await scrape(url);
    return scraped.types.size > 0 && scraped;
  });

  const schedule = scheduleBetween(before, after);
  const aside = scheduleBetween(beforeAside, await scrape(bystander.url)).late;
  const megabytes = Math.round(mostBytes / 1024 ** 2);
  if (Deno.env.has("ATTACK_FIGURES")) {
    const healthMs = Math.round(slowestMs);
    console.log(JSON.stringify({ attackers, acts, ...schedule, aside, healthMs, megabytes }));
  }
  attackers.forEach(([shape, connections], i) => {
    assert(acts[i] >= connections, `${shape}: ${acts[i]} acts on ${connections} connections`);
  });
  assertEquals([schedule.skipped, schedule.failed], [0, 0], "slots skipped, tasks failed");
  assert(
    schedule.late <= 1 - QUANTILE + aside,
    `of ${schedule.slots} slots ${schedule.late} ran late, ${aside} where nobody attacks`,
  );
  assert(slowestMs <= HEALTH_LIMIT_MS, `the health took ${slowestMs} ms`);
  assert(megabytes <= MAX_MEGABYTES, `${megabytes} MB in memory`);
  assertEquals(complaintsOf(victim.program).slice(complained), []);
}

/** What the log has to complain of but the target's own answers. */
function complaintsOf({ stderr }: Program): string[] {
  return linesOf(stderr).filter((line) =>
    !/"level":"info"|"reason":"not_found"/.test(line) || !line.startsWith("{")
  );
}

async function timeOfHealth(url: string): Promise<number> {
  const askedMs = performance.now();
  const response = await fetch(`${url}/healthz`);
  assertEquals(response.status, 200, await response.text());
  return performance.now() - askedMs;
}

/** What has become of the slots between two scrapes, and how many tasks have failed but for 404s. */
export function scheduleBetween(before: Scrape, after: Scrape) {
  const grown = (name: string, labels = {}) =>
    after.value(name, labels) - before.value(name, labels);
  const slots = grown("probe_schedule_lag_seconds_count", { loop: "probe" });
  const le = String(MAX_LATENESS_SECONDS);
  const inTime = grown("probe_schedule_lag_seconds_bucket", { loop: "probe", le });
  return {
    slots,
    late: 1 - inTime / slots,
    skipped: grown("probe_slots_skipped_total"),
    failed: grown("probe_task_failures_total") -
      grown("probe_task_failures_total", { reason: "not_found" }),
  };
}

/** Attackers that are at it. */
export type Attackers = AsyncDisposable & {
  /** How often each of them has done what it does. */
  acts: () => number[];
};

/** Starts the attackers; all of them are at it when this returns. */
export async function startAttackers(
  url: string,
  attackers: readonly Attacker[],
): Promise<Attackers> {
  const processes = attackers.map((attacker) => new AttackerProcess(url, attacker));
  const stop = async () => void await Promise.all(processes.map((process) => process.stop()));
  const limit = setTimeout(stop, STARTING_MS);
  const begun = await Promise.all(processes.map((process) => process.begun));
  clearTimeout(limit);
  if (begun.includes(false)) {
    await stop();
    throw new Error("an attacker has not begun");
  }
  return {
    acts: () => processes.map((process) => process.acts),
    [Symbol.asyncDispose]: stop,
  };
}

/** One attacker, which tells what it has done. */
class AttackerProcess {
  acts = 0;
  /** Whether it is at it, or has ended before. */
  readonly begun: Promise<boolean>;
  #child: Deno.ChildProcess;
  #reading: Promise<void>;

  constructor(url: string, [shape, connections, path = "/"]: Attacker) {
    const [command, ...args] = [
      ...ATTACKERS_LAST,
      ...[Deno.execPath(), "run", "--quiet", "--no-lock", "--allow-net"],
      ...["tests/attack/attacker.ts", url, shape, String(connections), path],
    ];
    this.#child = new Deno.Command(command, {
      args,
      cwd: ROOT,
      clearEnv: true,
      env: baseEnvironment(),
      stdin: "null",
      stdout: "piped",
    }).spawn();
    const { promise, resolve } = Promise.withResolvers<boolean>();
    this.begun = promise;
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

  async #read(onBegun: () => void): Promise<void> {
    let text = "";
    for await (const part of this.#child.stdout.pipeThrough(new TextDecoderStream())) {
      text += part;
      const told = text.split("\n").at(-2);
      if (told === undefined) continue;
      this.acts = Number(told);
      onBegun();
    }
  }
}
