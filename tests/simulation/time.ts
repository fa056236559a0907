import type { Clock } from "../../src/core/clock.ts";
import { settle } from "../support/clock.ts";
import type { Draw } from "./draw.ts";

type Event = { atMs: number; order: number; act: () => void; isSlow: boolean };

/**
 * The only time there is in a simulation: a clock for the program, and a queue of what happens to it.
 * Timers are the program's own; inputs come from outside, and come also while timers are held.
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
  /** How many things have happened. */
  steps = 0;
  /** When a timer last ran after its time. */
  lastLateMs = -Infinity;

  constructor(private readonly draw: Draw, startMs: number, wallMs: number) {
    this.#monotonicMs = this.#realMs = startMs;
    this.#wallMs = wallMs;
  }

  now(): number {
    return this.#wallMs;
  }

  /** While the machine is slow, every look at the clock finds it a little later. */
  monotonic(): number {
    if (this.#slownessMs > 0) this.#move(this.#slownessMs);
    return this.#monotonicMs;
  }

  after(delayMs: number, callback: () => void): () => void {
    // What a slow piece of work puts off is as slow when it goes on.
    const isSlow = this.#slownessMs > 0;
    return this.#timers.add(this.#event(this.#monotonicMs + delayMs, callback, isSlow));
  }

  /** Something from outside that happens in `delayMs`. */
  input(delayMs: number, act: () => void): () => void {
    return this.#inputs.add(this.#event(this.#monotonicMs + delayMs, act, false));
  }

  /** Monotonic time, for those who look on and cost nothing. */
  get nowMs(): number {
    return this.#monotonicMs;
  }

  /** Time as the world has it, which goes on while the machine sleeps, and never jumps. */
  get realMs(): number {
    return this.#realMs;
  }

  /** How far two results of the same arithmetic may be apart by rounding alone. */
  get toleranceMs(): number {
    return Math.max(1e-7, this.#monotonicMs * 2e-15);
  }

  /** How many of the program's timers wait. */
  get waiting(): number {
    return this.#timers.length;
  }

  /** Whether every timer that is due has run. */
  get isCaughtUp(): boolean {
    return (this.#timers.first?.atMs ?? Infinity) > this.#monotonicMs;
  }

  /** Whether what is done now takes its time. */
  get isSlow(): boolean {
    return this.#slownessMs > 0;
  }

  /**
   * Lets the next thing happen that happens until then, and what follows from it at once; `amidst`
   * happens between the two. Returns false when there was nothing.
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

  /** The process is stopped (SIGSTOP, a machine without time for it). */
  stall(ms: number): void {
    this.#move(ms);
  }

  /** Timers are held up, while what comes from outside is still taken. */
  hold(ms: number): void {
    this.#heldUntilMs = Math.max(this.#heldUntilMs, this.#monotonicMs + ms);
  }

  /** Timers are not held up any more. */
  release(): void {
    this.#heldUntilMs = -Infinity;
  }

  /** The machine sleeps: the monotonic clock with it. */
  suspend(ms: number): void {
    this.#wallMs += ms;
    this.#realMs += ms;
  }

  /** Somebody sets the wall clock. */
  jump(ms: number): void {
    this.#wallMs += ms;
  }

  /** What is done now takes its time. */
  beSlow(): void {
    this.#slownessMs = SLOWNESS_MS;
  }

  #next(endMs: number): Event | null {
    const nowMs = this.#monotonicMs;
    const timerMs = Math.max(nowMs, this.#timers.first?.atMs ?? Infinity, this.#heldUntilMs);
    const inputMs = Math.max(nowMs, this.#inputs.first?.atMs ?? Infinity);
    const atMs = Math.min(timerMs, inputMs);
    if (atMs > endMs || atMs === Infinity) return null;
    // Nobody knows which of two things that wait is taken first.
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

/** Enough for a rendering of a few hundred lines to give way now and then. */
const SLOWNESS_MS = 0.7;

/** Events by their time; those of one time in the order in which they were added. */
class Queue {
  /** The earliest stands last. */
  #events: Event[] = [];

  get length(): number {
    return this.#events.length;
  }

  get first(): Event | undefined {
    return this.#events[this.#events.length - 1];
  }

  /** Returns what takes the event out again. */
  add(event: Event): () => void {
    this.#events.splice(this.#placeOf(event), 0, event);
    return () => {
      const place = this.#placeOf(event);
      if (this.#events[place] === event) this.#events.splice(place, 1);
    };
  }

  take(): Event {
    return this.#events.pop() as Event;
  }

  #placeOf({ atMs, order }: Event): number {
    let low = 0;
    let high = this.#events.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const event = this.#events[middle];
      if (event.atMs > atMs || (event.atMs === atMs && event.order > order)) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
