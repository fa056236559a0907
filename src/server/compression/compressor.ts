import { concat } from "@std/bytes/concat";
import { type Clock, LoopHold } from "../../core/clock.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** A part takes a fraction of a millisecond, in which the event loop stands still. */
const PART_BYTES = 64 * 1024;

/** Limits the bodies that wait: those of the largest responses, a few times. */
const MAX_QUEUED_BYTES = 4 * 1024 * 1024;

/**
 * Compresses bodies, one at a time and a part at a time: Deno compresses on the event loop. A body is
 * compressed once for all who ask for it while it is in use.
 */
export class Compressor {
  readonly #clock: Clock;
  /** By the body itself: who shares a rendering shares its bytes. */
  readonly #results = new WeakMap<Bytes, Promise<Bytes | null>>();
  #last: Promise<unknown> = Promise.resolve();
  #queuedBytes = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * The body in gzip; null when too many others wait for theirs, or when compression fails. Never
   * throws. RFC 1952.
   */
  async gzip(body: Bytes): Promise<Bytes | null> {
    const known = this.#results.get(body);
    if (known) return await known;
    const isFull = this.#queuedBytes > 0 && this.#queuedBytes + body.length > MAX_QUEUED_BYTES;
    if (isFull) return null;
    this.#queuedBytes += body.length;
    const result = this.#last
      .then(() => this.#compress(body))
      .catch(() => {
        // Whoever asks next may have more luck.
        this.#results.delete(body);
        return null;
      })
      .finally(() => this.#queuedBytes -= body.length);
    this.#last = result;
    this.#results.set(body, result);
    return await result;
  }

  async #compress(body: Bytes): Promise<Bytes> {
    const { readable, writable } = new CompressionStream("gzip");
    const writing = this.#writeParts(body, writable.getWriter());
    // A failure rejects both.
    const [parts] = await Promise.all([Array.fromAsync(readable), writing]);
    return concat(parts);
  }

  async #writeParts(body: Bytes, writer: WritableStreamDefaultWriter<Bytes>): Promise<void> {
    // Whoever made a large body has just held the loop.
    const hold = new LoopHold(this.#clock, { isLong: body.length > PART_BYTES });
    for (let start = 0; start < body.length; start += PART_BYTES) {
      if (hold.isLong) await hold.release();
      await writer.write(body.subarray(start, start + PART_BYTES));
    }
    await writer.close();
  }
}
