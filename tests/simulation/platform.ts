import {
  type Exchange,
  type Reply,
  type Request,
  tooLarge,
} from "../../src/http_client/exchange.ts";
import type { Timings } from "../../src/http_client/timings.ts";
import type { Reason } from "../../src/core/reasons.ts";
import type { Books, SeenAttempt } from "./books.ts";
import type { Draw } from "./draw.ts";
import type { Journal } from "./journal.ts";
import { HOSTS, SECRET_MARK, type Settings } from "./settings.ts";
import type { SimulatedTime } from "./time.ts";

/** How far an exchange comes before it ends. */
const REACHED = { nothing: 0, resolved: 1, connected: 2, secured: 3, headers: 4 };

/** How one exchange will go, unless it is given up before. */
type Plan = {
  what: string;
  /** Null for one that never ends by itself. */
  delayMs: number | null;
  reached: number;
  /** Of the headers, where they come. */
  status: number | null;
  end: { body: string | Uint8Array; headers?: Record<string, string> } | { error: Error };
  /** What an attempt fails with that ends so; null for a success. */
  reason: Reason | null;
};

type Asked = { datasetId: string; token: string };
type Mood = (draw: Draw, asked: Asked) => Plan;

/** Certificates end then, on the wall clock. */
export const CERTIFICATE_ENDS_MS = Date.UTC(2027, 3, 1);

function answer(
  draw: Draw,
  status: number,
  reason: Reason | null,
  body: string | Uint8Array,
  headers?: Record<string, string>,
): Plan {
  const delayMs = draw.logBetween(5, 400);
  const { headers: reached } = REACHED;
  return { what: String(status), delayMs, reached, status, end: { body, headers }, reason };
}

function failure(draw: Draw, code: string, reason: Reason, reached: number): Plan {
  const error = Object.assign(new Error(`${code} ${HOSTS.api}`), { code });
  return {
    what: code,
    delayMs: draw.logBetween(1, 3_000),
    reached,
    status: null,
    end: { error },
    reason,
  };
}

const dataset = ({ datasetId }: Asked) => JSON.stringify({ Type: "Dataset", Id: datasetId });

/** What a target says of a request that it does not like: more than anybody should read. */
const complaint = ({ token }: Asked) =>
  JSON.stringify({
    message: `no, not with "Bearer ${token}"`,
    token,
    form: encodeURIComponent(token),
  });

const fine: Mood = (draw, asked) => answer(draw, 200, null, dataset(asked));

const refuse = (status: number, reason: Reason): Mood => (draw, asked) =>
  answer(draw, status, reason, complaint(asked));

const brokenOff = (codes: string[], reason: Reason, reached: number): Mood => (draw) =>
  failure(draw, draw.pick(codes), reason, reached);

const withRetryAfter = (statuses: [number, Reason][]): Mood => (draw, asked) => {
  const [status, reason] = draw.pick(statuses);
  const plan = answer(draw, status, reason, complaint(asked));
  const value = draw.pick([
    String(draw.whole(0, 20)),
    `in ${draw.whole(1, 9)} seconds`,
    `date ${draw.whole(-5, 15)}`,
  ]);
  return { ...plan, end: { body: complaint(asked), headers: { "retry-after": value } } };
};

const wrongBody: Mood = (draw, asked) => {
  const [body, headers] = draw.pick<[string | Uint8Array, Record<string, string>?]>([
    [""],
    ["<html>hello</html>"],
    [dataset(asked).slice(0, -3)],
    [JSON.stringify({ Type: "Dataset", Id: `${asked.datasetId}-other` })],
    [JSON.stringify({ Type: "Edition", Id: asked.datasetId })],
    [JSON.stringify([asked.datasetId])],
    [new Uint8Array([0x7b, 0xff, 0xfe, 0x7d])],
    [dataset(asked), { "content-encoding": "br" }],
  ]);
  return { ...answer(draw, 200, "invalid_response", body, headers), what: "wrong body" };
};

/** How the API can be, each for a while. */
export const API_MOODS: Record<string, Mood> = {
  slow: (draw, asked) => ({ ...fine(draw, asked), delayMs: draw.logBetween(500, 60_000) }),
  silent: (draw, asked) => ({ ...fine(draw, asked), delayMs: null, reached: REACHED.secured }),
  "black hole": (draw, asked) => ({
    ...fine(draw, asked),
    delayMs: null,
    reached: REACHED.resolved,
  }),
  "stalled body": (draw, asked) => ({ ...fine(draw, asked), delayMs: null }),
  dns: brokenOff(["ENOTFOUND", "EAI_AGAIN"], "dns", REACHED.nothing),
  connect: brokenOff(["ECONNREFUSED", "EHOSTUNREACH", "ETIMEDOUT"], "connect", REACHED.resolved),
  tls: brokenOff(
    ["CERT_HAS_EXPIRED", "DEPTH_ZERO_SELF_SIGNED_CERT", "ERR_TLS_CERT_ALTNAME_INVALID"],
    "tls",
    REACHED.connected,
  ),
  reset: brokenOff(["ECONNRESET", "EPIPE"], "reset", REACHED.secured),
  cut: (draw) => ({ ...failure(draw, "ECONNRESET", "reset", REACHED.headers), status: 200 }),
  garbage: brokenOff(["HPE_INVALID_CONSTANT"], "invalid_response", REACHED.secured),
  flood: (draw) => ({
    ...failure(draw, "", "invalid_response", REACHED.headers),
    ...{ what: "too large", status: 200, end: { error: tooLarge() } },
  }),
  odd: brokenOff(["EWHATEVER"], "internal", REACHED.connected),
  "wrong body": wrongBody,
  forbidden: refuse(403, "unauthorized"),
  // Often so slowly that the next token might be given up too.
  unauthorized: (draw, asked) => ({
    ...refuse(401, "unauthorized")(draw, asked),
    delayMs: draw.logBetween(5, 5_000),
  }),
  missing: refuse(404, "not_found"),
  limited: withRetryAfter([[429, "rate_limited"]]),
  overloaded: withRetryAfter([[503, "server_error"], [429, "rate_limited"]]),
  broken: (draw, asked) => {
    return answer(draw, draw.pick([500, 502, 503, 504]), "server_error", complaint(asked));
  },
  "broken for good": (draw, asked) => {
    return answer(draw, draw.pick([501, 505, 599]), "server_error", complaint(asked));
  },
  elsewhere: (draw, asked) => {
    const headers = { location: `https://elsewhere.test/${asked.token}` };
    return answer(draw, draw.pick([301, 302, 307, 308]), "http", "", headers);
  },
  strange: (draw, asked) => {
    return answer(
      draw,
      draw.pick([101, 201, 204, 304, 400, 409, 418, 600]),
      "http",
      complaint(asked),
    );
  },
  flaky: (draw, asked) =>
    draw.chance(0.5) ? fine(draw, asked) : API_MOODS[draw.pick(FLAKES)](draw, asked),
};

const FLAKES = [
  "slow",
  "silent",
  "dns",
  "connect",
  "tls",
  "reset",
  "cut",
  "broken",
  "limited",
  "wrong body",
];

/** How the identity provider can be; `asked.token` is the client's secret here. */
export const PROVIDER_MOODS: Record<string, Mood> = {
  slow: (draw, asked) => ({ ...issuing(draw, asked), delayMs: draw.logBetween(500, 40_000) }),
  silent: (draw, asked) => ({ ...issuing(draw, asked), delayMs: null, reached: REACHED.secured }),
  dns: API_MOODS.dns,
  connect: API_MOODS.connect,
  tls: API_MOODS.tls,
  reset: API_MOODS.reset,
  cut: API_MOODS.cut,
  refusing: (draw, { token }) => {
    const said = { error: draw.pick(["invalid_client", "unauthorized_client"]) };
    const body = JSON.stringify({ ...said, error_description: `not with ${token}` });
    return answer(draw, draw.pick([400, 401, 403]), "auth", body, JSON_TYPE);
  },
  broken: (draw, { token }) => answer(draw, draw.pick([500, 502, 503]), "auth", `<p>${token}</p>`),
  babbling: (draw, { token }) => {
    const body = draw.pick([
      "",
      "{",
      "[]",
      `{"token":"${encodeURIComponent(token)}"}`,
      `{"access_token":"with space","token_type":"Bearer"}`,
      `{"access_token":"${SECRET_MARK}","token_type":"other"}`,
      `{"access_token":"${SECRET_MARK}","token_type":"Bearer","expires_in":-1}`,
    ]);
    return answer(draw, 200, "auth", body, JSON_TYPE);
  },
  flaky: (draw, asked) => {
    return draw.chance(0.5)
      ? issuing(draw, asked)
      : PROVIDER_MOODS[draw.pick(PROVIDER_FLAKES)](draw, asked);
  },
};

const PROVIDER_FLAKES = ["slow", "silent", "dns", "connect", "reset", "refusing", "broken"];
const JSON_TYPE = { "content-type": "application/json" };

/** Its body is written when the token is. */
const issuing: Mood = (draw) => ({ ...answer(draw, 200, null, "", JSON_TYPE), what: "token" });

/** How all are when nothing is the matter. */
export const CALM = { api: fine, provider: issuing, heartbeat: fine };
export const CALM_LIFETIME_SECONDS = 300;

export const HEARTBEAT_MOODS: Record<string, Mood> = {
  slow: API_MOODS.slow,
  silent: API_MOODS.silent,
  connect: API_MOODS.connect,
  broken: API_MOODS.broken,
  elsewhere: API_MOODS.elsewhere,
};

const MAX_TOKENS = 1_000;

type Open = { breakOff: () => void };

/** The platform, the identity provider and the heartbeat's receiver, and what they have seen. */
export class SimulatedPlatform {
  api: Mood = CALM.api;
  provider: Mood = CALM.provider;
  heartbeat: Mood = CALM.heartbeat;
  /** How long the tokens are good for that are issued now; null for one that names no life. */
  lifetimeSeconds: number | null = CALM_LIFETIME_SECONDS;
  exchanges = 0;
  #tokens = new Map<string, number>();
  #issued = 0;
  #open = new Set<Open>();

  constructor(
    private readonly time: SimulatedTime,
    private readonly draw: Draw,
    private readonly journal: Journal,
    private readonly settings: Settings,
    private readonly books: Books,
  ) {}

  /** How many exchanges have not ended. */
  get open(): number {
    return this.#open.size;
  }

  recover(): void {
    Object.assign(this, CALM);
  }

  /** No token that was issued before is good any more. */
  revokeTokens(): void {
    this.#tokens.clear();
  }

  /** The machine was away: every connection is gone. */
  breakOffAll(): void {
    for (const open of [...this.#open]) open.breakOff();
  }

  readonly exchange: Exchange = (request, { signal, timings }) => {
    if (signal.aborted) return Promise.reject(signal.reason);
    this.exchanges++;
    switch (request.url.hostname) {
      case HOSTS.api:
        return this.#askApi(request, signal, timings);
      case HOSTS.provider:
        return this.#askProvider(request, signal, timings);
      default:
        return this.#beat(request, signal, timings);
    }
  };

  #askApi(request: Request, signal: AbortSignal, timings: Timings): Promise<Reply> {
    const datasetId = request.url.pathname.split("/").at(-1) ?? "";
    const [, traceId = ""] = request.headers.traceparent?.split("-") ?? [];
    const token = request.headers.authorization?.replace("Bearer ", "") ?? null;
    const attempt = this.books.attemptStarts(traceId, datasetId, token);
    const asked = { datasetId, token: token ?? "" };
    let plan = this.api(this.draw, asked);
    // Whoever cannot be reached looks at no token.
    if (plan.status === 200 && token !== null && !this.#isKnown(token)) {
      plan = API_MOODS.unauthorized(this.draw, asked);
    }
    return this.#carry(`api ${datasetId}`, plan, request, signal, timings, attempt, () => {
      this.books.attemptEnds(traceId, attempt);
    });
  }

  #askProvider(request: Request, signal: AbortSignal, timings: Timings): Promise<Reply> {
    const { tokens } = this.books;
    const { clientSecret } = this.settings;
    tokens.requested();
    const form = new URLSearchParams(request.body);
    this.journal.check(
      form.get("client_secret") === clientSecret && form.get("grant_type") === "client_credentials",
      "the provider gets what it needs",
      () => `${request.body}`,
    );
    const plan = this.provider(this.draw, { datasetId: "", token: clientSecret });
    let issue = () => tokens.notIssued();
    if (plan.what === "token" && "body" in plan.end) {
      const value = `${SECRET_MARK}.token.${++this.#issued}`;
      const lifetimeSeconds = this.lifetimeSeconds;
      plan.end.body = JSON.stringify({
        access_token: value,
        token_type: "Bearer",
        ...(lifetimeSeconds === null ? {} : { expires_in: lifetimeSeconds }),
      });
      const goodMs = (lifetimeSeconds ?? 300) * 1e3;
      // Those that are never seen again must not pile up in long runs.
      if (this.#tokens.size > MAX_TOKENS) this.#tokens.clear();
      this.#tokens.set(value, this.time.realMs + goodMs);
      issue = () => tokens.issued(value, goodMs / 1e3);
    }
    const attempt = newAttempt(this.time.nowMs, null);
    return this.#carry("provider", plan, request, signal, timings, attempt, () => {
      if (this.books.isOver) return;
      if (attempt.end === "plan") issue();
      else tokens.notIssued();
    });
  }

  #beat(request: Request, signal: AbortSignal, timings: Timings): Promise<Reply> {
    this.journal.check(
      request.method === "HEAD" && request.url.href === this.settings.env.HEARTBEAT_URL,
      "only known addresses are asked",
      () => `${request.method} ${request.url}`,
    );
    this.books.beatStarts();
    const plan = this.heartbeat(this.draw, { datasetId: "", token: "" });
    const attempt = newAttempt(this.time.nowMs, null);
    return this.#carry("heartbeat", plan, request, signal, timings, attempt, () => {
      if (this.books.isOver) return;
      const { status = 0, end } = attempt;
      this.books.beatEnds(end === "plan" && plan.reason === null && status === 200);
    });
  }

  #isKnown(token: string): boolean {
    const endsMs = this.#tokens.get(token);
    if (endsMs === undefined) return false;
    if (this.time.realMs < endsMs) return true;
    this.#tokens.delete(token);
    return false;
  }

  /** Carries an exchange to its end by the plan, by who gave it up, or by a broken connection. */
  #carry(
    what: string,
    plan: Plan,
    { url }: Request,
    signal: AbortSignal,
    timings: Timings,
    attempt: SeenAttempt,
    onEnd: () => void,
  ): Promise<Reply> {
    const { time, journal } = this;
    const startMs = time.nowMs;
    const number = this.exchanges;
    timings.named = true;
    timings.secure = url.protocol === "https:";
    journal.line(`${what} #${number}: ${plan.what} in ${plan.delayMs?.toFixed(3)}`);
    return new Promise((resolve, reject) => {
      const end = (how: SeenAttempt["end"], reason: Reason | null) => {
        cancel();
        this.#open.delete(open);
        signal.removeEventListener("abort", onAbort);
        mark(timings, plan, startMs, time.nowMs);
        attempt.end = how;
        attempt.endMs = time.nowMs;
        attempt.reason = reason;
        attempt.status = timings.answer?.status ?? null;
        // The certificate of the heartbeat's receiver is nobody's business.
        if (timings.certificateExpiresMs && url.host !== HOSTS.heartbeat) {
          this.books.certificates.set(url.host, CERTIFICATE_ENDS_MS);
        }
        journal.line(`${what} #${number} ${how}`);
      };
      const onAbort = () => {
        end("given up", "timeout");
        onEnd();
        reject(signal.reason);
      };
      const byPlan = () => {
        end("plan", plan.reason);
        if ("error" in plan.end) {
          onEnd();
          return reject(plan.end.error);
        }
        const reply = replyOf(plan, time.now());
        attempt.retryAfterMs = reply.retryAfterMs;
        onEnd();
        resolve(reply);
      };
      const breakOff = () => {
        end("broken", "reset");
        onEnd();
        reject(Object.assign(new Error("socket hang up"), { code: "ECONNRESET" }));
      };
      const open = { breakOff };
      const cancel = plan.delayMs === null ? () => {} : time.input(plan.delayMs, byPlan);
      signal.addEventListener("abort", onAbort, { once: true });
      this.#open.add(open);
    });
  }
}

export function newAttempt(startMs: number, token: string | null): SeenAttempt {
  return {
    ...{ startMs, token, end: "open", endMs: startMs, status: null, reason: null },
    retryAfterMs: null,
    earnsAnother: false,
  };
}

/** When an exchange passes which mark, as shares of its time. */
const PASSES = [0.05, 0.15, 0.3, 0.9];

/** Sets those timings that an exchange has passed in the time that it had. */
function mark(
  timings: Timings,
  { delayMs, reached, status, end }: Plan,
  startMs: number,
  nowMs: number,
): void {
  const passed = PASSES.map((share) => startMs + share * (delayMs ?? 1_000));
  const [resolvedMs, connectedMs, securedMs, headersMs] = passed.map((atMs, i) =>
    i < reached && atMs <= nowMs ? atMs : undefined
  );
  timings.resolvedMs = resolvedMs;
  timings.connectedMs = connectedMs;
  if (timings.secure && securedMs !== undefined) {
    timings.securedMs = securedMs;
    timings.certificateExpiresMs = CERTIFICATE_ENDS_MS;
  }
  if (headersMs === undefined || status === null) return;
  timings.headersMs = headersMs;
  const body = "body" in end ? end.body : '{"Type":"Data';
  timings.answer = { status, chunks: [encode(body.slice(0, 20))] };
}

function replyOf({ status, end }: Plan, nowMs: number): Reply & { retryAfterMs: number | null } {
  const { body, headers: { ...headers } = {} } = end as Exclude<Plan["end"], { error: Error }>;
  let retryAfterMs: number | null = null;
  const value = headers["retry-after"] ?? "";
  if (/^\d+$/.test(value)) retryAfterMs = Number(value) * 1e3;
  if (value.startsWith("date ")) {
    const date = new Date(nowMs + Number(value.slice(5)) * 1e3).toUTCString();
    headers["retry-after"] = date;
    retryAfterMs = Math.max(0, Date.parse(date) - nowMs);
  }
  return { status: status ?? 0, headers, body: encode(body), retryAfterMs };
}

const encoder = new TextEncoder();

function encode(body: string | Uint8Array): Uint8Array {
  return typeof body === "string" ? encoder.encode(body) : body;
}
