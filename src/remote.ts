import * as z from "zod";
import { within } from "./clock.ts";
import { EXIT } from "./exit_code.ts";
import type { Ground } from "./ground.ts";
import { explain } from "./okdata/errors.ts";
import { newMarks } from "./okdata/phases.ts";
import type { Reply } from "./okdata/transport.ts";

/** How long a running probe is waited for: it answers from memory, and Docker waits for 5 s. */
const PATIENCE_SECONDS = 3;

/** A running probe could not be asked; the message says why, and the code is the program's. */
export class RemoteError extends Error {
  override name = "RemoteError";

  constructor(readonly exitCode: number, message: string) {
    super(message);
  }
}

/**
 * Where a probe that runs with this configuration is reached from the same machine. Throws a
 * `RemoteError` for an address that no URL can hold.
 */
export function ownUrl({ host, port }: { host: string; port: number }): URL {
  const written = `http://${host.includes(":") ? `[${host}]` : host}:${port}/`;
  if (!URL.canParse(written)) {
    throw new RemoteError(EXIT.usage, `HOST: expected an address without a zone, got "${host}"`);
  }
  const url = new URL(written);
  // Who listens on every address is reached at the machine's own.
  url.hostname = { "0.0.0.0": "127.0.0.1", "[::]": "[::1]" }[url.hostname] ?? url.hostname;
  return url;
}

/**
 * Asks a running probe for a document and gives it the schema's type. Throws a `RemoteError` when
 * nobody answers there (5), when it refuses (3), and when what answers is no such probe (6).
 */
export async function ask<T>(
  url: URL,
  { schema, statuses }: { schema: z.ZodType<T>; statuses: readonly number[] },
  { exchange, clock }: Ground,
  signal: AbortSignal,
): Promise<T> {
  const marks = newMarks(clock.monotonic());
  const { origin } = url;
  let reply: Reply;
  try {
    reply = await within(
      clock,
      PATIENCE_SECONDS * 1e3,
      signal,
      (limited) => exchange({ url, method: "GET", headers: {} }, { signal: limited, marks }),
      () => new Error(`no answer within ${PATIENCE_SECONDS} s`),
    );
  } catch (error) {
    signal.throwIfAborted();
    throw new RemoteError(EXIT.unreachable, `no probe answers at ${origin}: ${explain(error)}`);
  }
  const { status, body } = reply;
  if (status === 401 || status === 403) {
    throw new RemoteError(
      EXIT.auth,
      `${origin} refuses with ${status}: it wants other credentials`,
    );
  }
  const { data, success } = schema.safeParse(parsed(body));
  if (!success || !statuses.includes(status)) {
    throw new RemoteError(
      EXIT.invalidResponse,
      `what answers at ${origin} (${status}) is not this probe, or an older one`,
    );
  }
  return data;
}

const health = z.discriminatedUnion("status", [
  z.object({ status: z.literal("ok"), app_id: z.string() }),
  z.object({ status: z.literal("stalled"), app_id: z.string(), loops: z.string().array() }),
]);

/** Asks the probe of this machine whether it is well; returns the exit code. */
export async function healthcheck(
  config: { host: string; port: number },
  ground: Ground,
  signal: AbortSignal,
): Promise<number> {
  const url = new URL("healthz", ownUrl(config));
  const document = await ask(url, { schema: health, statuses: [200, 503] }, ground, signal);
  const isWell = document.status === "ok";
  ground.stdout.write(isWell ? "ok\n" : `stalled: ${document.loops.join(", ")}\n`);
  return isWell ? EXIT.ok : EXIT.failed;
}

function parsed(body: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(body));
  } catch {
    return undefined;
  }
}
