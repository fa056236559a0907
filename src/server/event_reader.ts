import type { Clock } from "../core/clock.ts";

/** Limits what waits for a reader that has been behind for longer than `MAX_BEHIND_MS`. */
const MAX_QUEUED_BYTES = 256 * 1024;

/** A burst may exceed the limit for this long: readers on a slow line need time to catch up. */
const MAX_BEHIND_MS = 2_000;

/** The stream of one reader, and the bytes that wait for it; readers share the bytes themselves. */
export class EventReader {
  readonly stream: ReadableStream<Uint8Array>;
  #clock: Clock;
  #controller: ReadableStreamDefaultController<Uint8Array> | null = null;
  #queue: Uint8Array[] = [];
  #queuedBytes = 0;
  /** When the queue was last empty. */
  #behindSinceMs = 0;
  #isPulled = false;
  #isEnding = false;

  /** `onLeave` is called when the client closes the stream. */
  constructor(clock: Clock, onLeave: () => void) {
    this.#clock = clock;
    this.stream = new ReadableStream({
      start: (controller) => {
        this.#controller = controller;
      },
      pull: () => {
        this.#isPulled = true;
        this.#advance();
      },
      cancel: onLeave,
    }, { highWaterMark: 0 });
  }

  /** Whether the reader has been behind for too long to take this many bytes more. */
  isStuck(bytes: number): boolean {
    return this.#queue.length > 0 && this.#queuedBytes + bytes > MAX_QUEUED_BYTES &&
      this.#clock.monotonic() - this.#behindSinceMs > MAX_BEHIND_MS;
  }

  send(bytes: Uint8Array): void {
    if (this.#queue.length === 0) this.#behindSinceMs = this.#clock.monotonic();
    this.#queue.push(bytes);
    this.#queuedBytes += bytes.length;
    this.#advance();
  }

  /** Ends the stream once the queue has been read. */
  end(): void {
    this.#isEnding = true;
    this.#advance();
  }

  /** Ends the stream without the queue. */
  drop(): void {
    this.#queue = [];
    this.end();
  }

  #advance(): void {
    const bytes = this.#isPulled ? this.#queue.shift() : undefined;
    if (bytes) {
      this.#isPulled = false;
      this.#queuedBytes -= bytes.length;
      this.#controller?.enqueue(bytes);
    }
    if (this.#isEnding && this.#queue.length === 0) {
      this.#isEnding = false;
      this.#controller?.close();
    }
  }
}
