/** The signals that ask a process to stop. */
export type StopSignal = "SIGINT" | "SIGTERM";

/** One Ctrl-C can arrive twice: from the terminal, and passed on by `deno task` or npx. */
const SAME_SIGNAL_MS = 250;

/** Aborts at the first signal, with its name as the reason; a second signal calls `exit` at once. */
export function abortOnSignals(
  { onSignal, monotonic, exit }: {
    onSignal: (name: StopSignal, callback: () => void) => void;
    monotonic: () => number;
    exit: () => void;
  },
): AbortSignal {
  const stop = new AbortController();
  let stoppedMs = 0;
  for (const name of ["SIGINT", "SIGTERM"] as const) {
    onSignal(name, () => {
      const nowMs = monotonic();
      if (!stop.signal.aborted) {
        stoppedMs = nowMs;
        stop.abort(name);
      } else if (name !== stop.signal.reason || nowMs - stoppedMs > SAME_SIGNAL_MS) {
        exit();
      }
    });
  }
  return stop.signal;
}
