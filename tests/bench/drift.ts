import { every } from "../../src/probing/schedule.ts";
import { FakeClock } from "../support/clock.ts";
import { seededRandom } from "../support/fake_runtime.ts";
import type { Figure, Line } from "./figure.ts";
import { latenessOf } from "./slots.ts";

const INTERVAL_MS = 100;
const HOUR_MS = 3_600_000;
const LATEST_MS = 50;
const REPEATS = 5;

/** How much later the slots of an hour's last quarter are than those of its first, in virtual time. */
export const drift: Line = {
  name: "drift",
  help: "drift of the schedule in an hour of virtual time, while every other timer is late",
  measure(run) {
    run.say("an hour");
    const values = Array.from({ length: REPEATS }, (_, i) => driftMs(i + 1));
    const figure: Figure = {
      what: "an hour of 36,000 slots, every other one up to 50 ms late",
      unit: "ms",
      values,
      aim: { atMost: 0 },
    };
    return Promise.resolve([figure]);
  },
};

function driftMs(seed: number): number {
  const clock = new LateClock(seed);
  const stop = new AbortController();
  const lateMs: number[] = [];
  const note = () => lateMs.push(clock.monotonic() - lateMs.length * INTERVAL_MS);
  every("drift", INTERVAL_MS, note, { clock, signal: stop.signal });
  clock.advance(HOUR_MS);
  stop.abort();
  return Math.abs(latenessOf(lateMs).drift);
}

/** A clock whose timers are late half of the time, as on a machine under load. */
class LateClock extends FakeClock {
  readonly #random: { fraction(): number };

  constructor(seed: number) {
    super();
    this.#random = seededRandom(seed);
  }

  override after(delayMs: number, callback: () => void): () => void {
    const isLate = this.#random.fraction() < 0.5;
    const lateMs = isLate ? Math.floor(LATEST_MS * this.#random.fraction()) : 0;
    return super.after(delayMs + lateMs, callback);
  }
}
