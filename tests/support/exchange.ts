import type { Reason } from "../../src/core/reasons.ts";
import { RequestError } from "../../src/http_client/errors.ts";
import type { Exchange, HttpRequest } from "../../src/http_client/exchange.ts";
import type { HttpResponse } from "../../src/http_client/response.ts";
import { at } from "./at.ts";

/** An exchange that waits for the test to respond. */
export type Call = {
  request: HttpRequest;
  /** Responds with a status and a body; an object is sent as JSON. */
  respond(status: number, body?: unknown, headers?: Record<string, string>): void;
  /** Ends it as a socket does, with an error that carries this code. */
  breakOff(code: string): void;
  /** Responds with the dataset that was asked for. */
  succeed(): void;
};

/** A transport without a network: its calls hang until the test responds. It checks nothing that HTTP checks. */
export class FakeTransport {
  /** Calls that hang, oldest first. */
  readonly open: Call[] = [];
  /** All requests ever made. */
  readonly requests: HttpRequest[] = [];

  /** The call that has hung longest. Throws when there is none. */
  get oldest(): Call {
    return at(this.open, 0);
  }

  readonly exchange: Exchange = (request, { signal, timings }) => {
    this.requests.push(request);
    timings.hasHostName = true;
    return new Promise<HttpResponse>((resolve, reject) => {
      const end = (finish: () => void) => () => {
        this.open.splice(this.open.indexOf(call), 1);
        finish();
      };
      const call: Call = {
        request,
        respond: (status, body = "", headers = {}) =>
          end(() => resolve({ status, headers, body: encode(body) }))(),
        breakOff: (code) => end(() => reject(failureOf(code)))(),
        succeed: () => call.respond(200, datasetOf(request)),
      };
      this.open.push(call);
      signal.addEventListener("abort", end(() => reject(signal.reason)), { once: true });
    });
  };
}

function datasetOf({ url }: HttpRequest) {
  return { Type: "Dataset", Id: decodeURIComponent(url.pathname.split("/").at(-1) ?? "") };
}

function encode(body: unknown): Uint8Array {
  return new TextEncoder().encode(typeof body === "string" ? body : JSON.stringify(body));
}

/** What a real exchange fails with; an error that it does not know stays as it is. */
function failureOf(code: string): Error {
  const reason = REASON_BY_CODE[code];
  return reason ? new RequestError(reason, code) : Object.assign(new Error(code), { code });
}

const REASON_BY_CODE: Record<string, Reason | undefined> = {
  ENOTFOUND: "dns",
  ECONNREFUSED: "connect",
  CERT_HAS_EXPIRED: "tls",
  ECONNRESET: "reset",
};
