import type { Clock } from "../core/clock.ts";
import { toSafeJson } from "../text/escape.ts";
import { EventReader } from "./event_reader.ts";

/** Events of this span are written together: a write costs more than an event. */
const GATHER_MS = 250;

/** A comment this often lets readers notice a lost connection, and the probe a lost reader. */
const KEEP_ALIVE_MS = 10_000;

/** When an `EventSource` connects again: soon, but not before a restarted probe listens. */
const RETRY_MS = 2_000;

/** The kernel buffers up to a megabyte for each reader that does not read. */
const MAX_READERS = 250;

/**
 * Sends events to every reader of `/events`, as server-sent events. The cost of a reader is bounded:
 * each event is encoded once for all of them, and a reader that does not keep up is dropped.
 * https://html.spec.whatwg.org/multipage/server-sent-events.html
 */
export class Events {
  #readers = new Set<EventReader>();
  #gathered = "";
  #timers = new Set<() => void>();
  #flushes = 0;
  #isClosed = false;

  /** `greeting` is the data of the event `hello` that each reader gets first. */
  constructor(private readonly clock: Clock, private readonly greeting: unknown) {}

  /** How often events were written; until the next write no reader knows more than before. */
  get flushes(): number {
    return this.#flushes;
  }

  /** How many readers there are. */
  get readers(): number {
    return this.#readers.size;
  }

  /** Sends an event to the current readers; `data` is not called when there are none. */
  send(name: string, data: () => unknown): void {
    if (this.#readers.size === 0) return;
    if (this.#gathered === "") this.#after(GATHER_MS, () => this.#flush());
    this.#gathered += encodeEvent(name, data());
  }

  /** Opens a stream of the events from now on; null when there are too many readers already. */
  open(): ReadableStream<Uint8Array> | null {
    if (this.#isClosed || this.#readers.size >= MAX_READERS) return null;
    const reader = new EventReader(this.clock, () => this.#remove(reader));
    reader.send(encodeText(`retry: ${RETRY_MS}\n${encodeEvent("hello", this.greeting)}`));
    if (this.#readers.add(reader).size === 1) this.#keepAlive();
    return reader.stream;
  }

  /** Sends the gathered events, ends every stream and accepts no more readers. */
  close(): void {
    this.#isClosed = true;
    this.disconnect();
  }

  /** Sends the gathered events and ends every stream; readers may connect again. */
  disconnect(): void {
    this.#flush();
    for (const reader of this.#readers) {
      reader.end();
      this.#remove(reader);
    }
  }

  #flush(): void {
    if (this.#gathered === "") return;
    this.#flushes++;
    this.#write(this.#gathered);
    this.#gathered = "";
  }

  #write(text: string): void {
    const bytes = encodeText(text);
    for (const reader of this.#readers) {
      if (!reader.isStuck(bytes.length)) reader.send(bytes);
      else {
        reader.drop();
        this.#remove(reader);
      }
    }
  }

  #keepAlive(): void {
    this.#after(KEEP_ALIVE_MS, () => {
      this.#write(": still here\n\n");
      if (this.#readers.size > 0) this.#keepAlive();
    });
  }

  #remove(reader: EventReader): void {
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

function encodeEvent(name: string, data: unknown): string {
  return `event: ${name}\ndata: ${toSafeJson(data)}\n\n`;
}

function encodeText(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
