import { Buffer } from "node:buffer";
import { RequestError } from "./errors.ts";

export type ResponseHeaders = Record<string, string | string[]>;

/** What is reported of a response, in this order. */
export type ResponseHandler = {
  onHeaders: (status: number, headers: ResponseHeaders) => void;
  /** The bytes are only valid during the call. */
  onBody: (bytes: Uint8Array) => void;
};

/** Status line, headers and trailers together; four times Node's own limit. */
const MAX_HEADER_BYTES = 64 * 1024;

/** As many as Node takes. */
const MAX_HEADERS = 2_000;

/**
 * How many responses of status 1xx may precede the final one, which RFC 9110, section 15.2, does not
 * limit. Real servers send one or two; without a limit a task would read until its deadline.
 */
const MAX_INTERIM_RESPONSES = 20;

/** How many bytes are parsed at once. */
const BUFFER_BYTES = 64 * 1024;

/** What no header has. RFC 9110, section 5.5. */
// deno-lint-ignore no-control-regex -- these are searched for
const FORBIDDEN_IN_VALUE = /[\0-\x08\x0a-\x1f\x7f]/;

const LINE_FEED = 10;

/** Constants of llhttp. */
const TYPE_RESPONSE = 2;
const OK = 0;
const STOP = -1;
const SKIP_BODY = 1;

/** The exports of llhttp in use. */
type Llhttp = {
  memory: WebAssembly.Memory;
  malloc(size: number): number;
  llhttp_alloc(type: number): number;
  llhttp_free(parser: number): void;
  llhttp_execute(parser: number, at: number, length: number): number;
  llhttp_finish(parser: number): number;
  llhttp_get_error_reason(parser: number): number;
  llhttp_set_lenient_spaces_after_chunk_size(parser: number, isOn: number): void;
  llhttp_set_lenient_headers(parser: number, isOn: number): void;
  llhttp_set_lenient_optional_cr_before_lf(parser: number, isOn: number): void;
  llhttp_set_lenient_chunked_length(parser: number, isOn: number): void;
  llhttp_set_lenient_transfer_encoding(parser: number, isOn: number): void;
};

type Instance = Llhttp & { bufferAt: number };

let instance: Instance | null = null;

/** The parser that llhttp calls back: parsing is synchronous. */
let active: ResponseParser | null = null;

/**
 * Loads llhttp, which a parser needs. Not with this module, since commands that make no request start
 * faster without.
 */
export async function loadResponseParser(): Promise<void> {
  if (instance) return;
  const { LLHTTP_WASM } = await import("./generated/llhttp_wasm.ts");
  instance ??= instantiate(Buffer.from(LLHTTP_WASM, "base64"));
}

function instantiate(wasm: BufferSource): Instance {
  const span =
    (callback: (parser: ResponseParser, at: number, length: number) => number) =>
    (_: number, at: number, length: number) => active ? callback(active, at, length) : STOP;
  const env = {
    wasm_on_message_begin: () => OK,
    wasm_on_url: () => OK,
    wasm_on_status: span((parser, _, length) => parser.countHeaderBytes(length)),
    wasm_on_header_field: span((parser, at, length) => parser.addName(at, length)),
    wasm_on_header_value: span((parser, at, length) => parser.addValue(at, length)),
    wasm_on_headers_complete: (_: number, status: number) => active?.endHeaders(status) ?? STOP,
    wasm_on_body: span((parser, at, length) => parser.addBody(at, length)),
    wasm_on_message_complete: () => active?.endMessage() ?? STOP,
  };
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(wasm), { env });
  const llhttp = exports as unknown as Llhttp;
  return { ...llhttp, bufferAt: llhttp.malloc(BUFFER_BYTES) };
}

function loaded(): Instance {
  if (!instance) throw new Error("the parser is not loaded");
  return instance;
}

/**
 * Parses one HTTP/1 response by llhttp, Node's own parser, as strictly as Node does: two lengths, a
 * length beside chunks, a broken chunk and the like are refused. A header over several lines and lines
 * that end with a line feed alone are taken, as by every other client. Interim responses are skipped.
 * What follows a whole response is not part of it (RFC 9112, section 6.3) and is ignored.
 */
export class ResponseParser implements Disposable {
  /** Whether the response is complete. */
  isComplete = false;
  readonly #handler: ResponseHandler;
  readonly #isHead: boolean;
  readonly #headersOnly: boolean;
  readonly #llhttp = loaded();
  readonly #parser = this.#llhttp.llhttp_alloc(TYPE_RESPONSE);
  #bytes: Buffer = Buffer.alloc(0);
  #headers: [name: string, value: string][] = [];
  #isName = false;
  /** Where a value goes on, unless its line is folded: an address in llhttp's memory. */
  #valueEnd = -1;
  /** Whether the value is at the start of a further line, whose white space is one space. */
  #isFolding = false;
  #lastByte: number | undefined;
  #headerBytes = 0;
  #interimResponses = 0;
  #isFinal = false;
  /** What a callback has met: it is thrown when llhttp returns. */
  #error: unknown = null;

  /**
   * Needs `loadResponseParser` before. `isHead` is true for the response to a HEAD, which has no body
   * (RFC 9110, section 9.3.2). With `headersOnly` the response is complete with its headers.
   */
  constructor(handler: ResponseHandler, { isHead = false, headersOnly = false } = {}) {
    this.#handler = handler;
    this.#isHead = isHead;
    this.#headersOnly = headersOnly;
    // Every client takes them, RFC 9112 (section 7.1.1) before an extension too; the size stays clear.
    this.#llhttp.llhttp_set_lenient_spaces_after_chunk_size(this.#parser, 1);
    // For a header over several lines, as nginx sends one that its configuration has so; a user agent
    // must take it (RFC 9112, section 5.2). What else this switch allows is refused below.
    this.#llhttp.llhttp_set_lenient_headers(this.#parser, 1);
    this.#setLinesMayEndWithLf(true);
    if (!headersOnly) return;
    // Of a tunnel both must be ignored. RFC 9110, section 9.3.6.
    this.#llhttp.llhttp_set_lenient_chunked_length(this.#parser, 1);
    this.#llhttp.llhttp_set_lenient_transfer_encoding(this.#parser, 1);
  }

  /** Parses further bytes. Throws `invalid_response`, or what the handler throws. */
  parse(bytes: Uint8Array): void {
    for (let from = 0; from < bytes.length && !this.isComplete; from += BUFFER_BYTES) {
      const { bufferAt, memory } = this.#llhttp;
      // A value that was cut by the end of the buffer goes on at the start of the next one.
      this.#valueEnd = this.#valueEnd === bufferAt + this.#bytes.length ? bufferAt : -1;
      const length = Math.min(BUFFER_BYTES, bytes.length - from);
      this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset + from, length);
      new Uint8Array(memory.buffer, bufferAt).set(this.#bytes);
      const code = this.#call(() => this.#llhttp.llhttp_execute(this.#parser, bufferAt, length));
      if (code !== OK && !this.isComplete) throw notHttp(this.#reason());
      // Kept, since the caller may use its buffer again.
      this.#lastByte = this.#bytes.at(-1);
    }
  }

  /** Parses the end of the stream, which completes a body without a length. */
  end(): void {
    this.#call(() => this.#llhttp.llhttp_finish(this.#parser));
  }

  [Symbol.dispose](): void {
    this.#llhttp.llhttp_free(this.#parser);
  }

  /** Calls llhttp; throws what a callback has met. */
  #call(parse: () => number): number {
    active = this;
    const code = parse();
    active = null;
    if (this.#error) throw this.#error;
    return code;
  }

  #reason(): string {
    const at = this.#llhttp.llhttp_get_error_reason(this.#parser);
    const memory = new Uint8Array(this.#llhttp.memory.buffer);
    return new TextDecoder().decode(memory.subarray(at, memory.indexOf(0, at)));
  }

  #text(at: number, length: number): string {
    const from = at - this.#llhttp.bufferAt;
    // Latin-1, since header fields have no encoding. RFC 9110, section 5.5.
    return this.#bytes.toString("latin1", from, from + length);
  }

  /** RFC 9112, section 2.2. */
  #setLinesMayEndWithLf(may: boolean): void {
    this.#llhttp.llhttp_set_lenient_optional_cr_before_lf(this.#parser, may ? 1 : 0);
  }

  #fail(error: unknown): number {
    this.#error = error;
    return STOP;
  }

  // What llhttp calls back; each returns 0 to go on.

  countHeaderBytes(length: number): number {
    this.#headerBytes += length;
    if (this.#headerBytes <= MAX_HEADER_BYTES) return OK;
    return this.#fail(
      new RequestError("invalid_response", `the headers are larger than ${MAX_HEADER_BYTES} bytes`),
    );
  }

  addName(at: number, length: number): number {
    const last = this.#headers.at(-1);
    const text = this.#text(at, length);
    // Neither before the colon nor before a name: RFC 9112, sections 5.1 and 2.2. In llhttp's words,
    // since it depends on how the bytes come in whether llhttp finds another fault of the name first.
    const before = at === this.#llhttp.bufferAt
      ? this.#lastByte
      : this.#bytes[at - this.#llhttp.bufferAt - 1];
    if (text.includes(" ") || (!this.#isName && before !== LINE_FEED)) {
      return this.#fail(notHttp("Invalid header token"));
    }
    if (this.#isName && last) {
      last[0] += text;
      return this.countHeaderBytes(length);
    }
    this.#headers.push([text, ""]);
    this.#isName = true;
    if (this.#headers.length > MAX_HEADERS) {
      const message = `more than ${MAX_HEADERS} headers`;
      return this.#fail(new RequestError("invalid_response", message));
    }
    return this.countHeaderBytes(length);
  }

  addValue(at: number, length: number): number {
    let text = this.#text(at, length);
    if (FORBIDDEN_IN_VALUE.test(text)) return this.#fail(notHttp("Invalid header value char"));
    const last = this.#headers.at(-1);
    this.#isFolding = !this.#isName && (this.#isFolding || at !== this.#valueEnd);
    this.#isName = false;
    this.#valueEnd = at + length;
    if (this.#isFolding) {
      const rest = text.replace(/^[ \t]+/, "");
      text = rest === "" || last?.[1] === "" ? rest : ` ${rest}`;
      this.#isFolding = rest === "";
    }
    if (last) last[1] += text;
    return this.countHeaderBytes(length);
  }

  endHeaders(status: number): number {
    const headers = this.#headers;
    this.#headers = [];
    if (status >= 100 && status <= 199 && status !== 101) {
      if (++this.#interimResponses <= MAX_INTERIM_RESPONSES) return OK;
      const message = `more than ${MAX_INTERIM_RESPONSES} interim responses`;
      return this.#fail(new RequestError("invalid_response", message));
    }
    this.#isFinal = true;
    // The size of a chunk has no such excuse.
    this.#setLinesMayEndWithLf(false);
    try {
      this.#handler.onHeaders(status, merged(headers));
    } catch (error) {
      return this.#fail(error);
    }
    // After a change of protocol, which nobody asked for, what follows is not HTTP.
    if (status !== 101 && !this.#headersOnly) return this.#isHead ? SKIP_BODY : OK;
    this.isComplete = true;
    return STOP;
  }

  addBody(at: number, length: number): number {
    const { buffer, byteOffset } = this.#bytes;
    try {
      this.#handler.onBody(new Uint8Array(buffer, byteOffset + at - this.#llhttp.bufferAt, length));
    } catch (error) {
      return this.#fail(error);
    }
    return OK;
  }

  endMessage(): number {
    if (!this.#isFinal) return OK;
    this.isComplete = true;
    // Bytes after the response would begin another one.
    return STOP;
  }
}

function notHttp(reason: string): RequestError {
  return new RequestError("invalid_response", `the response is not HTTP/1: ${reason}`);
}

/** Headers by their name in lower case; a name that comes again has a list. */
function merged(headers: readonly [name: string, value: string][]): ResponseHeaders {
  const merged = new Map<string, string | string[]>();
  for (const [name, written] of headers) {
    const key = name.toLowerCase();
    const value = withoutSpaceAtEnd(written);
    const known = merged.get(key);
    if (known === undefined) merged.set(key, value);
    // In place: a copy for each of thousands would take seconds.
    else if (Array.isArray(known)) known.push(value);
    else merged.set(key, [known, value]);
  }
  return Object.fromEntries(merged);
}

/** The value of a header, of which llhttp drops only the space before it. RFC 9110, section 5.5. */
function withoutSpaceAtEnd(value: string): string {
  let end = value.length;
  // A pattern would take quadratic time over spaces inside.
  while (end > 0 && " \t".includes(value.charAt(end - 1))) end--;
  return value.slice(0, end);
}
