import type { Clock } from "./clock.ts";
import { SECURITY_HEADERS } from "./security_headers.ts";

type Handler = (request: Request) => Response | Promise<Response>;

/** Requests that may wait for their turn; the last of them waits for seconds, at the dearest. */
const MOST_WAITING = 200;

/** How long a turn may be before the next one has to wait for as long as it took. */
const SHORT_TURN_MS = 3;

/** A turn may also have been long because the process stood still. */
const LONGEST_PAUSE_MS = 100;

/** How many are sent away in a turn: thousands at once would hold the loop for tenths of a second. */
const REFUSED_A_TURN = 50;

/** How much of an answer is handed to the system at once. */
const PIECE_BYTES = 64 * 1024;

/** How much may be kept, in all, for those who have asked for it and do not read. */
const MOST_UNREAD_BYTES = 32 * 1024 * 1024;

/** What a reader costs besides what it reads. */
const READER_BYTES = 16 * 1024;

/** Asked by orchestrators, which end what does not answer: cheap enough to pass always. */
const UNGUARDED = /^https?:\/\/[^/]*\/(healthz|readyz)$/;

/**
 * Keeps those who ask from holding up the probe, however many they are: one request is begun in
 * each turn of the loop, and half of the time is left to everything else; more than a bound of them
 * are sent away; and answers that nobody reads give way to newer ones.
 */
export function gate(handler: Handler, clock: Clock): Handler {
  const waiting: (() => void)[] = [];
  const refused: (() => void)[] = [];
  const unread = new Unread();
  let isTaken = false;

  function begin(): void {
    const next = waiting.shift();
    isTaken = next !== undefined;
    if (!next) return;
    const sinceMs = clock.monotonic();
    clock.after(0, () => {
      const tookMs = clock.monotonic() - sinceMs;
      if (tookMs <= SHORT_TURN_MS) begin();
      else clock.after(Math.min(tookMs, LONGEST_PAUSE_MS), begin);
    });
    next();
  }

  function turn(): Promise<void> {
    return new Promise((resolve) => {
      waiting.push(resolve);
      if (!isTaken) begin();
    });
  }

  function turnAway(): Promise<void> {
    return new Promise((resolve) => {
      if (refused.push(resolve) === 1) clock.after(0, turnNextAway);
    });
  }

  function turnNextAway(): void {
    for (const resolve of refused.splice(0, REFUSED_A_TURN)) resolve();
    if (refused.length > 0) clock.after(0, turnNextAway);
  }

  return async (request) => {
    if (UNGUARDED.test(request.url)) return handler(request);
    if (waiting.length >= MOST_WAITING) {
      await turnAway();
      return REFUSAL.clone();
    }
    await turn();
    const response = await handler(request);
    // A stream that lasts is bounded by who makes it.
    const isLasting = response.headers.get("content-type") === "text/event-stream";
    return response.body === null || isLasting ? response : await unread.keep(response);
  };
}

/** Copied for each, which takes a twentieth of the time that it takes to make one. */
const REFUSAL = Response.json({ error: "too many requests at once" }, {
  status: 503,
  headers: { ...SECURITY_HEADERS, "retry-after": "1" },
});

type Reader = ReadableStreamDefaultController<Uint8Array>;

/** A text in its bytes, and how many are reading it. */
type Shared = { bytes: Uint8Array; readers: number };

/** Answers on their way to those who have asked for them. */
class Unread {
  /** What each reader reads, the oldest first. */
  #answers = new Map<Reader, Shared>();
  /** A crowd that has asked for one text gets it one after the other. */
  #last: { text: string; shared: Shared } | null = null;
  #bytes = 0;

  /** The same answer, which breaks off when it is the oldest one of too many. */
  async keep(response: Response): Promise<Response> {
    const shared = this.#share(await response.text());
    const kept = new Response(this.#stream(shared), response);
    // Who gets less than this knows that it is not all.
    kept.headers.set("content-length", String(shared.bytes.length));
    return kept;
  }

  #share(text: string): Shared {
    if (this.#last?.text !== text) {
      // As a text it may take up many times its length, since it was made of many.
      const bytes = new TextEncoder().encode(text);
      this.#last = { text, shared: { bytes, readers: 0 } };
    }
    return this.#last.shared;
  }

  #stream(shared: Shared): ReadableStream<Uint8Array> {
    let sent = 0;
    let reader: Reader;
    return new ReadableStream({
      start: (controller) => this.#add(reader = controller, shared),
      // Comes when the piece before has been read.
      pull: (controller) => {
        const piece = shared.bytes.subarray(sent, sent += PIECE_BYTES);
        if (piece.length > 0) controller.enqueue(piece);
        else this.#end(controller);
      },
      cancel: () => this.#leave(reader),
    }, { highWaterMark: 0 });
  }

  #add(reader: Reader, shared: Shared): void {
    this.#answers.set(reader, shared);
    this.#bytes += READER_BYTES + (shared.readers++ > 0 ? 0 : shared.bytes.length);
    for (const oldest of this.#answers.keys()) {
      if (this.#bytes <= MOST_UNREAD_BYTES) break;
      this.#end(oldest);
    }
  }

  /** Ends an answer, which is broken off where it has not been read to its end. */
  #end(reader: Reader): void {
    this.#leave(reader);
    reader.close();
  }

  #leave(reader: Reader): void {
    const shared = this.#answers.get(reader);
    if (!shared) return;
    this.#answers.delete(reader);
    this.#bytes -= READER_BYTES + (--shared.readers > 0 ? 0 : shared.bytes.length);
  }
}
