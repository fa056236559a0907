/** The real program under attack, and what is asked of it meanwhile. */
import { assert, assertEquals } from "@std/assert";
import { baseEnvironment, eventually, linesOf, type Program, ROOT } from "../e2e/program.ts";
import { type Scrape, scrape } from "../e2e/scrape.ts";
import { residentBytes, vitalsOf } from "../faults/vitals.ts";

/** How many slots an attack lasts at least. */
const SLOTS = 100;

/** A share of slots may be late; all others must not, by more than this. */
const QUANTILE = 0.99;
const MOST_LATE_SECONDS = 0.05;

/** What a prober waits for the health that is not told otherwise, such as Kubernetes'. */
const HEALTH_LIMIT_MS = 1_000;

/** What a probe may have in memory, whatever is done to it. */
const MOST_MEGABYTES = 640;

/** What may come and go by itself: connections of scrapes and tasks, a file that is being read. */
const SPARE_DESCRIPTORS = 6;

/** How long attackers may take until they are at it. */
const STARTING_MS = 30_000;

/** A program, and how many tasks it has begun. */
export type Victim = { program: Program; url: string; begun: () => number };

/** What an attacker is told, see `attacker.ts`. */
export type Attacker = readonly [shape: string, connections: number, path?: string];

/**
 * Attacks a probe and checks that it keeps its schedule, loses no slot and fails no task, that its
 * health answers in time, that its memory stays within the bound, and that all is given back.
 *
 * Attackers are processes of their own with the lowest priority, since they share the processors
 * with the probe here: what is measured is how it bears their requests, not who gets a processor.
 * Slots that a bystander, which nobody attacks, runs late at the same time are the machine's.
 */
export async function attack(
  { victim, bystander, attackers }: {
    victim: Victim;
    bystander: Victim;
    attackers: readonly Attacker[];
  },
): Promise<void> {
  const { pid } = victim.program;
  const calm = await scrape(victim.url);
  const calmAside = await scrape(bystander.url);
  const { descriptors } = vitalsOf(pid);
  const begun = victim.begun();
  let mostBytes = residentBytes(pid);
  let slowestMs = 0;
  {
    await using _running = await startAttackers(victim.url, attackers);
    await eventually(`${SLOTS} tasks under attack`, async () => {
      slowestMs = Math.max(slowestMs, await timeOfHealth(victim.url));
      mostBytes = Math.max(mostBytes, residentBytes(pid));
      return victim.begun() >= begun + SLOTS;
    }, 60_000);
  }
  await eventually("its descriptors are back", () => {
    return vitalsOf(pid).descriptors <= descriptors + SPARE_DESCRIPTORS;
  }, 30_000);

  const late = lateBetween(calm, await scrape(victim.url));
  const lateAside = lateBetween(calmAside, await scrape(bystander.url));
  const megabytes = Math.round(mostBytes / 1024 ** 2);
  if (Deno.env.has("ATTACK_FIGURES")) {
    console.log(JSON.stringify({ attackers, late, lateAside, megabytes, slowestMs }));
  }
  assertEquals([late.skipped, late.failed], [0, 0], "slots skipped, tasks failed");
  assert(
    late.share <= 1 - QUANTILE + lateAside.share,
    `of ${late.slots} slots ${late.share} ran late, ${lateAside.share} where nobody attacks`,
  );
  assert(slowestMs <= HEALTH_LIMIT_MS, `the health took ${slowestMs} ms`);
  assert(megabytes <= MOST_MEGABYTES, `${megabytes} MB in memory`);
  assertEquals(complaintsOf(victim.program), []);
}

/** What the log has to complain of but the target's own answers. */
function complaintsOf({ stderr }: Program): string[] {
  return linesOf(stderr).filter((line) => {
    const { level, reason } = JSON.parse(line);
    return level !== "info" && reason !== "not_found";
  });
}

async function timeOfHealth(url: string): Promise<number> {
  const askedMs = performance.now();
  const response = await fetch(`${url}/healthz`);
  assertEquals(response.status, 200, await response.text());
  return performance.now() - askedMs;
}

function lateBetween(before: Scrape, after: Scrape) {
  const grown = (name: string, labels = {}) =>
    after.value(name, labels) - before.value(name, labels);
  const slots = grown("probe_schedule_lag_seconds_count", { loop: "probe" });
  const le = String(MOST_LATE_SECONDS);
  const inTime = grown("probe_schedule_lag_seconds_bucket", { loop: "probe", le });
  return {
    slots,
    share: 1 - inTime / slots,
    skipped: grown("probe_slots_skipped_total"),
    failed: grown("probe_task_failures_total") -
      grown("probe_task_failures_total", { reason: "not_found" }),
  };
}

/** Starts the attackers; all of them are at it when this returns. */
export async function startAttackers(
  url: string,
  attackers: readonly Attacker[],
): Promise<AsyncDisposable> {
  const children = attackers.map(([shape, connections, path = "/"]) =>
    new Deno.Command("nice", {
      args: [
        ...["-n", "19", Deno.execPath(), "run", "--quiet", "--no-lock", "--allow-net"],
        ...["tests/attack/attacker.ts", url, shape, String(connections), path],
      ],
      cwd: ROOT,
      clearEnv: true,
      env: baseEnvironment(),
      stdin: "null",
      stdout: "piped",
    }).spawn()
  );
  const readers = children.map(({ stdout }) => stdout.getReader());
  async function stop(): Promise<void> {
    for (const child of children) {
      try {
        child.kill("SIGKILL");
      } catch {
        // It has ended by itself.
      }
    }
    await Promise.all(readers.map((reader) => reader.cancel()));
    await Promise.all(children.map(({ status }) => status));
  }
  const limit = setTimeout(stop, STARTING_MS);
  for (const reader of readers) {
    if ((await reader.read()).done) {
      await stop();
      throw new Error("an attacker has not begun");
    }
  }
  clearTimeout(limit);
  return { [Symbol.asyncDispose]: stop };
}
