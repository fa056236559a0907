/** What the work below takes on a machine on which nothing here is late. */
const USUAL_MS = 14;
/** The speed changes within a tenth of a second. */
const TRIES = 6;

const TASKS = Array.from({ length: 2_000 }, (_, i) => ({
  seqno: i,
  dataset_id: `dataset-${i % 7}`,
  body: "x".repeat(200),
  attempts: [{ status: 500, reason: "server_error", duration_seconds: i / 7 }],
}));

/**
 * How many times as long as usual the machine takes now for work such as the probe's. Machines of CI
 * differ by three, and the same one from hour to hour; a limit in milliseconds means nothing there.
 */
export function slowness(): number {
  let totalMs = 0;
  for (let i = 0; i < TRIES; i++) totalMs += measureMs();
  return totalMs / TRIES / USUAL_MS;
}

function measureMs(): number {
  const startMs = performance.now();
  for (let i = 0; i < 10; i++) JSON.stringify(TASKS).replaceAll(/[^ -~]/g, "?");
  return performance.now() - startMs;
}
