/** Each rate is greater than the one before by this factor. */
const STEP = 1.07;

/**
 * The highest rate at which `isKept`, to within 7 %: it goes away from the guess in growing steps until
 * it has passed the limit, and then halves what is between. Throws when the limit lies outside the
 * bounds.
 */
export async function highestRate(
  guess: number,
  isKept: (rate: number) => Promise<boolean>,
  { lowest, highest }: { lowest: number; highest: number },
): Promise<number> {
  let [kept, tooHigh] = [-Infinity, Infinity];
  let place = 0;
  for (let reach = 1; tooHigh - kept > 1; reach *= 2) {
    const rate = guess * STEP ** place;
    if (rate < lowest || rate > highest) throw new Error(`not within bounds: ${rate} a second`);
    if (await isKept(rate)) kept = place;
    else tooHigh = place;
    if (tooHigh === Infinity) place = kept + reach;
    else if (kept === -Infinity) place = tooHigh - reach;
    else place = Math.floor((kept + tooHigh) / 2);
  }
  return guess * STEP ** kept;
}
