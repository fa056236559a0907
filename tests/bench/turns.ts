import { median } from "./figure.ts";

/** Says how long something took. */
export type Measurement = () => number | Promise<number>;

/**
 * What each of two measurements says, repeat by repeat: the median of `times` values. They take
 * turns, and turns at being first, so that noise and what one leaves behind meet both alike.
 */
export async function inTurn(
  measurements: readonly [Measurement, Measurement],
  { warmUps, repeats, times }: { warmUps: number; repeats: number; times: number },
): Promise<[number[], number[]]> {
  await measure(measurements, warmUps);
  const medians: [number[], number[]] = [[], []];
  for (let repeat = 0; repeat < repeats; repeat++) {
    const values = await measure(measurements, times);
    values.forEach((each, i) => medians[i].push(median(each)));
  }
  return medians;
}

async function measure(
  [first, second]: readonly [Measurement, Measurement],
  times: number,
): Promise<[number[], number[]]> {
  const values: [number[], number[]] = [[], []];
  for (let nth = 0; nth < times; nth++) {
    if (nth % 2 === 0) values[0].push(await first());
    values[1].push(await second());
    if (nth % 2 === 1) values[0].push(await first());
  }
  return values;
}
