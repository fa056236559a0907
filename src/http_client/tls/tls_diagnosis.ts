import { type Clock, within } from "../../core/clock.ts";
import { hostOf } from "../connection/address.ts";
import { RequestError } from "../errors.ts";
import type { Presented } from "./presented/certificate.ts";
import type { ReadPresented } from "./presented/presented.ts";
import { explainTls, isExplainedByCertificates } from "./tls_failure.ts";

/** How long a look at the certificates may hold a failure up. */
const MAX_LOOK_MS = 2_000;

/** How long the result of a look is used for further failures of that host. */
const KEPT_MS = 60_000;

/** Says more of a failure of an exchange with `url`, when it can; never rejects. */
export type Diagnose = (error: RequestError, url: URL) => Promise<RequestError>;

/**
 * Explains TLS failures by what the server presents, where the error alone leaves several causes: a
 * look takes a connection of its own, at most one a minute for each host, and at most two seconds.
 */
export function createDiagnosis(
  { clock, readPresented }: { clock: Clock; readPresented: ReadPresented },
): Diagnose {
  const looks = new Map<string, { atMs: number; presented: Promise<Presented | null> }>();
  // Nothing ends a look early: others may wait for it.
  const { signal } = new AbortController();

  return async (error, url) => {
    const { reason, cause } = error;
    if (reason !== "tls" || !(cause instanceof Deno.errors.InvalidData)) return error;
    if (!isExplainedByCertificates(cause.message)) return error;
    const presented = await look(url);
    if (!presented) return error;
    const { message, advice } = explainTls(cause.message, hostOf(url), presented);
    return new RequestError("tls", message, { advice, cause });
  };

  function look(url: URL): Promise<Presented | null> {
    const nowMs = clock.monotonic();
    const last = looks.get(url.host);
    if (last && nowMs - last.atMs < KEPT_MS) return last.presented;
    const read = (limited: AbortSignal) => readPresented(url, limited);
    const presented = within(clock, MAX_LOOK_MS, signal, read, () => new Error("no handshake"))
      .catch(() => null);
    looks.set(url.host, { atMs: nowMs, presented });
    return presented;
  }
}
