import { codeOf, RequestError } from "../errors.ts";
import { explainTls } from "../tls/tls_failure.ts";

/**
 * What a call on an established connection to `peer` failed with: `tls` for a fault of the TLS
 * protocol, which may be reported as late as the first read, and `reset` for everything else that
 * ends a connection. `call` says what was done, such as `read`.
 */
export function connectionError(call: string, error: unknown, peer: string): RequestError {
  if (error instanceof Deno.errors.InvalidData) {
    const { message, advice } = explainTls(error.message, peer);
    return new RequestError("tls", message, { advice, cause: error });
  }
  const code = error instanceof Deno.errors.UnexpectedEof ? "ended early" : codeOf(error);
  return new RequestError("reset", `${call} ${code} ${peer}`, { cause: error });
}
