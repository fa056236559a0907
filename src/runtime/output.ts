/** Text beyond this is dropped while its reader does not read. */
const MAX_QUEUED_BYTES = 1024 * 1024;

/** How many lines may wait to be formatted. */
const MAX_UNFORMATTED_LINES = 1_000;

/** How long the end of the program waits for a reader that does not read. */
const MAX_FLUSH_MS = 1_000;

/** Standard output or standard error. */
export type Output = {
  /** Takes the text and returns at once. Text that its reader does not take is dropped beyond 1 MiB. */
  write(text: string): void;
  /**
   * Resolves when all is written, the reader is gone, or a second has passed. The value is the error
   * because of which text was lost, or undefined.
   */
  flush(): Promise<unknown>;
};

/** Takes a function that formats a text when it is written. */
export type LazyOutput = { writeLater(format: () => string): void };

/**
 * An output that never blocks the program and never fails: writing directly into a pipe that nobody
 * reads would stop the schedule. With `keepsAll` nothing is dropped and `flush` waits without a
 * limit, for output that is only useful when it is complete. With `lingerMs`, lines that follow each other closely are
 * formatted and written together: a write costs more than a line.
 */
export function createOutput(
  stream: { write(bytes: Uint8Array): Promise<number> },
  { keepsAll = false, lingerMs = 0 } = {},
): Output & LazyOutput {
  const encoder = new TextEncoder();
  let queued = "";
  const unformatted: (() => string)[] = [];
  let writing: Promise<void> | null = null;
  let lostTo: unknown;

  async function drain(): Promise<void> {
    try {
      while (queued) {
        let bytes = encoder.encode(queued);
        queued = "";
        while (bytes.length > 0) bytes = bytes.subarray(await stream.write(bytes));
      }
    } catch (error) {
      // The reader has gone, or the disk is full. The probe goes on.
      lostTo = error;
      queued = "";
    }
  }

  function writeLater(format: () => string): void {
    if (unformatted.push(format) < MAX_UNFORMATTED_LINES) startSoon();
    else start();
  }

  function enqueue(format: () => string): void {
    if (!keepsAll && queued.length > MAX_QUEUED_BYTES) return;
    try {
      queued += format();
    } catch (error) {
      queued += `a line could not be formatted: ${error}\n`;
    }
  }

  let lingering: ReturnType<typeof setTimeout> | undefined;
  function startSoon(): void {
    if (lingerMs === 0) return start();
    lingering ??= setTimeout(start, lingerMs);
  }

  function start(): void {
    clearTimeout(lingering);
    lingering = undefined;
    for (const format of unformatted.splice(0)) enqueue(format);
    if (writing || !queued) return;
    writing = drain().finally(() => {
      writing = null;
      // More may have been queued while this was written.
      start();
    });
  }

  return {
    write: (text) => writeLater(() => text),
    writeLater,
    async flush() {
      start();
      while (keepsAll && writing) await writing;
      let isOver = false;
      let timer: ReturnType<typeof setTimeout> | undefined;
      const limit = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, MAX_FLUSH_MS);
      }).then(() => void (isOver = true));
      while (writing && !isOver) await Promise.race([writing, limit]);
      clearTimeout(timer);
      return lostTo;
    },
  };
}
