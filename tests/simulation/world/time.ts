import type { Clock } from "../../../src/core/clock.ts";
import { settle } from "../../support/clock.ts";
import type { Draw } from "./draw.ts";

type Event = { atMs: number; order: number; act: () => void; isSlow: boolean };

/**
 * All time of a simulation: a clock for the program, and queues of what happens next. Timers belong
 * to the program; inputs come from outside, and happen also while timers are held.
 */
export class SimulatedTime implements Clock {
  #monotonicMs: number;
  #wallMs: number;
  #realMs: number;
  #timers = new Queue();
  #inputs = new Queue();
  #heldUntilMs = -Infinity;
  #slownessMs = 0;
  #order = 0;
  /** How many events have happened. */
  steps = 0;
  /** When a timer last ran late. */
  lastLateMs = -Infinity;

  constructor(private readonly draw: Draw, startMs: number, wallMs: number) {
    this.#monotonicMs = this.#realMs = startMs;
    this.#wallMs = wallMs;
  }

  now(): number {
    return this.#wallMs;
  }

  /** While the machine is slow, each call finds the clock a little later. */
  monotonic(): number {
    if (this.#slownessMs > 0) this.#move(this.#slownessMs);
    return this.#monotonicMs;
  }

  after(delayMs: number, callback: () => void): () => void {
    // Work that yields in a slow step is slow when it resumes.
    const isSlow = this.#slownessMs > 0;
    return this.#timers.add(this.#event(this.#monotonicMs + delayMs, callback, isSlow));
  }

  /** Schedules an event from outside; returns what cancels it. */
  input(delayMs: number, act: () => void): () => void {
    return this.#inputs.add(this.#event(this.#monotonicMs + delayMs, act, false));
  }

  /** Monotonic time for observers: reading it takes no time. */
  get nowMs(): number {
    return this.#monotonicMs;
  }

  /** True time, which goes on while the machine sleeps and never jumps. */
  get realMs(): number {
    return this.#realMs;
  }

  /** How much two results of the same arithmetic may differ by rounding. */
  get toleranceMs(): number {
    return Math.max(1e-7, this.#monotonicMs * 2e-15);
  }

  /** How many timers of the program are pending. */
  get waiting(): number {
    return this.#timers.length;
  }

  /** Whether every timer that is due has run. */
  get isCaughtUp(): boolean {
    return (this.#timers.first?.atMs ?? Infinity) > this.#monotonicMs;
  }

  /** Whether the current step is slow. */
  get isSlow(): boolean {
    return this.#slownessMs > 0;
  }

  /**
   * Runs the next event until `endMs` and all promises that it resolves, `amidst` between the two.
   * Returns false when there was no event.
   */
  async step(endMs: number, amidst = () => {}): Promise<boolean> {
    const event = this.#next(endMs);
    if (!event) {
      this.#move(Math.max(0, endMs - this.#monotonicMs));
      return false;
    }
    this.steps++;
    this.#slownessMs = event.isSlow ? SLOWNESS_MS : 0;
    event.act();
    amidst();
    await settle();
    this.#slownessMs = 0;
    return true;
  }

  /** The process does not run for a while (SIGSTOP, an overloaded machine). */
  stall(ms: number): void {
    this.#move(ms);
  }

  /** Timers are late for a while, but inputs are not. */
  hold(ms: number): void {
    this.#heldUntilMs = Math.max(this.#heldUntilMs, this.#monotonicMs + ms);
  }

  /** Ends `hold`. */
  release(): void {
    this.#heldUntilMs = -Infinity;
  }

  /** The machine sleeps, and its monotonic clock with it. */
  suspend(ms: number): void {
    this.#wallMs += ms;
    this.#realMs += ms;
  }

  /** The wall clock is set. */
  jump(ms: number): void {
    this.#wallMs += ms;
  }

  /** Makes the current step slow. */
  beSlow(): void {
    this.#slownessMs = SLOWNESS_MS;
  }

  #next(endMs: number): Event | null {
    const nowMs = this.#monotonicMs;
    const timerMs = Math.max(nowMs, this.#timers.first?.atMs ?? Infinity, this.#heldUntilMs);
    const inputMs = Math.max(nowMs, this.#inputs.first?.atMs ?? Infinity);
    const atMs = Math.min(timerMs, inputMs);
    if (atMs > endMs || atMs === Infinity) return null;
    // The order of two events that are both due is random.
    const isTimer = timerMs === inputMs ? this.draw.chance(0.5) : timerMs < inputMs;
    const event = isTimer ? this.#timers.take() : this.#inputs.take();
    this.#move(atMs - nowMs);
    if (isTimer && event.atMs < atMs) this.lastLateMs = atMs;
    return event;
  }

  #event(atMs: number, act: () => void, isSlow: boolean): Event {
    return { atMs, order: this.#order++, act, isSlow };
  }

  #move(ms: number): void {
    this.#monotonicMs += ms;
    this.#wallMs += ms;
    this.#realMs += ms;
  }
}

/** Enough for the rendering of a few hundred lines to yield now and then. */
const SLOWNESS_MS = 0.7;

/** Events by their time; those of one time in the order in which they were added. */
class Queue {
  /** Sorted; the earliest is last. */
  #events: Event[] = [];

  get length(): number {
    return this.#events.length;
  }

  get first(): Event | undefined {
    return this.#events.at(-1);
  }

  /** Returns what removes the event. */
  add(event: Event): () => void {
    this.#events.splice(this.#placeOf(event), 0, event);
    return () => {
      const place = this.#placeOf(event);
      if (this.#events[place] === event) this.#events.splice(place, 1);
    };
  }

  take(): Event {
    const event = this.#events.pop();
    if (!event) throw new Error("the queue is empty");
    return event;
  }

  #placeOf({ atMs, order }: Event): number {
    let low = 0;
    let high = this.#events.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const event = this.#events[middle];
      if (event && (event.atMs > atMs || (event.atMs === atMs && event.order > order))) {
        low = middle + 1;
      } else high = middle;
    }
    return low;
  }
}
