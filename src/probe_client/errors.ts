/** A running probe could not be asked; the message says why, and the code is the program's. */
export class ProbeClientError extends Error {
  override name = "ProbeClientError";

  constructor(
    readonly exitCode: number,
    message: string,
    /** The same for somebody who knows which probe is meant. */
    readonly brief = message,
  ) {
    super(message);
  }
}
