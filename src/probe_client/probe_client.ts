import * as z from "zod/mini";
import type { Config } from "../config/config.ts";
import {
  type EndpointCredentials,
  NO_CREDENTIALS,
  readCertificate,
} from "../config/credentials.ts";
import { within } from "../core/clock.ts";
import { EXIT } from "../core/exit_code.ts";
import { VERSION } from "../core/version.ts";
import { RequestError } from "../http_client/errors.ts";
import { createRedactor, type Redact } from "../http_client/redact.ts";
import type { HttpResponse } from "../http_client/response.ts";
import { newTimings } from "../http_client/timings.ts";
import type { Runtime } from "../runtime/runtime.ts";
import { credentialsOf, encodeCredentials } from "../text/basic_credentials.ts";
import { toMessage } from "../text/escape.ts";
import { localUrl } from "./address.ts";
import { ProbeClientError } from "./errors.ts";
import { describeResponse } from "./unexpected_response.ts";

/** A probe responds from memory; Docker ends a health check after 5 s. */
const RESPONSE_TIMEOUT_SECONDS = 3;

/** What a probe sends when it has too many readers. */
const refusalDocument = z.object({ error: z.string() });

/** A running probe and how to authenticate to it. */
export type ProbeClient = {
  /** Without user and password. */
  url: URL;
  authorization: string | null;
  /** Hides the credentials. */
  redact: Redact;
  /** The only certificate to accept, in DER; null for any that is trusted. */
  certificate: Uint8Array | null;
};

/**
 * A client of the probe at `url`. A user and password in the URL take the place of `credentials`.
 */
export function createProbeClient(
  url: URL,
  credentials: EndpointCredentials = NO_CREDENTIALS,
  certificate: ProbeClient["certificate"] = null,
): ProbeClient {
  const { redact, hide } = createRedactor();
  const own = credentialsOf(url);
  const bare = new URL(url);
  bare.username = bare.password = "";

  const { bearer, basic } = own ? { bearer: null, basic: own } : credentials;
  let authorization: string | null = null;
  if (bearer !== null) {
    authorization = `Bearer ${bearer}`;
    hide(bearer);
  } else if (basic) {
    const pair = `${basic.user}:${basic.password}`;
    const encoded = encodeCredentials(basic);
    authorization = `Basic ${encoded}`;
    for (const secret of [encoded, pair, basic.password]) hide(secret);
  }
  return { url: bare, authorization, redact, certificate };
}

/**
 * A client of the probe that runs with this configuration on the same machine. It accepts only the
 * configured certificate, which rarely names the loopback address and need not be trusted. Throws a
 * `FileError`, and a `ProbeClientError` for a host that no URL can hold.
 */
export async function createLocalProbeClient(
  config: Pick<Config, "host" | "port" | "tls">,
  credentials: EndpointCredentials,
  readFile: Runtime["readFile"],
): Promise<ProbeClient> {
  const certificate = config.tls && firstCertificate(await readCertificate(config.tls, readFile));
  return createProbeClient(localUrl(config), credentials, certificate);
}

/** The bytes of the first certificate in a PEM text that has one. RFC 7468, section 5. */
function firstCertificate(pem: string): Uint8Array {
  const [, base64 = ""] = pem.match(/-----BEGIN CERTIFICATE-----([^-]*)/) ?? [];
  return Uint8Array.from(
    atob(base64.replaceAll(/\s/g, "")),
    (character) => character.charCodeAt(0),
  );
}

/** The URL of an endpoint of the probe, which may stand below a path of its own. */
export function endpointOf({ url }: Pick<ProbeClient, "url">, name: string): URL {
  const endpoint = new URL(url);
  endpoint.pathname = `${url.pathname.replace(/\/*$/, "")}/${name}`;
  return endpoint;
}

/**
 * Reads a document of the probe; `url` is one of the client's. Throws a `ProbeClientError` with exit
 * code 5 when nothing responds within 3 s, 3 when the probe refuses the credentials, and 6 when the
 * response does not fit the schema or has another status.
 */
export async function readDocument<T>(
  client: ProbeClient,
  url: URL,
  { schema, statuses = [200] }: { schema: z.ZodMiniType<T>; statuses?: readonly number[] },
  runtime: Pick<Runtime, "exchange" | "clock">,
  signal: AbortSignal,
): Promise<T> {
  const address = `${url.origin}${url.pathname}`;
  const response = await request(client, url, address, runtime, signal);
  const { status } = response;
  if (status === 401 || status === 403) {
    const expected = client.authorization ? "other credentials" : "credentials";
    throw new ProbeClientError(
      EXIT.auth,
      `${address} refuses with ${status}: it expects ${expected} ` +
        "(HTTP_BEARER_TOKEN, HTTP_BASIC_AUTH, or a user and password in --url)",
      `it refuses with ${status}`,
    );
  }
  const document = parseJson(response.body);
  const { data, success } = schema.safeParse(document);
  if (success && statuses.includes(status)) return data;
  const refusal = refusalDocument.safeParse(document).data;
  if (status === 503 && refusal) {
    const why = `it refuses with ${status}: ${toMessage(client.redact(refusal.error))}`;
    throw new ProbeClientError(EXIT.unreachable, `the probe at ${address} is busy: ${why}`, why);
  }
  const sent = describeResponse(response, document, client.redact);
  throw new ProbeClientError(
    EXIT.invalidResponse,
    `the server at ${address} is not this probe, or has another version: ` +
      `it sent status ${status} and ${sent}`,
    `the server is not this probe: it sent status ${status} and ${sent}`,
  );
}

/** Sends the request; throws a `ProbeClientError` when no complete HTTP response comes. */
async function request(
  { authorization, redact, certificate }: ProbeClient,
  url: URL,
  address: string,
  { exchange, clock }: Pick<Runtime, "exchange" | "clock">,
  signal: AbortSignal,
): Promise<HttpResponse> {
  const timings = newTimings(clock.monotonic());
  const headers: Record<string, string> = {
    "user-agent": `dataplatform-probe/${VERSION}`,
    "accept": "application/json",
    ...authorization ? { authorization } : {},
  };
  try {
    return await within(
      clock,
      RESPONSE_TIMEOUT_SECONDS * 1e3,
      signal,
      (limited) =>
        exchange({ url, method: "GET", headers, certificate }, { signal: limited, timings }),
      () => new RequestError("timeout", `no response within ${RESPONSE_TIMEOUT_SECONDS} s`),
    );
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof RequestError)) throw error;
    const cause = toMessage(redact(describeCause(error)));
    throw error.reason === "invalid_response"
      ? new ProbeClientError(
        EXIT.invalidResponse,
        `the server at ${address} is not this probe: ${cause}`,
        `the server is not this probe: ${cause}`,
      )
      : new ProbeClientError(
        EXIT.unreachable,
        `no probe responds at ${address}: ${cause}`,
        cause,
      );
  }
}

/** The cause in the words of the system, but for the most frequent one. */
function describeCause({ message }: RequestError): string {
  return message.includes("ECONNREFUSED") ? "connection refused" : message;
}

function parseJson(body: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(body));
  } catch {
    return undefined;
  }
}
