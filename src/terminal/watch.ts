import { type Clock, sleep } from "../core/clock.ts";
import { EXIT } from "../core/exit_code.ts";
import { ProbeClientError } from "../probe_client/errors.ts";
import type { Runtime } from "../runtime/runtime.ts";
import { type FrameContent, type ProbeLoss, renderFrame } from "./frame.ts";
import type { Screen } from "./screen.ts";

const POLL_INTERVAL_MS = 1_000;

/** What a poll reads from the probe for a frame. */
export type FrameTasks = Pick<FrameContent, "taskList" | "recent" | "status">;

/** What a poll reads from the probe where nothing is drawn in place. */
export type ShownTasks = Pick<FrameContent, "taskList" | "status">;

/** How many tasks the table has room for, and the line of durations. */
export type FrameCapacity = { rows: number; durations: number };

export type ScreenWatch = Pick<FrameContent, "url" | "filter"> & {
  /** Reads the tasks; rejects with a `ProbeClientError` when the probe cannot be read. */
  poll: (capacity: FrameCapacity) => Promise<FrameTasks>;
  /** The most tasks in the table; null for as many as fit. */
  maxTasks: number | null;
  utc: boolean;
};

/**
 * Draws a running probe's tasks in place, once a second and whenever the terminal's size changes,
 * until `signal` aborts or the terminal is gone; returns the exit code. Throws when the first poll
 * fails, and errors other than `ProbeClientError` at any time.
 */
export async function watchOnScreen(
  { poll, maxTasks, utc, url, filter }: ScreenWatch,
  { clock, stdout }: Pick<Runtime, "clock" | "stdout">,
  screen: Screen,
  signal: AbortSignal,
): Promise<number> {
  let content: FrameContent | null = null;

  const draw = () => {
    if (!content) return;
    const { size, color, ascii } = screen;
    screen.draw(renderFrame(content, { ...size, maxTasks, utc, color, ascii }));
  };
  const pollForScreen = () => {
    const { columns, rows } = screen.size;
    return poll({ rows: Math.min(rows, maxTasks ?? rows), durations: columns });
  };
  screen.onResize(draw);
  try {
    for await (const { result, lost } of pollRepeatedly(pollForScreen, clock, signal)) {
      if (result) {
        if (!content) screen.take();
        content = { url, filter, ...result, respondedMs: clock.now(), lost: null };
      } else if (content) {
        content.lost = lost;
      }
      draw();
      // Waiting for the terminal keeps frames from piling up; an error means that it is gone.
      if (await unlessAborted(stdout.flush(), signal)) break;
    }
  } finally {
    content = null;
    screen.giveBack();
    await unlessAborted(stdout.flush(), signal);
  }
  return EXIT.ok;
}

/**
 * Prints a running probe's tasks whenever they have changed, until `signal` aborts or the reader of
 * standard output is gone; returns the exit code. Throws as `watchOnScreen` does.
 */
export async function watchAsText(
  { poll, render }: {
    poll: () => Promise<ShownTasks>;
    render: (shown: ShownTasks, nowMs: number) => string[];
  },
  { clock, stdout, log }: Pick<Runtime, "clock" | "stdout" | "log">,
  signal: AbortSignal,
): Promise<number> {
  let printed = "";
  let isLost = false;
  for await (const { result, lost } of pollRepeatedly(poll, clock, signal)) {
    if (lost && !isLost) log.warn(`lost the probe, retrying: ${lost.cause}`);
    if (result && isLost) log.info("the probe responds again");
    isLost = lost !== undefined;
    if (!result) continue;
    // States change with each second that passes, tasks only when something happens.
    const serialized = JSON.stringify(result.taskList);
    if (serialized === printed) continue;
    stdout.write([...printed ? [""] : [], ...render(result, clock.now()), ""].join("\n"));
    printed = serialized;
    if (await stdout.flush()) break;
  }
  return EXIT.ok;
}

/** Resolves as the promise does, or with undefined as soon as the signal aborts. */
function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const onAbort = () => resolve(undefined);
    signal.addEventListener("abort", onAbort, { once: true });
    if (signal.aborted) onAbort();
    promise.finally(() => signal.removeEventListener("abort", onAbort)).then(resolve, reject);
  });
}

type Poll<T> =
  | { result: T; lost?: undefined }
  | { result?: undefined; lost: ProbeLoss };

/**
 * Polls once a second, one poll at a time, until `signal` aborts. Throws when the first poll fails,
 * and errors other than `ProbeClientError` at any time.
 */
async function* pollRepeatedly<T>(
  poll: () => Promise<T>,
  clock: Clock,
  signal: AbortSignal,
): AsyncGenerator<Poll<T>> {
  let lostSinceMs: number | null = null;
  for (let isFirst = true; !signal.aborted; isFirst = false) {
    const startMs = clock.monotonic();
    let polled: Poll<T>;
    try {
      polled = { result: await poll() };
      lostSinceMs = null;
    } catch (error) {
      if (signal.aborted) return;
      if (isFirst || !(error instanceof ProbeClientError)) throw error;
      lostSinceMs ??= clock.now();
      polled = { lost: { sinceMs: lostSinceMs, cause: error.brief } };
    }
    yield polled;
    const leftMs = startMs + POLL_INTERVAL_MS - clock.monotonic();
    await sleep(clock, Math.max(0, leftMs), signal).catch(() => {/* The loop ends. */});
  }
}
