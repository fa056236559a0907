type Stream = { isTerminal: () => boolean };

/**
 * The streams that show whether the program was started at a terminal. On macOS standard input is none
 * of them: `nohup` leaves it the terminal.
 */
export function streamsOfStart(
  { stdin, stdout, stderr }: Record<"stdin" | "stdout" | "stderr", Stream>,
  os: string,
): Stream[] {
  return os === "darwin" ? [stdout, stderr] : [stdin, stdout, stderr];
}

/** The terminal that the program was started at, if it was. */
export class StartTerminal {
  readonly #streams: readonly Stream[];
  readonly #isControlling: boolean;

  /** `hasControlling` says whether the process has a controlling terminal. */
  constructor(streams: readonly Stream[], hasControlling: () => boolean) {
    this.#streams = streams.filter((stream) => stream.isTerminal());
    this.#isControlling = this.#streams.length > 0 && hasControlling();
  }

  /**
   * Whether SIGHUP says that this terminal is gone. Under `setsid` it does not, and `nohup` leaves no
   * stream a terminal.
   */
  get endsProgram(): boolean {
    return this.#isControlling;
  }

  /** Whether none of the streams leads to it any more. */
  get isGone(): boolean {
    return !this.#streams.some((stream) => stream.isTerminal());
  }
}

/** Whether the process has a controlling terminal; true where that cannot be known. */
export function hasControllingTerminal(): boolean {
  try {
    Deno.openSync("/dev/tty").close();
    return true;
  } catch (error) {
    // ENXIO, which has no class of its own in Deno.
    return !(error instanceof Error && /os error 6\)/.test(error.message));
  }
}

/** Whether a terminal of this type moves its cursor and shows colours; one without a type may. */
export function canDraw(terminalType: string | undefined): boolean {
  return terminalType !== "dumb";
}
