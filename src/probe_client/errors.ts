/** A running probe could not be read; the message names the probe and the cause. */
export class ProbeClientError extends Error {
  override name = "ProbeClientError";

  constructor(
    /** The exit code of a program that ends because of this error. */
    readonly exitCode: number,
    message: string,
    /** The cause alone, for a place that already names the probe. */
    readonly brief = message,
  ) {
    super(message);
  }
}
