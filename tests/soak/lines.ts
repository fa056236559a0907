/** The whole lines of a stream, each given to `hear` as it comes. */
export class Lines {
  /** Resolves at the stream's end, or when nobody listens any more. */
  readonly ended: Promise<void>;
  readonly #reader: ReadableStreamDefaultReader<string>;

  constructor(stream: ReadableStream<Uint8Array>, private readonly hear: (line: string) => void) {
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
      for (const line of lines) this.hear(line);
    }
  }
}
