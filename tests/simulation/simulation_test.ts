import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import type { Clock } from "../../src/core/clock.ts";
import type { Runtime } from "../../src/runtime/runtime.ts";
import { REASONS } from "../../src/core/reasons.ts";
import { describeFailure, FAILURE_LINES } from "./report.ts";
import { type Outcome, simulate } from "./simulation.ts";
import { SimulatedTime } from "./world/time.ts";
import { Draw } from "./world/draw.ts";
import type { Order, Report } from "./worker.ts";

/** Runs a seed in a thread of its own. */
async function simulateInWorker(order: Order): Promise<Outcome> {
  const worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
  try {
    return await new Promise((resolve, reject) => {
      worker.onerror = (event) => reject(new Error(event.message));
      worker.onmessage = ({ data }: MessageEvent<Report>) => {
        if ("outcome" in data) resolve(data.outcome);
      };
      worker.postMessage(order);
    });
  } finally {
    worker.terminate();
  }
}

Deno.test("the probe keeps every invariant in 40 simulated hours of faults", async () => {
  const options = { hours: 1, lines: FAILURE_LINES };
  const ended: { [outcome: string]: number } = {};
  let skipped = 0;
  let scrapes = 0;
  for (let seed = 1; seed <= 40; seed++) {
    const outcome = await simulate(seed, options);
    assert(outcome.violation === null, describeFailure(outcome, options));
    for (const [name, count] of Object.entries(outcome.outcomes)) {
      ended[name] = (ended[name] ?? 0) + count;
    }
    skipped += outcome.skipped;
    scrapes += outcome.scrapes;
  }
  assertEquals(
    Object.keys(ended).sort(),
    [...REASONS, "succeeded"].sort(),
    "some outcomes never happened: tests/simulation/world/faults.ts must cause each reason",
  );
  assert(skipped > 100 && scrapes > 100, `${skipped} skipped slots, ${scrapes} scrapes`);
});

Deno.test("a seed decides a run to the last byte, also in another thread", async () => {
  const options = { hours: 0.5, lines: 1_000 };
  for (const seed of [3, 34]) {
    const outcome = await simulate(seed, options);
    for (
      const again of [await simulate(seed, options), await simulateInWorker({ seed, options })]
    ) {
      // Compared as text: a difference would fill screens.
      assert(
        JSON.stringify(again) === JSON.stringify(outcome),
        `seed ${seed}: digests ${outcome.digest} and ${again.digest}; ` +
          `replay: deno task simulate --seed ${seed} --hours ${options.hours}`,
      );
    }
    assert((await simulate(seed + 1, options)).digest !== outcome.digest);
  }
});

/** A clock that differs from the given one. */
const clockLike = (clock: Clock, changes: Partial<Clock>): Clock => ({
  now: () => clock.now(),
  monotonic: () => clock.monotonic(),
  after: (delayMs, callback) => clock.after(delayMs, callback),
  ...changes,
});

/** Faults of the probe itself, made in the runtime below it, and the invariants that notice them. */
const TAMPERINGS: [string, RegExp, (runtime: Runtime) => Runtime][] = [
  ["timers that are lost", /every due slot has run|deadline|refreshed/, (runtime) => {
    let armed = 0;
    const { clock } = runtime;
    const after: Clock["after"] = (delayMs, callback) =>
      clock.after(delayMs, ++armed % 100 === 0 ? () => {} : callback);
    return { ...runtime, clock: clockLike(clock, { after }) };
  }],
  ["timers that cannot be cancelled", /no timer is left/, ({ clock, ...runtime }) => {
    const after: Clock["after"] = (delayMs, callback) => {
      let isCancelled = false;
      clock.after(delayMs, () => isCancelled || callback());
      return () => isCancelled = true;
    };
    return { ...runtime, clock: clockLike(clock, { after }) };
  }],
  ["a schedule on the wall clock", /./, ({ clock, ...runtime }) => {
    return { ...runtime, clock: clockLike(clock, { monotonic: () => clock.now() }) };
  }],
  ["exchanges that are made twice", /one attempt at a time|only pending tasks/, (runtime) => {
    const exchange: Runtime["exchange"] = (request, options) => {
      void runtime.exchange(request, options).catch(() => {});
      return runtime.exchange(request, options);
    };
    return { ...runtime, exchange };
  }],
  ["exchanges that are not given up", /one attempt at a time|attempts are as/, (runtime) => {
    const { signal } = new AbortController();
    return {
      ...runtime,
      exchange: (request, { timings }) => runtime.exchange(request, { signal, timings }),
    };
  }],
  [
    "a back-off that is too long",
    /back-off is bounded|transient failures are retried/,
    (runtime) => {
      return { ...runtime, random: { ...runtime.random, fraction: () => 1.5 } };
    },
  ],
  ["counters that go down", /counters never go down|counters agree/, (runtime) => {
    let responses = 0;
    const altered: Runtime["listen"] = (address, handler, onChange) =>
      runtime.listen(address, async (request) => {
        const response = await handler(request);
        if (!request.url.endsWith("/metrics") || response.status !== 200) return response;
        const text = await response.text();
        return new Response(
          ++responses < 3 ? text : text.replace(/(created_total\S*) \d+/, "$1 0"),
        );
      }, onChange);
    return { ...runtime, listen: altered };
  }],
  ["a port that does not close", /the probe ends with 0/, (runtime) => ({
    ...runtime,
    listen(...parts) {
      const listener = runtime.listen(...parts);
      return { ...listener, close: () => listener.close().then(() => new Promise(() => {})) };
    },
  })],
  ["a lost port that is not logged", /a lost port is logged/, (runtime) => ({
    ...runtime,
    listen: (address, handler) => runtime.listen(address, handler, () => {}),
  })],
  [
    "skipped slots that are not logged",
    /every skipped slot is logged|within a minute/,
    (runtime) => {
      const warn: Runtime["log"]["warn"] = (message, properties) => {
        if (!/^skipped \d+ more /.test(message)) runtime.log.warn(message, properties);
      };
      return { ...runtime, log: { ...runtime.log, warn } };
    },
  ],
  ["settled tasks that are not logged", /the probe's ledger is right/, (runtime) => {
    const info: Runtime["log"]["info"] = (message, properties) => {
      if (!message.startsWith("task 7 ")) runtime.log.info(message, properties);
    };
    return { ...runtime, log: { ...runtime.log, info } };
  }],
];

for (const [what, invariant, tamper] of TAMPERINGS) {
  Deno.test(`the simulation notices ${what}`, async () => {
    for (let seed = 1; seed <= 20; seed++) {
      const { violation, tail } = await simulate(seed, { hours: 1, lines: 5, tamper });
      if (violation === null) continue;
      const text = `seed ${seed}: ${violation.invariant}: ${violation.detail}`;
      assert(invariant.test(violation.invariant), `${text}\n${tail}`);
      assertStringIncludes(tail, "VIOLATED ");
      return;
    }
    throw new Error("no seed has noticed it");
  });
}

Deno.test("simulated time runs timers in order, and inputs also while timers are held", async () => {
  const time = new SimulatedTime(new Draw(1, 0), 0, 0);
  const seen: string[] = [];
  const note = (name: string) => () => void seen.push(`${name} at ${time.nowMs}`);
  time.after(30, note("late"));
  time.after(10, note("early"));
  time.after(20, note("cancelled"))();
  time.input(5, () => time.hold(50));
  time.input(40, note("input"));
  while (await time.step(100));
  assertEquals(seen, ["input at 40", "early at 55", "late at 55"]);
  assertEquals([time.nowMs, time.waiting, time.isCaughtUp], [100, 0, true]);
});

async function run(...args: string[]): Promise<{ code: number; text: string }> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "local/tools/simulate.ts", ...args],
    cwd: new URL("../..", import.meta.url),
  }).output();
  const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, text: decode(stdout) + decode(stderr) };
}

Deno.test("simulate prints a summary, and the command that replays a failure", async () => {
  const fine = await run("--seeds", "3", "--hours", "0.1");
  assertEquals(fine.code, 0, fine.text);
  assert(/^seeds +3$/m.test(fine.text), fine.text);
  assert(/^digest +[0-9a-f]{16}$/m.test(fine.text), fine.text);

  // The mark of all secrets as the name of the probe stands in every output.
  const broken = await run("--seeds", "3", "--env", "APP_ID=s3cr3t");
  assertEquals(broken.code, 1, broken.text);
  const replay = broken.text.match(/^replay: deno task simulate (.*)$/m)?.[1] ?? "";
  assertStringIncludes(replay, "--seed", broken.text);
  const repeated = await run(...replay.replaceAll("'", "").split(" "));
  assertEquals(repeated.code, 1, repeated.text);
  const [what] = broken.text.match(/^seed .*: violation after .*\n.*/m) ?? [];
  assertStringIncludes(repeated.text, what ?? "nothing");
  assert(broken.text.length < 5_000, `a failure prints ${broken.text.length} characters`);

  const wrong = await run("--seed", "nothing");
  assertEquals(wrong.code, 2, wrong.text);
  assertStringIncludes(wrong.text, "Usage");
});
