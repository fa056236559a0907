import type { SettledTask } from "../../src/core/task.ts";
import type { Books, SettledRecord } from "./books.ts";
import type { Draw } from "./draw.ts";
import { readExposition } from "./exposition.ts";
import type { Journal } from "./journal.ts";
import type { Samples } from "./ledger.ts";
import { SECRET_MARK, type Settings } from "./settings.ts";
import type { SimulatedTime } from "./time.ts";

type Handler = (request: Request) => Response | Promise<Response>;
type Format = "text" | "openmetrics";
type Json = { [name: string]: unknown };

const OPENMETRICS = "application/openmetrics-text; version=1.0.0";

/** How long events are gathered before they are sent. */
const GATHER_MS = 250;

/** Those who ask at once wait for one another, each for a tenth of a second at most. */
const MAX_WAIT_MS = 1_000;

/** A gauge that was read while the machine was slow may be so much older. */
const SLOW_SECONDS = 0.05;

/** A request that has not been answered. */
type Open = {
  what: string;
  askedMs: number;
  isSlow: boolean;
  onBegin: () => void;
  onMade: () => void;
};

/** One who follows `/events`. */
type Follower = {
  /** When it stopped reading; null while it reads. */
  pausedMs: number | null;
  /** What must still come, oldest first. */
  due: { seqno: number; settledMs: number }[];
  /** Whether it has been told of a task that was settled since it came. */
  isTold: boolean;
  heardMs: number;
  text: string;
  isEnded: boolean;
  go: () => void;
  leave: () => void;
};

/** Those who read the probe's endpoints, one after another and at the same time, and what they check. */
export class Readers {
  scrapes = 0;
  #handler: Handler | null = null;
  #open = new Map<number, Open>();
  #beginning = new WeakMap<Request, Open>();
  #asked = 0;
  /** When timers that were due had last not run yet. */
  #behindMs = -Infinity;
  /** What is being rendered, with what it must show; null for what cannot be known. */
  #rendering: { format: Format; samples: Samples | null } | null = null;
  #last: Samples = new Map();
  #followers = new Set<Follower>();

  constructor(
    private readonly time: SimulatedTime,
    private readonly draw: Draw,
    private readonly journal: Journal,
    private readonly settings: Settings,
    private readonly appId: string,
    private readonly books: Books,
  ) {
    books.onSettled((task) => {
      for (const { due, isEnded } of this.#followers) {
        if (!isEnded) due.push({ seqno: task.seqno, settledMs: this.time.nowMs });
      }
    });
  }

  open(handler: Handler): void {
    this.#handler = handler;
  }

  close(): void {
    this.#handler = null;
  }

  /** How many requests have not been answered. */
  get waiting(): number {
    return this.#open.size;
  }

  /** How many streams have not ended that somebody reads. */
  get following(): number {
    return [...this.#followers].filter(({ isEnded, pausedMs }) => !isEnded && pausedMs === null)
      .length;
  }

  /** Somebody comes now and then, `meanMs` apart. */
  come(meanMs: number): void {
    this.time.input(this.draw.exponential(meanMs), () => {
      if (!this.#handler) return;
      this.ask();
      this.come(meanMs);
    });
  }

  /** One or more read something. In the middle of things nobody knows what they will find. */
  ask(isAmidst = false): void {
    const { draw } = this;
    const share = draw.random.fraction();
    if (!isAmidst && draw.chance(0.15)) this.time.beSlow();
    if (share < 0.35) return this.scrape(isAmidst);
    if (share < 0.45) {
      for (let i = draw.whole(2, 4); i > 0; i--) this.scrape(isAmidst);
      return;
    }
    if (share < 0.6) return this.health(isAmidst);
    if (share < 0.75) return this.#tasks(isAmidst);
    if (share < 0.8) return this.#page();
    if (share < 0.88) return this.#odd();
    if (isAmidst) return;
    this.follow();
  }

  scrape(isAmidst = false): void {
    const format = this.draw.pick<Format>(["text", "openmetrics"]);
    const path = this.draw.pick(["/metrics", "/metrics", "/"]);
    const accept = format === "openmetrics" ? OPENMETRICS : "text/plain;version=0.0.4";
    let rendering = null as { format: Format; samples: Samples | null } | null;
    const onBegin = () => {
      rendering = this.#rendering;
      if (rendering === null) {
        const samples = isAmidst ? null : this.books.ledger.samples();
        rendering = this.#rendering = { format, samples };
      } else if (rendering.format !== format) rendering = null;
    };
    const onMade = () => {
      if (this.#rendering?.format === format) this.#rendering = null;
    };
    this.#request(path, { accept }, (status, text) => {
      this.scrapes++;
      if (status !== 200) return this.journal.broken("a scrape is answered", `${status}: ${text}`);
      this.#checkExposition(text, format, rendering?.samples ?? null);
    }, { onBegin, onMade });
  }

  /** The program makes an answer; the request may have waited for its turn, the answer yet may. */
  async answer(request: Request, handler: Handler): Promise<Response> {
    const open = this.#beginning.get(request);
    if (!open) return handler(request);
    open.isSlow ||= this.time.isSlow || this.#rendering !== null;
    open.onBegin();
    const response = await handler(request);
    open.onMade();
    return response;
  }

  /** Whether it is well, and whether it takes requests. */
  health(isAmidst = false): void {
    const stalled = this.books.stalledLoops();
    const status = stalled.length === 0 ? 200 : 503;
    this.#request("/healthz", {}, (answered, text) => {
      const { loops = [] } = JSON.parse(text) as { loops?: string[] };
      const isRight = isAmidst ||
        (answered === status && loops.join() === stalled.join());
      this.journal.check(isRight, "health tells the truth", () => {
        return `${answered} ${text} where ${stalled.join() || "nothing"} is stalled`;
      });
    });
    const isStopping = this.time.nowMs >= this.books.stoppedMs;
    this.#request("/readyz", {}, (answered, text) => {
      this.journal.check(
        isAmidst || answered === (isStopping ? 503 : 200),
        "readiness tells the truth",
        () => {
          return `${answered} ${text}`;
        },
      );
    });
  }

  /** What must be true after each step. */
  checkStep(): void {
    const { journal, time } = this;
    if (!time.isCaughtUp) {
      this.#behindMs = time.nowMs;
      return;
    }
    for (const { what, askedMs, isSlow } of this.#open.values()) {
      if (isSlow || time.nowMs - Math.max(askedMs, this.#behindMs) <= MAX_WAIT_MS) continue;
      journal.broken("requests are answered soon", what);
    }
    for (const follower of this.#followers) {
      const { due: [due], pausedMs, isEnded, heardMs } = follower;
      if (isEnded) {
        this.#followers.delete(follower);
        continue;
      }
      if (pausedMs !== null) continue;
      const lateMs = due ? time.nowMs - due.settledMs - GATHER_MS : 0;
      journal.check(lateMs <= time.toleranceMs, "events come within a quarter of a second", () => {
        return `task ${due.seqno} is ${lateMs} ms late`;
      });
      journal.check(
        time.nowMs - heardMs <= 10_000 + time.toleranceMs,
        "a silent stream is kept alive",
        () => {
          return `nothing for ${time.nowMs - heardMs} ms`;
        },
      );
    }
  }

  #request(
    path: string,
    headers: { [name: string]: string },
    onAnswer: (status: number, text: string, response: Response) => void,
    {
      method = "GET",
      isAuthorized = true,
      isStream = false,
      onBegin = () => {},
      onMade = () => {},
    } = {},
  ): void {
    const { journal, settings: { bearerToken } } = this;
    if (!this.#handler) return;
    const number = this.#asked++;
    const what = `${method} ${path}`;
    journal.line(`${what} ${JSON.stringify(headers)}`);
    const authorization = bearerToken && isAuthorized
      ? { authorization: `Bearer ${bearerToken}` }
      : {};
    const request = new Request(`http://probe.test:8000${path}`, {
      method,
      headers: { ...headers, ...authorization } as { [name: string]: string },
    });
    const isSlow = this.time.isSlow || this.#rendering !== null;
    const open = { what, askedMs: this.time.nowMs, isSlow, onBegin, onMade };
    this.#open.set(number, open);
    this.#beginning.set(request, open);
    Promise.try(this.#handler, request).then(async (response) => {
      const text = isStream && response.status === 200 ? "" : await response.text();
      this.#open.delete(number);
      journal.line(`${what}: ${response.status}, ${text.length} characters`);
      journal.text(text);
      journal.check(
        !text.includes(SECRET_MARK),
        "no secret in an answer",
        () => `${what}: ${text}`,
      );
      journal.check(response.status !== 500, "no answer fails", () => `${what}: ${text}`);
      onAnswer(response.status, text, response);
    }).catch((error) =>
      journal.broken("every answer can be read", `${what}: ${error?.stack ?? error}`)
    );
  }

  #checkExposition(text: string, format: Format, expected: Samples | null): void {
    const { journal } = this;
    const samples = readExposition(text, this.appId);
    const isWhole = format === "openmetrics" ? text.endsWith("# EOF\n") : text.endsWith("\n");
    journal.check(isWhole, "an exposition is whole", () => text.slice(-100));
    checkIdentities(samples, journal);
    for (const [name, value] of this.#last) {
      const now = samples.get(name);
      if (now !== undefined && (now >= value || !isCounter(name))) continue;
      if (now === undefined && name.includes("expiry")) continue;
      journal.broken("counters never go down", `${name} from ${value} to ${now}`);
    }
    this.#last = samples;
    if (expected) this.#compare(samples, expected);
  }

  #compare(samples: Samples, expected: Samples): void {
    const { journal } = this;
    for (const [name, value] of expected) {
      const shown = samples.get(name);
      const isRight = shown === value || Number.isNaN(value) ||
        (shown !== undefined && Math.abs(shown - value) <= toleranceOf(name, value));
      journal.check(
        isRight,
        "metrics say what has happened",
        () => `${name} is ${shown}, not ${value}`,
      );
    }
    for (const name of samples.keys()) {
      const isKnown = expected.has(name) || !name.startsWith("probe_") ||
        name.startsWith("probe_build_info");
      journal.check(isKnown, "metrics say what has happened", () => `${name} should not be there`);
    }
  }

  #tasks(isAmidst: boolean): void {
    const { draw, books, journal } = this;
    const query = new URLSearchParams();
    const state = draw.pick([null, null, "PENDING", "succeeded", "Failed"]);
    const datasetId = draw.chance(0.3) ? draw.pick(this.settings.env.DATASET_ID.split(",")) : null;
    const before = draw.chance(0.3) ? draw.whole(0, books.created + 1) : null;
    const limit = draw.chance(0.7) ? draw.whole(1, 300) : 100;
    if (state !== null) query.set("state", state);
    if (datasetId !== null) query.set("dataset_id", datasetId);
    if (before !== null) query.set("before", String(before));
    if (limit !== 100) query.set("limit", String(limit));
    let known = null as { seqnos: number[]; next: number | null } | null;
    const onBegin = () => {
      if (!isAmidst) known = this.#expectedPage({ state, datasetId, before, limit });
    };
    this.#request(`/tasks?${query}`, {}, (status, text) => {
      if (status !== 200) return journal.broken("a list of tasks is answered", text);
      const page = JSON.parse(text) as { tasks: Json[]; next: number | null; tracked: Json };
      const expected = known;
      if (expected) {
        const shown = page.tasks.map(({ seqno }) => seqno).join();
        journal.check(
          shown === expected.seqnos.join() && page.next === expected.next &&
            page.tracked.PENDING === books.pending.size &&
            page.tracked.SUCCEEDED === books.succeeded.length &&
            page.tracked.FAILED === books.failed.length,
          "a list of tasks is right, newest first",
          () =>
            `${query}: ${shown}, next ${page.next}, for ${expected.seqnos.join()}, ${expected.next}`,
        );
      }
      // What is pending in the middle of things may be settled when it is read.
      const shown = page.tasks.filter(({ state }) => !isAmidst || state !== "PENDING");
      for (const task of shown) this.#checkShown(task);
    }, { onBegin });
  }

  #expectedPage({ state, datasetId, before, limit }: {
    state: string | null;
    datasetId: string | null;
    before: number | null;
    limit: number;
  }): { seqnos: number[]; next: number | null } {
    const { pending, succeeded, failed } = this.books;
    const seqnoOf = ({ task }: SettledRecord) => task.seqno;
    const shelves = {
      PENDING: [...pending.keys()],
      SUCCEEDED: succeeded.map(seqnoOf),
      FAILED: failed.map(seqnoOf),
    };
    const datasetOf = new Map([...pending.values(), ...succeeded, ...failed].map(({ task }) => {
      return [task.seqno, task.datasetId];
    }));
    const all = Object.entries(shelves)
      .filter(([name]) => state === null || name === state.toUpperCase())
      .flatMap(([, seqnos]) => seqnos)
      .filter((seqno) => before === null || seqno < before)
      .sort((a, b) => b - a);
    const seqnos = all.filter((seqno) => datasetId === null || datasetOf.get(seqno) === datasetId)
      .slice(0, limit);
    const last = seqnos.at(-1) ?? 0;
    // A full page says where the next one begins, whether or not anything there fits.
    const isMore = seqnos.length === limit && (all.at(-1) ?? 0) < last;
    return { seqnos, next: isMore ? last : null };
  }

  /** A settled task stays as it was. */
  #checkShown(shown: Json): void {
    const { journal, books } = this;
    if (shown.state === "PENDING") {
      return journal.check(
        books.pending.has(Number(shown.seqno)),
        "tasks are shown as they are",
        () => {
          return `${JSON.stringify(shown)} is not pending`;
        },
      );
    }
    const shelf = shown.state === "FAILED" ? books.failed : books.succeeded;
    const record = find(shelf, Number(shown.seqno));
    if (!record) return journal.broken("tasks are shown as they are", JSON.stringify(shown));
    const text = JSON.stringify(shown);
    if (record.shown === null) this.#checkFirstShown(shown, record.task);
    journal.check((record.shown ??= text) === text, "settled tasks do not change", () => {
      return `${record.shown} became ${text}`;
    });
  }

  #checkFirstShown(shown: Json, task: SettledTask): void {
    const isRight = shown.dataset_id === task.datasetId && shown.trace_id === task.traceId &&
      shown.duration_seconds === task.durationSeconds && shown.app_id === this.appId &&
      shown.created === new Date(task.createdMs).toISOString() &&
      shown.reason === (task.state === "FAILED" ? task.reason : null) &&
      (shown.attempts as unknown[]).length === task.attempts.length;
    this.journal.check(isRight, "tasks are shown as they are", () => {
      return `${JSON.stringify(shown)} is ${JSON.stringify(task)}`;
    });
  }

  #page(): void {
    const { draw, books, journal } = this;
    const query = draw.pick([
      ...["", "?state=FAILED", "?page=2", `?task=${draw.whole(1, books.created + 1)}`],
      "?dataset_id=dataset-1&state=",
    ]);
    const headers: { [name: string]: string } = draw.chance(0.3)
      ? { prefer: "return=minimal" }
      : {};
    this.#request(`/${query}`, { accept: "text/html", ...headers }, (status, text, response) => {
      const isPage = status === 200 && text.includes("</") &&
        response.headers.get("content-type")?.startsWith("text/html") === true;
      journal.check(isPage, "the page is there", () => `${status}: ${text.slice(0, 200)}`);
    });
  }

  /** Requests that nobody should make. */
  #odd(): void {
    const { draw, journal, settings: { bearerToken } } = this;
    const [method, path, expected] = draw.pick<[string, string, number]>([
      ["POST", "/metrics", 405],
      ["DELETE", "/tasks", 405],
      ["GET", "/nothing", 404],
      ["GET", "/../etc/passwd", 404],
      ["GET", "/tasks?limit=0", 400],
      ["GET", "/tasks?state=lost", 400],
      ["GET", "/tasks?before=1&before=2", 400],
      ["GET", "/?page=0", 400],
      ["HEAD", "/healthz", this.books.stalledLoops().length > 0 ? 503 : 200],
      ["HEAD", "/events", 200],
    ]);
    const isAuthorized = bearerToken === null || draw.chance(0.5);
    const isOpen = path === "/healthz" || isAuthorized;
    const accept = path.startsWith("/?") ? "text/html" : "*/*";
    this.#request(path, { accept }, (status, text) => {
      const right = isOpen ? expected : 401;
      journal.check(
        status === right,
        "odd requests are refused",
        () => `${method} ${path}: ${status} ${text}`,
      );
    }, { method, isAuthorized });
  }

  /** Somebody follows the events for a while: reads, stops reading for a while, leaves. */
  follow(): void {
    const { time, journal } = this;
    if (this.#followers.size >= 20) return;
    this.#request("/events", { accept: "text/event-stream" }, (status, text, response) => {
      // Its turn may come when all has ended.
      if (status === 503 && time.nowMs >= this.books.stoppedMs) return;
      const reader = status === 200 ? response.body?.getReader() : undefined;
      if (!reader) return journal.broken("events can be followed", `${status} ${text}`);
      const decoder = new TextDecoder();
      let isReading = false;
      const follower: Follower = {
        ...{ pausedMs: null, due: [], isTold: false, heardMs: time.nowMs, text: "" },
        isEnded: false,
        go: () => {
          follower.pausedMs = null;
          follower.heardMs = time.nowMs;
          if (!isReading) void read();
        },
        leave: () => {
          follower.isEnded = true;
          journal.line("a follower leaves");
          void reader.cancel();
        },
      };
      const read = async () => {
        isReading = true;
        while (follower.pausedMs === null) {
          const { done, value } = await reader.read();
          if (follower.isEnded) return;
          if (done) return this.#streamEnded(follower);
          follower.heardMs = time.nowMs;
          this.#heard(follower, decoder.decode(value, { stream: true }));
        }
        isReading = false;
      };
      this.#followers.add(follower);
      void read().catch((error) => journal.broken("events can be followed", String(error)));
      this.#wander(follower);
    }, { isStream: true });
  }

  #wander(follower: Follower): void {
    const { time, draw } = this;
    time.input(draw.logBetween(5_000, 900_000), () => {
      if (follower.isEnded || !this.#handler) return;
      if (draw.chance(0.3)) return follower.leave();
      if (follower.pausedMs !== null) follower.go();
      else if (draw.chance(0.5)) follower.pausedMs = time.nowMs;
      this.#wander(follower);
    });
  }

  #heard(follower: Follower, text: string): void {
    const { journal } = this;
    journal.text(text);
    journal.check(!text.includes(SECRET_MARK), "no secret in an event", () => text);
    const parts = (follower.text + text).split("\n\n");
    follower.text = parts.pop() ?? "";
    for (const part of parts) {
      const [, name, data] = part.match(/^event: (\w+)\ndata: (.*)$/m) ?? [];
      if (name !== "settled") continue;
      const task = JSON.parse(data) as Json;
      const seqno = Number(task.seqno);
      const due = follower.due.at(0);
      // What was gathered when it came is sent to it too, before all that is due.
      const isOlder = !follower.due.some((each) => each.seqno === seqno);
      if (isOlder && !follower.isTold) continue;
      follower.isTold = true;
      journal.check(
        due?.seqno === seqno,
        "every settled task is told of, once and in order",
        () => {
          return `${seqno} where ${due?.seqno} is due`;
        },
      );
      follower.due.shift();
      this.#checkTold(task);
    }
  }

  #checkTold(told: Json): void {
    const shelf = told.state === "FAILED" ? this.books.failed : this.books.succeeded;
    const record = find(shelf, Number(told.seqno));
    if (!record) return;
    const { task } = record;
    const isRight = told.duration_seconds === task.durationSeconds &&
      told.trace_id === task.traceId;
    this.journal.check(isRight, "events tell what has happened", () => {
      return `${JSON.stringify(told)} of ${JSON.stringify(task)}`;
    });
  }

  #streamEnded(follower: Follower): void {
    const { journal, time, books } = this;
    follower.isEnded = true;
    journal.line("a stream ends");
    // Who did not keep up may be dropped.
    const isBehind = follower.due.length > 100;
    journal.check(time.nowMs >= books.stoppedMs || isBehind, "streams go on", () => {
      return `one has ended with ${follower.due.length} events to come`;
    });
    journal.check(
      follower.due.length === 0 || isBehind,
      "a stream ends with all that was to come",
      () => {
        return `${follower.due.length} events are missing`;
      },
    );
  }
}

function checkIdentities(samples: Samples, journal: Journal): void {
  const sums = new Map<string, number>();
  const sum = (name: string) => sums.get(name) ?? 0;
  for (const [series, value] of samples) {
    const name = series.slice(0, series.indexOf("{") === -1 ? undefined : series.indexOf("{"));
    sums.set(name, sum(name) + value);
  }
  const same = (what: string, a: number, b: number) =>
    journal.check(
      a === b,
      "the accounting holds in every scrape",
      () => `${what}: ${a} is not ${b}`,
    );
  const settled = sum("probe_tasks_succeeded_total") + sum("probe_tasks_failed_total");
  const created = sum("probe_tasks_created_total");
  same("created = succeeded + failed + in flight", created, settled + sum("probe_tasks_in_flight"));
  same("failures by reason", sum("probe_task_failures_total"), sum("probe_tasks_failed_total"));
  same("durations", sum("probe_task_duration_seconds_count"), settled);
  same("tracked", sum("probe_tasks_tracked"), created - sum("probe_tasks_dismissed_total"));
  const lag = samples.get('probe_schedule_lag_seconds_count{loop="probe"}');
  const refused = samples.get('probe_slots_skipped_total{cause="in_flight"}') ?? 0;
  same("ticks", lag ?? 0, created + refused);
}

function isCounter(name: string): boolean {
  return /^\w+_(total|count|sum|bucket)(\{|$)/.test(name);
}

function toleranceOf(name: string, value: number): number {
  if (name === "probe_oldest_pending_task_age_seconds") return SLOW_SECONDS;
  if (/_sum(\{|$)|_timestamp_seconds/.test(name)) {
    return 1e-3 + 1e-6 * (name.includes("_sum") ? value : 0);
  }
  return 0;
}

function find(shelf: SettledRecord[], seqno: number): SettledRecord | undefined {
  let low = 0;
  let high = shelf.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (shelf[middle].task.seqno < seqno) low = middle + 1;
    else high = middle;
  }
  return shelf[low]?.task.seqno === seqno ? shelf[low] : undefined;
}
