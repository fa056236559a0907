import { seededRandom } from "../fakes/program.ts";

/** Chance that a seed decides: the same draws each time. Streams of a seed are independent. */
export class Draw {
  readonly random: ReturnType<typeof seededRandom>;

  constructor(seed: number, stream: number) {
    this.random = seededRandom(Math.imul(seed, 0x9e3779b1) ^ Math.imul(stream, 0x85ebca6b));
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

  /** The time until something happens that happens every `mean` on average. */
  exponential(mean: number): number {
    return -mean * Math.log(1 - this.random.fraction());
  }

  pick<T>(items: readonly T[]): T {
    return items[Math.floor(this.random.fraction() * items.length)];
  }
}
