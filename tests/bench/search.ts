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
  const placeOf = (rate: number) => Math.log(rate / guess) / Math.log(STEP);
  const [first, last] = [Math.ceil(placeOf(lowest)), Math.floor(placeOf(highest))];
  let [kept, tooHigh] = [-Infinity, Infinity];
  let place = 0;
  for (let reach = 1; tooHigh - kept > 1; reach *= 2) {
    if (await isKept(guess * STEP ** place)) kept = place;
    else tooHigh = place;
    if (kept === last || tooHigh === first) throw new Error(`not from ${lowest} to ${highest}`);
    if (tooHigh === Infinity) place = Math.min(last, kept + reach);
    else if (kept === -Infinity) place = Math.max(first, tooHigh - reach);
    else place = Math.floor((kept + tooHigh) / 2);
  }
  return guess * STEP ** kept;
}
