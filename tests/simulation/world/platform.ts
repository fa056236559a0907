import { RequestError } from "../../../src/http_client/errors.ts";
import type { Exchange, HttpRequest } from "../../../src/http_client/exchange.ts";
import type { HttpResponse } from "../../../src/http_client/response.ts";
import type { Timings } from "../../../src/http_client/timings.ts";
import type { Reason } from "../../../src/core/reasons.ts";
import { newAttempt, type SeenAttempt } from "../invariants/attempts.ts";
import type { Invariants } from "../invariants/invariants.ts";
import type { Journal } from "../journal.ts";
import type { Draw } from "./draw.ts";
import { type ExchangePlan, replyOf, respond, setTimings } from "./exchange_plan.ts";
import { type Behaviour, CALM, CALM_LIFETIME_SECONDS, unauthorized } from "./faults.ts";
import { HOSTS, PROMETHEUS_TOKEN, SECRET_MARK, type Settings } from "./settings.ts";
import type { SimulatedTime } from "./time.ts";

const MAX_TOKENS = 1_000;

/** An exchange that has not ended. */
type OpenExchange = { breakOff: () => void };

/**
 * The platform, the identity provider, the heartbeat's receiver and Prometheus, which report what they
 * see.
 */
export class SimulatedPlatform {
  api: Behaviour = CALM.api;
  provider: Behaviour = CALM.provider;
  heartbeat: Behaviour = CALM.heartbeat;
  /** Lifetime of the tokens that are issued now; null for tokens that name none. */
  lifetimeSeconds: number | null = CALM_LIFETIME_SECONDS;
  exchanges = 0;
  #tokens = new Map<string, number>();
  #issued = 0;
  #open = new Set<OpenExchange>();
  /** Whether a query of Prometheus is under way. */
  #isAsked = false;

  constructor(
    private readonly time: SimulatedTime,
    private readonly draw: Draw,
    private readonly journal: Journal,
    private readonly settings: Settings,
    private readonly invariants: Invariants,
  ) {}

  /** How many exchanges have not ended. */
  get open(): number {
    return this.#open.size;
  }

  recover(): void {
    Object.assign(this, CALM);
  }

  /** Makes every token that was issued before invalid. */
  revokeTokens(): void {
    this.#tokens.clear();
  }

  /** Breaks every connection, as after a suspended machine. */
  breakOffAll(): void {
    for (const open of [...this.#open]) open.breakOff();
  }

  readonly exchange: Exchange = (request, { signal, timings }) => {
    if (signal.aborted) return Promise.reject(signal.reason);
    this.exchanges++;
    switch (request.url.hostname) {
      case HOSTS.api:
        return this.#api(request, signal, timings);
      case HOSTS.provider:
        return this.#provider(request, signal, timings);
      case HOSTS.prometheus:
        return this.#prometheus(request, signal, timings);
      default:
        return this.#heartbeat(request, signal, timings);
    }
  };

  #api(request: HttpRequest, signal: AbortSignal, timings: Timings): Promise<HttpResponse> {
    const datasetId = request.url.pathname.split("/").at(-1) ?? "";
    const [, traceId = ""] = request.headers.traceparent?.split("-") ?? [];
    const token = request.headers.authorization?.replace("Bearer ", "") ?? null;
    const attempt = this.invariants.attemptStarted(traceId, datasetId, token);
    const requested = { datasetId, token: token ?? "" };
    let plan = this.api(this.draw, requested);
    // Only a healthy API looks at the token.
    if (plan.status === 200 && token !== null && !this.#isKnown(token)) {
      plan = unauthorized(this.draw, requested);
    }
    return this.#run(`api ${datasetId}`, plan, request, signal, timings, attempt, () => {
      this.invariants.attemptEnded(traceId, attempt);
    });
  }

  #provider(request: HttpRequest, signal: AbortSignal, timings: Timings): Promise<HttpResponse> {
    const { tokens } = this.invariants;
    const { clientSecret } = this.settings;
    tokens.requested(this.invariants.ledger.pending.size > 0);
    const form = new URLSearchParams(request.body);
    this.journal.check(
      form.get("client_secret") === clientSecret && form.get("grant_type") === "client_credentials",
      "token requests are complete",
      () => "the form lacks the secret or the grant type",
    );
    const plan = this.provider(this.draw, { datasetId: "", token: clientSecret });
    const attempt = newAttempt(this.time.nowMs, null);
    let issue = () => tokens.notIssued(attempt);
    if (plan.what === "token" && "body" in plan.end) {
      const value = `${SECRET_MARK}.token.${++this.#issued}`;
      const lifetimeSeconds = this.lifetimeSeconds;
      plan.end.body = JSON.stringify({
        access_token: value,
        token_type: "Bearer",
        ...(lifetimeSeconds === null ? {} : { expires_in: lifetimeSeconds }),
      });
      const goodMs = (lifetimeSeconds ?? 300) * 1e3;
      // Bounds the memory of long runs.
      if (this.#tokens.size > MAX_TOKENS) this.#tokens.clear();
      this.#tokens.set(value, this.time.realMs + goodMs);
      issue = () => tokens.issued(value, goodMs / 1e3);
    }
    return this.#run("provider", plan, request, signal, timings, attempt, () => {
      if (this.invariants.isOver) return;
      if (attempt.end === "plan") issue();
      else tokens.notIssued(attempt);
    });
  }

  #heartbeat(request: HttpRequest, signal: AbortSignal, timings: Timings): Promise<HttpResponse> {
    this.journal.check(
      request.method === "HEAD" && request.url.href === this.settings.env.HEARTBEAT_URL,
      "only configured addresses are requested",
      () => `${request.method} ${request.url}`,
    );
    this.invariants.heartbeats.started();
    const plan = this.heartbeat(this.draw, { datasetId: "", token: "" });
    const attempt = newAttempt(this.time.nowMs, null);
    return this.#run("heartbeat", plan, request, signal, timings, attempt, () => {
      if (this.invariants.isOver) return;
      const { status = 0, end } = attempt;
      this.invariants.heartbeats.ended(end === "plan" && plan.reason === null && status === 200);
    });
  }

  #prometheus(request: HttpRequest, signal: AbortSignal, timings: Timings): Promise<HttpResponse> {
    const { journal, draw } = this;
    journal.check(
      request.headers.authorization === `Bearer ${PROMETHEUS_TOKEN}` && !this.#isAsked,
      "Prometheus is asked one query at a time",
      () => String(request.url),
    );
    this.#isAsked = true;
    const attempt = newAttempt(this.time.nowMs, null);
    // Half of the time it fails as the heartbeat's receiver does.
    const plan = draw.chance(0.5)
      ? respond(draw, 200, null, matrixOf(draw, request.body ?? ""))
      : this.heartbeat(draw, { datasetId: "", token: PROMETHEUS_TOKEN });
    return this.#run("prometheus", plan, request, signal, timings, attempt, () => {
      this.#isAsked = false;
    });
  }

  #isKnown(token: string): boolean {
    const endsMs = this.#tokens.get(token);
    if (endsMs === undefined) return false;
    if (this.time.realMs < endsMs) return true;
    this.#tokens.delete(token);
    return false;
  }

  /** Runs an exchange until the plan, the caller or a broken connection ends it. */
  #run(
    what: string,
    plan: ExchangePlan,
    { url }: HttpRequest,
    signal: AbortSignal,
    timings: Timings,
    attempt: SeenAttempt,
    onEnd: () => void,
  ): Promise<HttpResponse> {
    const { time, journal } = this;
    const startMs = time.nowMs;
    const number = this.exchanges;
    timings.hasHostName = true;
    timings.isTls = url.protocol === "https:";
    journal.line(`${what} #${number}: ${plan.what} in ${plan.delayMs?.toFixed(3)}`);
    return new Promise((resolve, reject) => {
      const end = (how: SeenAttempt["end"], reason: Reason | null) => {
        cancel();
        this.#open.delete(open);
        signal.removeEventListener("abort", onAbort);
        setTimings(timings, plan, startMs, time.nowMs);
        attempt.end = how;
        attempt.endMs = time.nowMs;
        attempt.reason = reason;
        attempt.status = timings.partial?.status ?? null;
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
        const reply = replyOf(plan.status, plan.end, time.now());
        attempt.retryAfterMs = reply.retryAfterMs;
        onEnd();
        resolve(reply);
      };
      const breakOff = () => {
        end("broken", "reset");
        onEnd();
        reject(new RequestError("reset", "read ECONNRESET"));
      };
      const open = { breakOff };
      const cancel = plan.delayMs === null ? () => {} : time.input(plan.delayMs, byPlan);
      signal.addEventListener("abort", onAbort, { once: true });
      this.#open.add(open);
    });
  }
}

/** A response of Prometheus with what it might have of one dataset. */
function matrixOf(draw: Draw, body: string): string {
  const parameters = new URLSearchParams(body);
  const [start = 0, end = 0, step = 1] = ["start", "end", "step"]
    .map((name) => Number(parameters.get(name)));
  const values: [number, string][] = [];
  for (let seconds = start; seconds <= end && values.length < 50; seconds += step) {
    values.push([seconds, draw.pick(["NaN", "0", "7", String(seconds - step)])]);
  }
  const metric = { dataset_id: "dataset-1", reason: draw.pick(["dns", "nosuch"]) };
  const data = { resultType: "matrix", result: draw.chance(0.3) ? [] : [{ metric, values }] };
  return JSON.stringify({ status: "success", data });
}
