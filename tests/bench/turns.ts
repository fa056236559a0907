import { median } from "./figure.ts";

/** Measures how long something takes, in milliseconds. */
export type Measurement = () => number | Promise<number>;

/**
 * The medians of `times` values of each measurement, one for each repeat. The two alternate, and
 * alternate in being first, so that noise and after-effects affect both alike.
 */
export async function inTurn(
  measurements: readonly [Measurement, Measurement],
  { warmUps, repeats, times }: { warmUps: number; repeats: number; times: number },
): Promise<[number[], number[]]> {
  await measure(measurements, warmUps);
  const medians: [number[], number[]] = [[], []];
  for (let repeat = 0; repeat < repeats; repeat++) {
    const [ofFirst, ofSecond] = await measure(measurements, times);
    medians[0].push(median(ofFirst));
    medians[1].push(median(ofSecond));
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
