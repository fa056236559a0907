import { type Clock, sleep } from "../core/clock.ts";
import { EXIT } from "../core/exit_code.ts";
import { frameOf, type Watched } from "./frame.ts";
import type { Runtime } from "../runtime/runtime.ts";
import type { TaskList } from "../probe_client/task_list.ts";
import { ProbeClientError } from "../probe_client/errors.ts";
import type { Screen } from "./screen.ts";

const LOOK_INTERVAL_MS = 1_000;

/** What a look at the probe brings for a frame. */
export type Looked = Pick<Watched, "taskList" | "recent">;

/**
 * Draws a running probe's tasks in place, every second and whenever the terminal changes, until
 * `signal` aborts; returns the exit code. Throws only where the very first look fails.
 */
export async function watchOnScreen(
  { look, mostRows, utc, ...where }: Pick<Watched, "url" | "filter"> & {
    look: (wanted: { rows: number; durations: number }) => Promise<Looked>;
    mostRows: number | null;
    utc: boolean;
  },
  { clock, stdout }: Runtime,
  screen: Screen,
  signal: AbortSignal,
): Promise<number> {
  let watched: Watched | null = null;

  const draw = () => {
    if (!watched) return;
    screen.draw(frameOf(watched, { ...screen.size, mostRows, utc, color: screen.color }));
  };
  const lookOnce = () => {
    const { columns, rows } = screen.size;
    return look({ rows: Math.min(rows, mostRows ?? rows), durations: columns });
  };
  screen.onResize(draw);
  try {
    for await (const { seen, lost } of looks(lookOnce, clock, signal)) {
      if (seen) {
        if (!watched) screen.take();
        watched = { ...where, ...seen, seenMs: clock.now(), lost: null };
      } else if (watched) {
        watched.lost = lost;
      }
      draw();
      // No frame piles up before a terminal that takes none; an error means that it has gone.
      if (await unlessAborted(stdout.flush(), signal)) break;
    }
  } finally {
    watched = null;
    screen.giveBack();
    await unlessAborted(stdout.flush(), signal);
  }
  return EXIT.ok;
}

/**
 * Prints a running probe's tasks whenever they have changed, until `signal` aborts or the reader
 * leaves; returns the exit code. Throws only where the very first look fails.
 */
export async function watchPlainly(
  { look, table }: {
    look: () => Promise<TaskList>;
    table: (taskList: TaskList, nowMs: number) => string[];
  },
  { clock, stdout, log }: Runtime,
  signal: AbortSignal,
): Promise<number> {
  let printed = "";
  let isLost = false;
  for await (const { seen, lost } of looks(look, clock, signal)) {
    if (lost && !isLost) log.warn(`lost the probe, trying again: ${lost.why}`);
    if (seen && isLost) log.info("the probe answers again");
    isLost = lost !== undefined;
    const text = JSON.stringify(seen);
    if (!seen || text === printed) continue;
    stdout.write([...printed ? [""] : [], ...table(seen, clock.now()), ""].join("\n"));
    printed = text;
    if (await stdout.flush()) break;
  }
  return EXIT.ok;
}

/** What the promise brings, or undefined as soon as the signal aborts. */
function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const onAbort = () => resolve(undefined);
    signal.addEventListener("abort", onAbort, { once: true });
    if (signal.aborted) onAbort();
    promise.finally(() => signal.removeEventListener("abort", onAbort)).then(resolve, reject);
  });
}

/** What a look brings, or since when and why there is nothing to be seen. */
type Look<T> =
  | { seen: T; lost?: undefined }
  | { seen?: undefined; lost: { sinceMs: number; why: string } };

/**
 * Looks every second, never twice at once, until `signal` aborts. Throws where the first look
 * fails, and at errors that are no `ProbeClientError`.
 */
async function* looks<T>(
  look: () => Promise<T>,
  clock: Clock,
  signal: AbortSignal,
): AsyncGenerator<Look<T>> {
  let lostSinceMs: number | null = null;
  for (let isFirst = true; !signal.aborted; isFirst = false) {
    const startMs = clock.monotonic();
    let looked: Look<T>;
    try {
      looked = { seen: await look() };
      lostSinceMs = null;
    } catch (error) {
      if (signal.aborted) return;
      if (isFirst || !(error instanceof ProbeClientError)) throw error;
      lostSinceMs ??= clock.now();
      looked = { lost: { sinceMs: lostSinceMs, why: error.brief } };
    }
    yield looked;
    const leftMs = startMs + LOOK_INTERVAL_MS - clock.monotonic();
    await sleep(clock, Math.max(0, leftMs), signal).catch(() => {/* The end of the watch. */});
  }
}
