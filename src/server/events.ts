import type { Clock } from "../core/clock.ts";
import { toSafeJson } from "../text/escape.ts";

/** Events that come close together are sent together: a write costs more than an event. */
const GATHER_MS = 250;

/** A reader that hears nothing for longer than this has lost the probe, or the probe it. */
const STILL_HERE_MS = 10_000;

/** What may wait for a reader that has been behind for a while; then it is dropped. */
const MAX_QUEUED_BYTES = 256 * 1024;
const MAX_PAUSE_MS = 2_000;

/** The kernel keeps up to a megabyte for each one that does not read. */
const MAX_READERS = 250;

/**
 * Sends what happens to everybody who listens, as server-sent events. What one reader costs is
 * bounded: each event is written once for all, and who does not keep up is dropped.
 */
export class Events {
  #readers = new Set<Reader>();
  #gathered = "";
  #timers = new Set<() => void>();
  #flushes = 0;
  #closed = false;

  /** `greeting` is the data of the event `hello` that each reader gets first. */
  constructor(private readonly clock: Clock, private readonly greeting: unknown) {}

  /** How often something was sent: while it stays, no reader knows more than before. */
  get flushes(): number {
    return this.#flushes;
  }

  get readers(): number {
    return this.#readers.size;
  }

  /** Sends an event to those who listen now. Costs nothing when nobody does. */
  send(name: string, data: () => unknown): void {
    if (this.#readers.size === 0) return;
    if (this.#gathered === "") this.#after(GATHER_MS, () => this.#flush());
    this.#gathered += event(name, data());
  }

  /** A stream of what happens from now on; null when there are too many readers already. */
  listen(): ReadableStream<Uint8Array> | null {
    if (this.#closed || this.#readers.size >= MAX_READERS) return null;
    const reader = new Reader(this.clock, () => this.#leave(reader));
    reader.take(encode(`retry: 2000\n${event("hello", this.greeting)}`));
    if (this.#readers.add(reader).size === 1) this.#keepAlive();
    return reader.stream;
  }

  /** Sends what is gathered, ends every stream and takes no more readers. */
  close(): void {
    this.#flush();
    this.#closed = true;
    for (const reader of this.#readers) {
      reader.end();
      this.#leave(reader);
    }
  }

  #flush(): void {
    if (this.#gathered === "") return;
    this.#flushes++;
    this.#write(this.#gathered);
    this.#gathered = "";
  }

  #write(text: string): void {
    const bytes = encode(text);
    for (const reader of this.#readers) {
      if (!reader.isStuck(bytes.length)) reader.take(bytes);
      else {
        reader.drop();
        this.#leave(reader);
      }
    }
  }

  #keepAlive(): void {
    this.#after(STILL_HERE_MS, () => {
      this.#write(": still here\n\n");
      if (this.#readers.size > 0) this.#keepAlive();
    });
  }

  #leave(reader: Reader): void {
    this.#readers.delete(reader);
    if (this.#readers.size > 0) return;
    for (const cancel of this.#timers) cancel();
    this.#timers.clear();
    this.#gathered = "";
  }

  #after(delayMs: number, action: () => void): void {
    const cancel = this.clock.after(delayMs, () => {
      this.#timers.delete(cancel);
      action();
    });
    this.#timers.add(cancel);
  }
}

/** One who listens, with what waits for it; the parts themselves are shared by all. */
class Reader {
  readonly stream: ReadableStream<Uint8Array>;
  #controller!: ReadableStreamDefaultController<Uint8Array>;
  #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  /** When it last had read all. */
  #waitingSinceMs = 0;
  #isAsked = false;
  #isEnding = false;

  constructor(private readonly clock: Clock, onLeave: () => void) {
    this.stream = new ReadableStream({
      start: (controller) => void (this.#controller = controller),
      pull: () => {
        this.#isAsked = true;
        this.#give();
      },
      cancel: onLeave,
    }, { highWaterMark: 0 });
  }

  /** Whether so many bytes more are too many for one that has been behind for a while. */
  isStuck(bytes: number): boolean {
    return this.#waiting.length > 0 && this.#waitingBytes + bytes > MAX_QUEUED_BYTES &&
      this.clock.monotonic() - this.#waitingSinceMs > MAX_PAUSE_MS;
  }

  take(bytes: Uint8Array): void {
    if (this.#waiting.length === 0) this.#waitingSinceMs = this.clock.monotonic();
    this.#waiting.push(bytes);
    this.#waitingBytes += bytes.length;
    this.#give();
  }

  /** Ends the stream when all that waits has been read. */
  end(): void {
    this.#isEnding = true;
    this.#give();
  }

  /** Ends the stream without what waits. */
  drop(): void {
    this.#waiting = [];
    this.end();
  }

  #give(): void {
    const bytes = this.#isAsked ? this.#waiting.shift() : undefined;
    if (bytes) {
      this.#isAsked = false;
      this.#waitingBytes -= bytes.length;
      this.#controller.enqueue(bytes);
    }
    if (this.#isEnding && this.#waiting.length === 0) {
      this.#isEnding = false;
      this.#controller.close();
    }
  }
}

function event(name: string, data: unknown): string {
  return `event: ${name}\ndata: ${toSafeJson(data)}\n\n`;
}

function encode(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
