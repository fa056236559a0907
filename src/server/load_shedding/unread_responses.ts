import { concat } from "@std/bytes/concat";
import { equals } from "@std/bytes/equals";

/** How much of a body is given to Deno at once; the next part follows when this one was written. */
const PART_BYTES = 64 * 1024;

/** Limits the bytes of all responses that clients have requested and not read yet. */
const MAX_UNREAD_BYTES = 32 * 1024 * 1024;

/** What an unread response occupies besides its body. */
const RESPONSE_BYTES = 16 * 1024;

type Controller = ReadableStreamDefaultController<Uint8Array>;

/** A body, and how many unread responses consist of it. */
type SharedBody = { bytes: Uint8Array; responses: number };

/**
 * Bounds the memory of responses that clients do not read: beyond the bound the oldest ones break
 * off. Deno has no write timeout, so a client that never reads would occupy its body for ever.
 */
export class UnreadResponses {
  /** The body of each unread response, the oldest first. */
  #bodies = new Map<Controller, SharedBody>();
  /** Requests for the same metrics are served one after another, so one remembered body is enough. */
  #last: SharedBody = { bytes: new Uint8Array(), responses: 0 };
  #bytes = 0;

  /** Returns the same response with a body that breaks off when it must make room. */
  async add(response: Response, body: ReadableStream<Uint8Array>): Promise<Response> {
    const shared = this.#share(await bytesOf(body));
    const bounded = new Response(this.#stream(shared), response);
    // A client that gets fewer bytes than this knows that the response is incomplete.
    bounded.headers.set("content-length", String(shared.bytes.length));
    return bounded;
  }

  /** Equal bodies are held once: 200 clients of a large exposition would exceed the bound. */
  #share(bytes: Uint8Array): SharedBody {
    const { bytes: last } = this.#last;
    if (bytes !== last && !equals(bytes, last)) this.#last = { bytes, responses: 0 };
    return this.#last;
  }

  #stream(shared: SharedBody): ReadableStream<Uint8Array> {
    let sentBytes = 0;
    let release = () => {};
    return new ReadableStream({
      start: (controller) => {
        release = () => this.#release(controller);
        this.#hold(controller, shared);
      },
      // Called when the part before has been read.
      pull: (controller) => {
        // A copy, since Deno holds the part until it is written, and a view would keep the whole body
        // in memory. A client of HTTP/2 can delay that write for ever, even after `#end`.
        const part = shared.bytes.slice(sentBytes, sentBytes += PART_BYTES);
        if (part.length > 0) controller.enqueue(part);
        else this.#end(controller);
      },
      cancel: () => release(),
    }, { highWaterMark: 0 });
  }

  #hold(controller: Controller, shared: SharedBody): void {
    this.#bodies.set(controller, shared);
    this.#bytes += RESPONSE_BYTES + (shared.responses++ > 0 ? 0 : shared.bytes.length);
    for (const oldest of this.#bodies.keys()) {
      if (this.#bytes <= MAX_UNREAD_BYTES) break;
      this.#end(oldest);
    }
  }

  /**
   * Ends a response, complete or not. Closing breaks off an incomplete one because of its
   * `content-length`; an error in its place would be written to standard error by Deno.
   */
  #end(controller: Controller): void {
    this.#release(controller);
    controller.close();
  }

  #release(controller: Controller): void {
    const shared = this.#bodies.get(controller);
    if (!shared) return;
    this.#bodies.delete(controller);
    this.#bytes -= RESPONSE_BYTES + (--shared.responses > 0 ? 0 : shared.bytes.length);
  }
}

async function bytesOf(body: ReadableStream<Uint8Array>): Promise<Uint8Array> {
  const chunks = await Array.fromAsync(body);
  const [first] = chunks;
  // A body of one chunk is not copied, and can be recognised as the last one without comparing it.
  return first && chunks.length === 1 ? first : concat(chunks);
}
