import { concat } from "@std/bytes/concat";
import { equals } from "@std/bytes/equals";
import type { Clock } from "../../core/clock.ts";
import { SECURITY_HEADERS } from "../security_headers.ts";

type Handler = (request: Request) => Response | Promise<Response>;

/** Requests between their coming and their answer; the last waits for seconds, at the dearest. */
const MAX_CONCURRENT = 201;

/** How long a turn may be before the next one has to wait for as long as it took. */
const SHORT_TURN_MS = 3;

/** A turn may also have been long because the process stood still. */
const MAX_PAUSE_MS = 100;

/** How many are sent away in a turn: thousands at once would hold the loop for tenths of a second. */
const REFUSED_A_TURN = 50;

/** How many may wait to be sent away; who comes then is sent away at once. */
const MAX_WAITING_REFUSALS = 20_000;

/** How much of an answer is handed to the system at once. */
const PIECE_BYTES = 64 * 1024;

/** How much may be kept, in all, for those who have asked for it and do not read. */
const MAX_UNREAD_BYTES = 32 * 1024 * 1024;

/** What a reader costs besides what it reads. */
const READER_BYTES = 16 * 1024;

/** Asked by orchestrators, which end what does not answer: cheap enough to pass always. */
const UNGUARDED = /^https?:\/\/[^/]*\/(healthz|readyz)$/;

/**
 * Keeps those who ask from holding up the probe, however many they are: in each turn of the loop one
 * request is begun and one answer given, and half of the time is left to everything else; more than
 * a bound of them are sent away; and answers that nobody reads give way to newer ones.
 */
export function shedLoad(handler: Handler, clock: Clock): Handler {
  const requests = new Turns(clock);
  const answers = new Turns(clock);
  const refusals = new Turns(clock, REFUSED_A_TURN);
  const unread = new Unread();
  let inside = 0;

  return async (request) => {
    if (UNGUARDED.test(request.url)) return handler(request);
    if (inside >= MAX_CONCURRENT) {
      if (refusals.waiting < MAX_WAITING_REFUSALS) await refusals.next();
      return REFUSAL.clone();
    }
    inside++;
    try {
      await requests.next();
      const response = await handler(request);
      // A stream that lasts is bounded by who makes it.
      const isLasting = response.headers.get("content-type") === "text/event-stream";
      const { body } = response;
      if (body === null || isLasting) return response;
      // A crowd that waits for the same has it in the same instant.
      await answers.next();
      return await unread.keep(response, body);
    } finally {
      inside--;
    }
  };
}

/** Lets one go on at once, and of those who come meanwhile so many in each turn of the loop. */
class Turns {
  #clock: Clock;
  #perTurn: number;
  #waiting: (() => void)[] = [];
  #isTaken = false;

  constructor(clock: Clock, perTurn = 1) {
    this.#clock = clock;
    this.#perTurn = perTurn;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  next(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      if (!this.#isTaken) this.#begin();
    });
  }

  /** After a long turn it waits for as long as that took. */
  #begin(): void {
    const next = this.#waiting.splice(0, this.#perTurn);
    this.#isTaken = next.length > 0;
    if (!this.#isTaken) return;
    const sinceMs = this.#clock.monotonic();
    this.#clock.after(0, () => {
      const tookMs = this.#clock.monotonic() - sinceMs;
      if (tookMs <= SHORT_TURN_MS) this.#begin();
      else this.#clock.after(Math.min(tookMs, MAX_PAUSE_MS), () => this.#begin());
    });
    for (const resolve of next) resolve();
  }
}

/** Copied for each, which takes a twentieth of the time that it takes to make one. */
const REFUSAL = Response.json({ error: "too many requests at once" }, {
  status: 503,
  headers: { ...SECURITY_HEADERS, "retry-after": "1" },
});

type Reader = ReadableStreamDefaultController<Uint8Array>;

/** An answer's bytes, and how many are reading them. */
type Shared = { bytes: Uint8Array; readers: number };

/** Answers on their way to those who have asked for them. */
class Unread {
  /** What each reader reads, the oldest first. */
  #answers = new Map<Reader, Shared>();
  /** A crowd that has asked for the same gets it one after the other. */
  #last: Shared = { bytes: new Uint8Array(), readers: 0 };
  #bytes = 0;

  /** The same answer, which breaks off when it is the oldest one of too many. */
  async keep(response: Response, body: ReadableStream<Uint8Array>): Promise<Response> {
    const chunks = await Array.fromAsync(body);
    const shared = this.#share(chunks.length === 1 ? chunks[0] : concat(chunks));
    const kept = new Response(this.#stream(shared), response);
    // Who gets less than this knows that it is not all.
    kept.headers.set("content-length", String(shared.bytes.length));
    return kept;
  }

  #share(bytes: Uint8Array): Shared {
    const { bytes: last } = this.#last;
    if (bytes !== last && !equals(bytes, last)) this.#last = { bytes, readers: 0 };
    return this.#last;
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
      if (this.#bytes <= MAX_UNREAD_BYTES) break;
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
