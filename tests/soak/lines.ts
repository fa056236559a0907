/** Calls `onLine` for each complete line of a stream. */
export class Lines {
  /** Resolves at the end of the stream, or after `leave`. */
  readonly ended: Promise<void>;
  readonly #reader: ReadableStreamDefaultReader<string>;

  constructor(stream: ReadableStream<Uint8Array>, private readonly onLine: (line: string) => void) {
    this.#reader = stream.pipeThrough(new TextDecoderStream()).getReader();
    this.ended = this.#read();
  }

  async leave(): Promise<void> {
    await this.#reader.cancel();
    await this.ended;
  }

  async #read(): Promise<void> {
    let unfinished = "";
    for (let part = await this.#reader.read(); !part.done; part = await this.#reader.read()) {
      const lines = (unfinished + part.value).split("\n");
      unfinished = lines.pop() ?? "";
      for (const line of lines) this.onLine(line);
    }
  }
}
