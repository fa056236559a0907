/** Reads the fields of a TLS message in order. Throws at a field that the message is too short for. */
export class ByteReader {
  readonly #bytes: Uint8Array;
  #position = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get isAtEnd(): boolean {
    return this.#position >= this.#bytes.length;
  }

  /** The next bytes, not copied. */
  bytes(length: number): Uint8Array {
    const end = this.#position + length;
    if (end > this.#bytes.length) {
      throw new Error("the server sent a TLS message that is cut short");
    }
    const bytes = this.#bytes.subarray(this.#position, end);
    this.#position = end;
    return bytes;
  }

  /** A number in so many bytes, the most significant first. */
  number(size: number): number {
    return this.bytes(size).reduce((value, byte) => value * 256 + byte, 0);
  }

  /** Bytes that follow their own length, which stands in so many bytes. RFC 8446, section 3.4. */
  vector(lengthSize: number): Uint8Array {
    return this.bytes(this.number(lengthSize));
  }
}
