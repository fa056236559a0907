import type { Clock } from "../core/clock.ts";

/** The signals that ask a process to stop. */
export type StopSignal = "SIGINT" | "SIGTERM";

/** One Ctrl-C can arrive twice: from the terminal, and passed on by `deno task` or npx. */
const SAME_SIGNAL_MS = 250;

/** A shell on its way out sends SIGHUP before its terminal is gone; some do, as zsh. */
const TERMINAL_GOES_MS = 1_000;

/**
 * Aborts `stop` at the first signal, with its name as the reason; a second signal calls `exit` at
 * once.
 */
export function abortOnSignals(
  { onSignal, monotonic, exit }: {
    onSignal: (name: StopSignal, callback: () => void) => void;
    monotonic: () => number;
    exit: () => void;
  },
  stop: AbortController = new AbortController(),
): AbortSignal {
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

export type HangupOptions = {
  clock: Clock;
  /** Listens for SIGHUP. */
  listen: (callback: () => void) => void;
  /** Whether it was started at a terminal, whose end SIGHUP announces. */
  isAtTerminal: boolean;
  isTerminalGone: () => boolean;
  stop: AbortController;
};

/**
 * What SIGHUP does. Once the terminal is gone it stops the program as SIGTERM does. Otherwise it calls
 * back who waits for it, and stops a program at a terminal in which nobody does. Without a terminal
 * and without such a callback it does nothing: `nohup` has it ignored, and Deno, once it listens for
 * any signal, ends a process that does not listen for this one.
 */
export class Hangups {
  readonly #options: HangupOptions;
  #callback: (() => void) | null = null;

  constructor(options: HangupOptions) {
    this.#options = options;
    options.listen(() => this.#hear());
  }

  /** Calls back at each signal that does not stop the program. */
  onHangup(callback: () => void): void {
    this.#callback = callback;
  }

  #hear(): void {
    const { clock, isAtTerminal, isTerminalGone } = this.#options;
    if (isAtTerminal && (isTerminalGone() || !this.#callback)) return this.#stop();
    this.#callback?.();
    if (isAtTerminal) {
      clock.after(TERMINAL_GOES_MS, () => {
        if (isTerminalGone()) this.#stop();
      });
    }
  }

  /** A terminal that goes away may say so several times: none of them is a second signal. */
  #stop(): void {
    if (!this.#options.stop.signal.aborted) this.#options.stop.abort("SIGTERM");
  }
}
