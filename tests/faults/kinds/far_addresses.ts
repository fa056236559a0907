/** Addresses that are far away, of which one may refuse. */
import {
  first,
  registerSlowCases,
  ROUND_TRIP_MS,
  slow,
  type SlowCase,
} from "../slow_connections.ts";

const CASES: readonly SlowCase[] = [
  ...[1, 2, 4, 8].map((count): SlowCase => ({
    name: `${count} ${count === 1 ? "address" : "addresses"} 600 ms away`,
    records: (link) => first(link, count),
    rule: () => slow,
  })),
  ...[0, ROUND_TRIP_MS].flatMap((afterMs) =>
    [0, 1].map((index): SlowCase => ({
      name: `two addresses 600 ms away, of which number ${index + 1} refuses after ${afterMs} ms`,
      records: (link) => first(link, 2),
      refused: ({ addresses }) => addresses.slice(index, index + 1),
      rule: ({ addresses }) => ({ destination }) =>
        destination === addresses[index] ? afterMs : ROUND_TRIP_MS,
    }))
  ),
];

registerSlowCases(CASES);
