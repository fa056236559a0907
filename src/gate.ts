import { Buffer } from "node:buffer";
import type { Clock } from "./clock.ts";
import { SECURITY_HEADERS } from "./security_headers.ts";

type Handler = (request: Request) => Response | Promise<Response>;

/** Requests that may wait for their turn; the last of them waits for seconds, at the dearest. */
const MOST_WAITING = 200;

/** How much of an answer is handed to the system at once. */
const PIECE_BYTES = 64 * 1024;

/** How much may be kept, in all, for those who have asked for it and do not read. */
const MOST_UNREAD_BYTES = 32 * 1024 * 1024;

/** What a reader costs besides the text. */
const READER_BYTES = 16 * 1024;

/** Asked by orchestrators, which end what does not answer: cheap enough to pass always. */
const UNGUARDED = /^https?:\/\/[^/]*\/(healthz|readyz)$/;

/**
 * Keeps those who ask from holding up the probe, however many they are: one request is begun in
 * each turn of the loop, so that everything else runs in between; more than a bound of them are
 * sent away; and answers that nobody reads give way to newer ones.
 */
export function gate(handler: Handler, clock: Clock): Handler {
  const waiting: (() => void)[] = [];
  const unread = new Unread();
  let isTaken = false;

  function begin(): void {
    const next = waiting.shift();
    isTaken = next !== undefined;
    if (!next) return;
    clock.after(0, begin);
    next();
  }

  function turn(): Promise<void> {
    return new Promise((resolve) => {
      waiting.push(resolve);
      if (!isTaken) begin();
    });
  }

  return async (request) => {
    if (UNGUARDED.test(request.url)) return handler(request);
    if (waiting.length >= MOST_WAITING) return refusal();
    await turn();
    const response = await handler(request);
    // A stream that lasts is bounded by who makes it.
    const isLasting = response.headers.get("content-type") === "text/event-stream";
    return response.body === null || isLasting ? response : await unread.keep(response);
  };
}

function refusal(): Response {
  const headers = { ...SECURITY_HEADERS, "retry-after": "1" };
  return Response.json({ error: "too many requests at once" }, { status: 503, headers });
}

type Reader = ReadableStreamDefaultController<Uint8Array>;

/** A text, and how many are reading it. */
type Shared = { text: string; readers: number };

/** Answers on their way to those who have asked for them. */
class Unread {
  /** What each reader reads, the oldest first. */
  #texts = new Map<Reader, Shared>();
  /** A crowd that has asked for one text gets it one after the other. */
  #last: Shared = { text: "", readers: 0 };
  #bytes = 0;

  /** The same answer, which breaks off when it is the oldest one of too many. */
  async keep(response: Response): Promise<Response> {
    const text = await response.text();
    const kept = new Response(this.#stream(text), response);
    // Who gets less than this knows that it is not all.
    kept.headers.set("content-length", String(Buffer.byteLength(text)));
    return kept;
  }

  /** Makes each piece when it is asked for, which is when the one before it has been read. */
  #stream(text: string): ReadableStream<Uint8Array> {
    const encoder = new TextEncoder();
    let rest = text;
    let reader: Reader;
    return new ReadableStream({
      start: (controller) => this.#add(reader = controller, text),
      pull: (controller) => {
        const bytes = new Uint8Array(Math.min(PIECE_BYTES, 3 * rest.length));
        const { read, written } = encoder.encodeInto(rest, bytes);
        rest = rest.slice(read);
        if (written > 0) controller.enqueue(bytes.subarray(0, written));
        else this.#end(controller);
      },
      cancel: () => this.#leave(reader),
    }, { highWaterMark: 0 });
  }

  #add(reader: Reader, text: string): void {
    if (this.#last.text !== text) this.#last = { text, readers: 0 };
    const others = this.#last.readers++;
    this.#texts.set(reader, this.#last);
    this.#bytes += READER_BYTES + (others > 0 ? 0 : text.length);
    for (const oldest of this.#texts.keys()) {
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
    const shared = this.#texts.get(reader);
    if (!shared) return;
    this.#texts.delete(reader);
    this.#bytes -= READER_BYTES + (--shared.readers > 0 ? 0 : shared.text.length);
  }
}
