/** How much may wait for a reader that does not read. */
const MAX_QUEUED_BYTES = 1024 * 1024;

/** How many texts may wait to be made. */
const MAX_UNFORMATTED_LINES = 1_000;

/** How long the end of the program waits for such a reader. */
const MAX_FLUSH_MS = 1_000;

/** Where text goes: standard output or standard error. */
export type Output = {
  /** Takes the text and returns at once. What a reader does not take is dropped beyond a bound. */
  write(text: string): void;
  /**
   * Resolves when all is written, the reader is gone, or a second has passed; with the error that
   * text was lost to, or undefined when none was.
   */
  flush(): Promise<unknown>;
};

/** Takes what makes a text when it is written. */
export type LazyOutput = { writeLater(make: () => string): void };

/**
 * An output that never holds up the program and never fails: a pipe that nobody reads would stop
 * the schedule if it were written to in place. With `keepsAll` nothing is dropped and `flush` waits
 * for as long as it takes: for results, which are worth nothing by halves. With `lingerMs` lines that
 * come close together are made and written together: code that has just run is fast, and a write
 * costs more than a line.
 */
export function createOutput(
  stream: { write(bytes: Uint8Array): Promise<number> },
  { keepsAll = false, lingerMs = 0 } = {},
): Output & LazyOutput {
  const encoder = new TextEncoder();
  let waiting = "";
  const unmade: (() => string)[] = [];
  let writing: Promise<void> | null = null;
  let lostTo: unknown;

  async function drain(): Promise<void> {
    try {
      while (waiting) {
        let bytes = encoder.encode(waiting);
        waiting = "";
        while (bytes.length > 0) bytes = bytes.subarray(await stream.write(bytes));
      }
    } catch (error) {
      // The reader has gone, or the disk is full. The probe goes on.
      lostTo = error;
      waiting = "";
    }
  }

  function writeLater(make: () => string): void {
    if (unmade.push(make) < MAX_UNFORMATTED_LINES) soon();
    else start();
  }

  function take(make: () => string): void {
    if (!keepsAll && waiting.length > MAX_QUEUED_BYTES) return;
    try {
      waiting += make();
    } catch (error) {
      waiting += `a text could not be made: ${error}\n`;
    }
  }

  let lingering: ReturnType<typeof setTimeout> | undefined;
  function soon(): void {
    if (lingerMs === 0) return start();
    lingering ??= setTimeout(start, lingerMs);
  }

  function start(): void {
    clearTimeout(lingering);
    lingering = undefined;
    for (const make of unmade.splice(0)) take(make);
    if (writing || !waiting) return;
    writing = drain().finally(() => {
      writing = null;
      // What came in between the last look and now.
      start();
    });
  }

  return {
    write: (text) => writeLater(() => text),
    writeLater,
    async flush() {
      start();
      while (keepsAll && writing) await writing;
      let patient = true;
      let timer: ReturnType<typeof setTimeout> | undefined;
      const patience = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, MAX_FLUSH_MS);
      }).then(() => void (patient = false));
      while (writing && patient) await Promise.race([writing, patience]);
      clearTimeout(timer);
      return lostTo;
    },
  };
}
