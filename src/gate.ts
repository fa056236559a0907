import type { Clock } from "./clock.ts";
import { SECURITY_HEADERS } from "./security_headers.ts";

type Handler = (request: Request) => Response | Promise<Response>;

/** How long requests may hold the loop before it lets others run. */
const LONGEST_HOLD_MS = 2;

/** Requests that may wait for their turn: the last of them for seconds, at the dearest. */
const MOST_WAITING = 200;

/** Answers of up to so many characters are handed to the system whole, others in such pieces. */
const PIECE_BYTES = 64 * 1024;

/** How much of larger answers may wait for those who have asked for them. */
const MOST_UNREAD_BYTES = 32 * 1024 * 1024;

/** Asked by orchestrators, which end what does not answer: cheap enough to pass always. */
const UNGUARDED = /^https?:\/\/[^/]*\/(healthz|readyz)$/;

/**
 * Keeps those who ask from holding up the probe: however many they are, requests are handled one
 * after the other with pauses for everything else, more than a bound of them are sent away, and
 * large answers that nobody reads give way to newer ones.
 */
export function gate(handler: Handler, clock: Clock): Handler {
  const turns = new Turns(clock);
  const unread = new Unread();
  return async (request) => {
    if (UNGUARDED.test(request.url)) return handler(request);
    if (turns.waiting >= MOST_WAITING) {
      return Response.json({ error: "too many requests at once" }, {
        status: 503,
        headers: { ...SECURITY_HEADERS, "retry-after": "1" },
      });
    }
    const response = await turns.take(() => handler(request));
    // A stream that lasts is bounded by who makes it.
    const isLasting = response.headers.get("content-type") === "text/event-stream";
    if (response.body === null || isLasting) return response;
    // Every answer is a text, and one that many have asked for is the same one.
    const text = await turns.take(() => response.text());
    return new Response(text.length > PIECE_BYTES ? unread.stream(text) : text, response);
  };
}

/** Lets pieces of work run one after the other, and everything else in between. */
class Turns {
  #waiting: (() => Promise<void>)[] = [];
  #isRunning = false;

  constructor(private readonly clock: Clock) {}

  get waiting(): number {
    return this.#waiting.length;
  }

  /** Runs the work when its turn has come. What it waits for itself, others need not wait for. */
  take<T>(work: () => T | Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#waiting.push(() => {
        const done = Promise.try(work);
        done.then(resolve, reject);
        return Promise.race([done.then(() => {}, () => {}), this.#pause()]);
      });
      if (!this.#isRunning) this.#run();
    });
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    let sinceMs = this.clock.monotonic();
    for (let next = this.#waiting.shift(); next; next = this.#waiting.shift()) {
      await next();
      if (this.clock.monotonic() - sinceMs < LONGEST_HOLD_MS) continue;
      await this.#pause();
      sinceMs = this.clock.monotonic();
    }
    this.#isRunning = false;
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => this.clock.after(0, resolve));
  }
}

/** Large answers on their way to those who have asked for them. */
class Unread {
  /** How many bytes are left of each; the oldest first. */
  #answers = new Map<ReadableStreamDefaultController<Uint8Array>, number>();
  #bytes = 0;
  #last = { text: "", bytes: new Uint8Array() };

  /** The text as a stream, which breaks off when it is the oldest one of too many. */
  stream(text: string): ReadableStream<Uint8Array> {
    // A crowd that has waited for one text shares its bytes.
    if (this.#last.text !== text) this.#last = { text, bytes: new TextEncoder().encode(text) };
    const { bytes } = this.#last;
    let sent = 0;
    let own: ReadableStreamDefaultController<Uint8Array>;
    return new ReadableStream({
      start: (controller) => this.#add(own = controller, bytes.length),
      pull: (controller) => {
        controller.enqueue(bytes.subarray(sent, sent += PIECE_BYTES));
        this.#leave(controller, Math.max(0, bytes.length - sent));
        if (sent >= bytes.length) controller.close();
      },
      cancel: () => this.#leave(own, 0),
    }, { highWaterMark: 0 });
  }

  #add(controller: ReadableStreamDefaultController<Uint8Array>, length: number): void {
    for (const oldest of this.#answers.keys()) {
      if (this.#bytes + length <= MOST_UNREAD_BYTES) break;
      this.#leave(oldest, 0);
      oldest.error(new Error("nobody reads this answer, and others wait"));
    }
    this.#answers.set(controller, length);
    this.#bytes += length;
  }

  /** Notes that so much is left of an answer. */
  #leave(controller: ReadableStreamDefaultController<Uint8Array>, left: number): void {
    this.#bytes -= (this.#answers.get(controller) ?? left) - left;
    if (left > 0) this.#answers.set(controller, left);
    else this.#answers.delete(controller);
  }
}
