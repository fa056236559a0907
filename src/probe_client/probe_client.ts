import * as z from "zod/mini";
import {
  type EndpointCredentials,
  NO_CREDENTIALS,
  readCertificate,
} from "../config/credentials.ts";
import { within } from "../core/clock.ts";
import type { Config } from "../config/config.ts";
import { EXIT } from "../core/exit_code.ts";
import type { Runtime } from "../runtime/runtime.ts";
import { explain, reasonOf } from "../http_client/errors.ts";
import { newTimings } from "../http_client/timings.ts";
import { createRedactor, type Redact } from "../http_client/redact.ts";
import type { Reply } from "../http_client/exchange.ts";
import { ProbeClientError } from "./errors.ts";
import { toMessage } from "../text/escape.ts";
import { VERSION } from "../core/version.ts";

/** How long a running probe is waited for: it answers from memory, and Docker waits for 5 s. */
const PATIENCE_SECONDS = 3;

/** How much is shown of an answer that is none of a probe's. */
const SHOWN_CHARACTERS = 80;

/**
 * Where a probe that runs with this configuration is reached from the same machine. Throws a
 * `ProbeClientError` for an address that no URL can hold.
 */
function ownUrl({ host, port, tls }: Pick<Config, "host" | "port" | "tls">): URL {
  const written = `${tls ? "https" : "http"}://${host.includes(":") ? `[${host}]` : host}:${port}/`;
  if (!URL.canParse(written)) {
    throw new ProbeClientError(
      EXIT.usage,
      `HOST: expected an address without a zone, got "${host}"`,
    );
  }
  const url = new URL(written);
  // Who listens on every address is reached at the machine's own.
  url.hostname = { "0.0.0.0": "127.0.0.1", "[::]": "[::1]" }[url.hostname] ?? url.hostname;
  return url;
}

/** A running probe, and what it takes to be let in there. */
export type ProbeClient = {
  /** Without user and password. */
  url: URL;
  authorization: string | null;
  /** Hides what is sent to be let in. */
  redact: Redact;
  /** The certificate that it must show, in place of one that is trusted. */
  certificate: Uint8Array | null;
};

/**
 * The probe at `url`, asked with the user and password that stand there, or else with what gives
 * `access`.
 */
export function probeClientAt(
  url: URL,
  access = NO_CREDENTIALS,
  certificate: ProbeClient["certificate"] = null,
) {
  const { redact, hide } = createRedactor();
  const address = new URL(url);
  const { username, password } = address;
  address.username = address.password = "";
  const basic = username || password
    ? { user: decodeURIComponent(username), password: decodeURIComponent(password) }
    : access.basic;
  let authorization: string | null = null;
  if (access.bearer !== null && !(username || password)) {
    authorization = `Bearer ${access.bearer}`;
    hide(access.bearer);
  } else if (basic) {
    const pair = `${basic.user}:${basic.password}`;
    const encoded = btoa(String.fromCharCode(...new TextEncoder().encode(pair)));
    authorization = `Basic ${encoded}`;
    for (const secret of [encoded, pair, basic.password]) hide(secret);
  }
  return { url: address, authorization, redact, certificate } satisfies ProbeClient;
}

/**
 * The probe that runs with this configuration on the same machine. There its certificate hardly
 * ever names the address that it is asked at, so that it must be the very one in the file. Throws a
 * `FileError`, and a `ProbeClientError` for an address that no URL can hold.
 */
export async function localProbeClient(
  config: Pick<Config, "host" | "port" | "tls">,
  access: EndpointCredentials,
  readFile: Runtime["readFile"],
): Promise<ProbeClient> {
  const certificate = config.tls && firstCertificate(await readCertificate(config.tls, readFile));
  return probeClientAt(ownUrl(config), access, certificate);
}

/** The bytes of the first certificate in a text that has one. RFC 7468, section 5. */
function firstCertificate(pem: string): Uint8Array {
  const [, base64] = pem.match(/-----BEGIN CERTIFICATE-----([^-]*)/) ?? [];
  return Uint8Array.from(
    atob(base64.replaceAll(/\s/g, "")),
    (character) => character.charCodeAt(0),
  );
}

/**
 * Asks a running probe for a document and gives it the schema's type; `url` is one of the client's.
 * Throws a `ProbeClientError` when nobody answers there (5), when it refuses (3), and when what answers
 * is no such probe (6).
 */
export async function ask<T>(
  { authorization, redact, certificate }: ProbeClient,
  url: URL,
  { schema, statuses = [200] }: { schema: z.ZodMiniType<T>; statuses?: readonly number[] },
  { exchange, clock }: Pick<Runtime, "exchange" | "clock">,
  signal: AbortSignal,
): Promise<T> {
  const timings = newTimings(clock.monotonic());
  const headers: Record<string, string> = {
    "user-agent": `dataplatform-probe/${VERSION}`,
    "accept": "application/json",
    ...authorization ? { authorization } : {},
  };
  const where = `${url.origin}${url.pathname}`;
  let reply: Reply;
  try {
    reply = await within(
      clock,
      PATIENCE_SECONDS * 1e3,
      signal,
      (limited) =>
        exchange({ url, method: "GET", headers, certificate }, { signal: limited, timings }),
      () => new Error(`no answer within ${PATIENCE_SECONDS} s`),
    );
  } catch (error) {
    signal.throwIfAborted();
    const why = toMessage(redact(explain(error)));
    throw reasonOf(error) === "invalid_response"
      ? new ProbeClientError(
        EXIT.invalidResponse,
        `what answers at ${where} is not this probe: ${why}`,
      )
      : new ProbeClientError(EXIT.unreachable, `no probe answers at ${where}: ${why}`, why);
  }
  const { status } = reply;
  if (status === 401 || status === 403) {
    const wanted = authorization ? "other credentials" : "credentials";
    throw new ProbeClientError(
      EXIT.auth,
      `${where} refuses with ${status}: it wants ${wanted} ` +
        "(HTTP_BEARER_TOKEN, HTTP_BASIC_AUTH, or a user and password in --url)",
      `it refuses with ${status}`,
    );
  }
  const { data, success } = schema.safeParse(parsed(reply.body));
  if (success && statuses.includes(status)) return data;
  const found = whatIs(reply, redact);
  throw new ProbeClientError(
    EXIT.invalidResponse,
    `what answers at ${where} (${status}) is not this probe, or an older one: it sent ${found}`,
    `what answers (${status}) is not this probe: it sent ${found}`,
  );
}

const health = z.discriminatedUnion("status", [
  z.object({ status: z.literal("ok"), app_id: z.string() }),
  z.object({ status: z.literal("stalled"), app_id: z.string(), loops: z.array(z.string()) }),
]);

/** Asks the probe of this machine whether it is well; returns the exit code. */
export async function healthcheck(
  config: Pick<Config, "host" | "port" | "tls">,
  runtime: Runtime,
  signal: AbortSignal,
): Promise<number> {
  // Everybody may ask this.
  const client = await localProbeClient(config, NO_CREDENTIALS, runtime.readFile);
  const url = new URL("healthz", client.url);
  const document = await ask(
    client,
    url,
    { schema: health, statuses: [200, 503] },
    runtime,
    signal,
  );
  const isWell = document.status === "ok";
  runtime.stdout.write(isWell ? "ok\n" : `stalled: ${document.loops.join(", ")}\n`);
  return isWell ? EXIT.ok : EXIT.failed;
}

/** What came in place of what was asked for, in a few words. */
function whatIs({ headers, body }: Reply, redact: Redact): string {
  const text = redact(new TextDecoder().decode(body.subarray(0, 16 * 1024)));
  const words = toMessage(text.trim().replaceAll(/\s+/g, " ").slice(0, SHOWN_CHARACTERS));
  if (headers.location) return `a redirect to ${toMessage(redact(String(headers.location)))}`;
  if (words === "") return "nothing";
  const { data } = otherVersion.safeParse(parsed(body));
  if (data) return `a document of version ${data.version}, which this program does not know`;
  if (/^<(!doctype|html)/i.test(words)) return `a web page${titleOf(text)}`;
  if (/^# (HELP|TYPE) /.test(words)) return "metrics";
  return `\`${words}${words.length < SHOWN_CHARACTERS ? "" : "…"}\``;
}

const otherVersion = z.object({ version: z.int(), tasks: z.array(z.unknown()) });

function titleOf(page: string): string {
  const title = page.match(/<title>([^<]{1,80})/i)?.[1].trim();
  return title ? `, "${toMessage(title)}"` : "";
}

function parsed(body: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(body));
  } catch {
    return undefined;
  }
}
