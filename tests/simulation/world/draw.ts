import type { Random } from "../../../src/core/random.ts";
import { seededRandom } from "../../support/fake_runtime.ts";

/** Random draws of a seed, the same ones each time. Streams of a seed are independent. */
export class Draw {
  readonly random: Random;

  constructor(seed: number, stream: number) {
    const mixed = Math.imul(seed, 0x9e3779b1) ^ Math.imul(stream, 0x85ebca6b);
    const { fraction } = seededRandom(mixed);
    this.random = { fraction, hex: (bytes) => hexDigits(2 * bytes, fraction) };
  }

  chance(probability: number): boolean {
    return this.random.fraction() < probability;
  }

  between(min: number, max: number): number {
    return min + this.random.fraction() * (max - min);
  }

  /** Even on a logarithmic scale. */
  logBetween(min: number, max: number): number {
    return min * (max / min) ** this.random.fraction();
  }

  whole(min: number, max: number): number {
    return Math.floor(this.between(min, max + 1));
  }

  /** Time until the next event, where events are `mean` apart on average. */
  exponential(mean: number): number {
    return -mean * Math.log(1 - this.random.fraction());
  }

  pick<T>(items: readonly T[]): T {
    const item = items[Math.floor(this.random.fraction() * items.length)];
    if (item === undefined) throw new Error("there is nothing to pick from");
    return item;
  }
}

/** `count` hexadecimal digits, eight from each draw. */
function hexDigits(count: number, fraction: () => number): string {
  let digits = "";
  while (digits.length < count) {
    digits += Math.floor(fraction() * 2 ** 32).toString(16).padStart(8, "0");
  }
  return digits.slice(0, count);
}
