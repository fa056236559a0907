/** How API, identity provider and heartbeat receiver behave, in good weather and in bad. */
import type { Reason } from "../../../src/core/reasons.ts";
import { BodyTooLarge } from "../../../src/http_client/response.ts";
import type { Draw } from "./draw.ts";
import { type ExchangePlan, fail, REACHED, respond } from "./exchange_plan.ts";
import { SECRET_MARK } from "./settings.ts";

/** What a request names; to the identity provider `token` is the client's secret. */
export type Requested = { datasetId: string; token: string };

/** Plans one exchange. */
export type Behaviour = (draw: Draw, requested: Requested) => ExchangePlan;

const dataset = ({ datasetId }: Requested) => JSON.stringify({ Type: "Dataset", Id: datasetId });

/** The body of a refusal, with secrets that must be redacted. */
const complaint = ({ token }: Requested) =>
  JSON.stringify({
    message: `no, not with "Bearer ${token}"`,
    token,
    form: encodeURIComponent(token),
  });

const healthy: Behaviour = (draw, requested) => respond(draw, 200, null, dataset(requested));

const refusing = (status: number, reason: Reason): Behaviour => (draw, requested) =>
  respond(draw, status, reason, complaint(requested));

const failing = (codes: string[], reason: Reason, reached: number): Behaviour => (draw) =>
  fail(draw, draw.pick(codes), reason, reached);

const withRetryAfter = (statuses: [number, Reason][]): Behaviour => (draw, requested) => {
  const [status, reason] = draw.pick(statuses);
  const plan = respond(draw, status, reason, complaint(requested));
  const value = draw.pick([
    String(draw.whole(0, 20)),
    `in ${draw.whole(1, 9)} seconds`,
    `date ${draw.whole(-5, 15)}`,
  ]);
  return { ...plan, end: { body: complaint(requested), headers: { "retry-after": value } } };
};

const slow: Behaviour = (draw, requested) => {
  return { ...healthy(draw, requested), delayMs: draw.logBetween(500, 60_000) };
};

const silent: Behaviour = (draw, requested) => {
  return { ...healthy(draw, requested), delayMs: null, reached: REACHED.secured };
};

const blackHole: Behaviour = (draw, requested) => {
  return { ...healthy(draw, requested), delayMs: null, reached: REACHED.resolved };
};

const stalledBody: Behaviour = (draw, requested) => {
  return { ...healthy(draw, requested), delayMs: null };
};

const dns = failing(["ENOTFOUND", "EAI_AGAIN"], "dns", REACHED.nothing);
const connect = failing(
  ["ECONNREFUSED", "EHOSTUNREACH", "ETIMEDOUT"],
  "connect",
  REACHED.resolved,
);
const tls = failing(
  ["CERT_HAS_EXPIRED", "DEPTH_ZERO_SELF_SIGNED_CERT", "ERR_TLS_CERT_ALTNAME_INVALID"],
  "tls",
  REACHED.connected,
);
const reset = failing(["ECONNRESET", "EPIPE"], "reset", REACHED.secured);

/** The connection breaks in the body. */
const cut: Behaviour = (draw) => {
  return { ...fail(draw, "ECONNRESET", "reset", REACHED.headers), status: 200 };
};

const flood: Behaviour = (draw) => ({
  ...fail(draw, "", "invalid_response", REACHED.headers),
  what: "too large",
  status: 200,
  end: { error: new BodyTooLarge() },
});

const wrongBody: Behaviour = (draw, requested) => {
  const [body, headers] = draw.pick<[string | Uint8Array, Record<string, string>?]>([
    [""],
    ["<html>hello</html>"],
    [dataset(requested).slice(0, -3)],
    [JSON.stringify({ Type: "Dataset", Id: `${requested.datasetId}-other` })],
    [JSON.stringify({ Type: "Edition", Id: requested.datasetId })],
    [JSON.stringify([requested.datasetId])],
    [new Uint8Array([0x7b, 0xff, 0xfe, 0x7d])],
    [dataset(requested), { "content-encoding": "br" }],
  ]);
  return { ...respond(draw, 200, "invalid_response", body, headers), what: "wrong body" };
};

/** Often so slow that the next token might be refused too. */
export const unauthorized: Behaviour = (draw, requested) => {
  const plan = refusing(401, "unauthorized")(draw, requested);
  return { ...plan, delayMs: draw.logBetween(5, 5_000) };
};

const limited = withRetryAfter([[429, "rate_limited"]]);

const overloaded = withRetryAfter([[503, "server_error"], [429, "rate_limited"]]);

const broken: Behaviour = (draw, requested) => {
  return respond(draw, draw.pick([500, 502, 503, 504]), "server_error", complaint(requested));
};

const elsewhere: Behaviour = (draw, { token }) => {
  const headers = { location: `https://elsewhere.test/${token}` };
  return respond(draw, draw.pick([301, 302, 307, 308]), "http", "", headers);
};

const FLAKES = [slow, silent, dns, connect, tls, reset, cut, broken, limited, wrongBody];

/** Faults of the API by name, each for a while. */
export const API_FAULTS: Record<string, Behaviour> = {
  slow,
  silent,
  "black hole": blackHole,
  "stalled body": stalledBody,
  dns,
  connect,
  tls,
  reset,
  cut,
  garbage: failing(["HPE_INVALID_CONSTANT"], "invalid_response", REACHED.secured),
  flood,
  odd: failing(["EWHATEVER"], "internal", REACHED.connected),
  "wrong body": wrongBody,
  forbidden: refusing(403, "unauthorized"),
  unauthorized,
  missing: refusing(404, "not_found"),
  limited,
  overloaded,
  broken,
  "broken for good": (draw, requested) => {
    return respond(draw, draw.pick([501, 505, 599]), "server_error", complaint(requested));
  },
  elsewhere,
  strange: (draw, requested) => {
    const status = draw.pick([101, 201, 204, 304, 400, 409, 418, 600]);
    return respond(draw, status, "http", complaint(requested));
  },
  flaky: (draw, requested) =>
    draw.chance(0.5) ? healthy(draw, requested) : draw.pick(FLAKES)(draw, requested),
};

const JSON_TYPE = { "content-type": "application/json" };

/** Its body is written when the token is issued. */
const issuing: Behaviour = (draw) => {
  return { ...respond(draw, 200, null, "", JSON_TYPE), what: "token" };
};

const slowProvider: Behaviour = (draw, requested) => {
  return { ...issuing(draw, requested), delayMs: draw.logBetween(500, 40_000) };
};

const silentProvider: Behaviour = (draw, requested) => {
  return { ...issuing(draw, requested), delayMs: null, reached: REACHED.secured };
};

const refusingProvider: Behaviour = (draw, { token }) => {
  const body = JSON.stringify({
    error: draw.pick(["invalid_client", "unauthorized_client"]),
    error_description: `not with ${token}`,
  });
  return respond(draw, draw.pick([400, 401, 403]), "auth", body, JSON_TYPE);
};

const brokenProvider: Behaviour = (draw, { token }) => {
  return respond(draw, draw.pick([500, 501, 502, 503]), "server_error", `<p>${token}</p>`);
};

/** Responses with status 200 that hold no usable token. */
const babblingProvider: Behaviour = (draw, { token }) => {
  const body = draw.pick([
    "",
    "{",
    "[]",
    `{"token":"${encodeURIComponent(token)}"}`,
    `{"access_token":"with space","token_type":"Bearer"}`,
    `{"access_token":"${SECRET_MARK}","token_type":"other"}`,
    `{"access_token":"${SECRET_MARK}","token_type":"Bearer","expires_in":-1}`,
  ]);
  return respond(draw, 200, "auth", body, JSON_TYPE);
};

const PROVIDER_FLAKES = [
  slowProvider,
  silentProvider,
  dns,
  connect,
  reset,
  refusingProvider,
  brokenProvider,
  overloaded,
];

/** Faults of the identity provider by name. */
export const PROVIDER_FAULTS: Record<string, Behaviour> = {
  slow: slowProvider,
  silent: silentProvider,
  dns,
  connect,
  tls,
  reset,
  cut,
  refusing: refusingProvider,
  broken: brokenProvider,
  overloaded,
  babbling: babblingProvider,
  flaky: (draw, requested) =>
    draw.chance(0.5) ? issuing(draw, requested) : draw.pick(PROVIDER_FLAKES)(draw, requested),
};

/** Faults of the heartbeat's receiver by name. */
export const HEARTBEAT_FAULTS: Record<string, Behaviour> = {
  slow,
  silent,
  connect,
  broken,
  elsewhere,
};

/** How all behave without faults. */
export const CALM = { api: healthy, provider: issuing, heartbeat: healthy };
export const CALM_LIFETIME_SECONDS = 300;
