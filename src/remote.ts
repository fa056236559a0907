import * as z from "zod";
import { within } from "./clock.ts";
import { EXIT } from "./exit_code.ts";
import type { Ground } from "./ground.ts";
import { explain } from "./okdata/errors.ts";
import { newMarks } from "./okdata/phases.ts";
import type { Reply } from "./okdata/transport.ts";

/** How long a running probe is waited for: it answers from memory. */
const PATIENCE_SECONDS = 5;

/** A running probe could not be asked; the message says why, and the code is the program's. */
export class RemoteError extends Error {
  override name = "RemoteError";

  constructor(readonly exitCode: number, message: string) {
    super(message);
  }
}

/** Where a probe that runs with this configuration is reached from the same machine. */
export function ownUrl({ host, port }: { host: string; port: number }): URL {
  const reached = { "0.0.0.0": "127.0.0.1", "::": "::1" }[host] ?? host;
  return new URL(`http://${reached.includes(":") ? `[${reached}]` : reached}:${port}/`);
}

/**
 * Asks a running probe for a document and gives it the schema's type. Throws a `RemoteError` when
 * nobody answers there (5), when it refuses (3), and when what answers is no such probe (6).
 */
export async function ask<T>(
  url: URL,
  schema: z.ZodType<T>,
  { exchange, clock }: Ground,
  signal: AbortSignal,
): Promise<{ status: number; document: T }> {
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
  if (!success) {
    throw new RemoteError(
      EXIT.invalidResponse,
      `what answers at ${origin} (${status}) is not this probe, or an older one`,
    );
  }
  return { status, document: data };
}

const health = z.object({
  status: z.enum(["ok", "stalled"]),
  loops: z.string().array().optional(),
});

/** Asks the probe of this machine whether it is well; returns the exit code. */
export async function healthcheck(
  config: { host: string; port: number },
  ground: Ground,
  signal: AbortSignal,
): Promise<number> {
  const url = new URL("healthz", ownUrl(config));
  const { document: { status, loops } } = await ask(url, health, ground, signal);
  ground.stdout.write(`${status}${loops ? `: ${loops.join(", ")}` : ""}\n`);
  return status === "ok" ? EXIT.ok : EXIT.failed;
}

function parsed(body: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(body));
  } catch {
    return undefined;
  }
}
