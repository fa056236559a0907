import type { Page } from "../../src/probing/backlog.ts";
import type { SkipCause } from "../../src/core/task_observer.ts";
import type { Config } from "../../src/config/config.ts";
import type { Inside } from "../../src/runtime/runtime.ts";
import type { PendingTask, SettledTask, Task } from "../../src/core/task.ts";
import type { Reason } from "../../src/core/reasons.ts";
import type { Journal } from "./journal.ts";
import { Ledger } from "./ledger.ts";
import { SECRET_MARK } from "./settings.ts";
import type { SimulatedTime } from "./time.ts";
import { TokenBook } from "./tokens.ts";

/** One attempt as the platform has seen it. */
export type SeenAttempt = {
  startMs: number;
  token: string | null;
  end: "open" | "plan" | "given up" | "broken";
  endMs: number;
  status: number | null;
  reason: Reason | null;
  retryAfterMs: number | null;
  /** A refused token earns one attempt more. */
  earnsAnother: boolean;
};

/** A pending task, with what its attempts have come to. */
type Note = { task: PendingTask; deadlineMs: number; attempts: SeenAttempt[]; retries: number };

/** A settled task as it was when it was settled; what `/tasks` has said of it since. */
export type SettledRecord = { task: SettledTask; shown: string | null };

/** A loop of the schedule; which slot comes next is known from what has come of the others. */
type Line = {
  name: "probe" | "prune" | "table";
  startMs: number;
  intervalMs: number;
  next: number;
};

const GRACE_MS = 8_000;
const PROVEN_MS = 1_000;
const RETRIED: ReadonlySet<Reason> = new Set(["timeout", "dns", "connect", "tls", "reset"]);
const RETRIED_STATUSES: ReadonlySet<number> = new Set([429, 500, 502, 503, 504]);

/**
 * What must be true of the probe by its contract, kept from what the simulated world has seen: which
 * tasks there are and what may become of them, which slots were due, what each metric shows.
 */
export class Books {
  readonly tokens: TokenBook;
  readonly ledger: Ledger;
  readonly pending = new Map<number, Note>();
  readonly succeeded: SettledRecord[] = [];
  readonly failed: SettledRecord[] = [];
  readonly certificates = new Map<string, number>();
  readonly lines: Line[] = [];
  readonly outcomes: { [outcome: string]: number } = {};
  created = 0;
  dismissed = 0;
  readonly skipped: { [cause in SkipCause]: number } = { late: 0, in_flight: 0 };
  readonly beats = { ok: 0, failed: 0 };
  /** When the probe was told to stop, and when it closed its port. */
  stoppedMs = Infinity;
  closedMs = Infinity;
  #inside: Inside | null = null;
  #byTrace = new Map<string, Note>();
  #failing = new Set<string>();
  #tabledMs = -Infinity;
  /** How long was waited before attempts, as shares of the longest time. */
  #jitter = { sum: 0, count: 0 };
  /** Since when the port is open, null while it is lost; whether the log has told of a loss. */
  #port: { openMs: number | null; isToldOf: boolean } = { openMs: 0, isToldOf: false };
  #beat = { isUnderWay: false, interval: -1, isDue: false };
  #settled = { SUCCEEDED: 0, FAILED: 0 };
  #logged = { late: 0, in_flight: 0 };
  #onSettled: (task: SettledTask) => void = () => {};

  constructor(
    private readonly config: Config,
    private readonly time: SimulatedTime,
    private readonly journal: Journal,
    private readonly isTabled: boolean,
  ) {
    this.tokens = new TokenBook(time, journal);
    this.ledger = new Ledger(config, this, time);
    const startMs = time.nowMs;
    const { taskIntervalSeconds, cleanTasksIntervalSeconds, datasetIds } = config;
    const intervalMs = taskIntervalSeconds * 1e3;
    datasetIds.forEach((_, i) => {
      const phaseMs = i / datasetIds.length * intervalMs;
      this.lines.push({ name: "probe", startMs: startMs + phaseMs, intervalMs, next: 0 });
    });
    const cleanMs = cleanTasksIntervalSeconds * 1e3;
    this.lines.push({ name: "prune", startMs: startMs + cleanMs, intervalMs: cleanMs, next: 0 });
  }

  /** From then on the probe ends what it has begun. */
  get isOver(): boolean {
    const { nowMs, toleranceMs } = this.time;
    if (nowMs < this.stoppedMs) return false;
    return this.pending.size === 0 || nowMs >= this.stoppedMs + GRACE_MS - toleranceMs;
  }

  witness(inside: Inside): void {
    this.#inside = inside;
  }

  onSettled(hear: (task: SettledTask) => void): void {
    this.#onSettled = hear;
  }

  // What happens, in the instant in which it happens.

  /** A task was created under this trace id. */
  taskCreated(traceId: string): void {
    const { journal, time } = this;
    const [task] = this.#inside?.backlog.page({ state: "PENDING", limit: 1 }).tasks ?? [];
    if (task?.state !== "PENDING" || task.traceId !== traceId) {
      return journal.broken("a created task is pending", `${traceId} is not`);
    }
    this.created++;
    journal.line(`task ${task.seqno} of ${task.datasetId}`);
    journal.check(task.seqno === this.created, "tasks are numbered from 1", () => {
      return `number ${task.seqno} is given to task ${this.created}`;
    });
    journal.check(
      task.createdMonotonicMs === time.nowMs && task.createdMs === time.now(),
      "tasks know when they were created",
      () => `${task.createdMonotonicMs} at ${time.nowMs}`,
    );
    journal.check(
      time.nowMs <= this.stoppedMs,
      "no task after the stop",
      () => `task ${task.seqno}`,
    );
    const note: Note = {
      task,
      deadlineMs: time.nowMs + this.config.taskTimeoutSeconds * 1e3,
      attempts: [],
      retries: 0,
    };
    this.pending.set(task.seqno, note);
    this.#byTrace.set(traceId, note);
    this.#probed(task.datasetId);
    this.ledger.created(task.datasetId);
    this.#makeRoom();
  }

  logged(level: string, message: string, properties: { [name: string]: unknown }): void {
    const { journal } = this;
    const [line] = message.split("\n    at ", 1);
    const text = `${level} ${line} ${JSON.stringify(properties)}`;
    journal.line(text);
    journal.check(
      !message.includes(SECRET_MARK) && !text.includes(SECRET_MARK),
      "no secret in the log",
      () => text,
    );
    journal.check(
      !message.includes("what cannot be"),
      "the probe finds itself whole",
      () => message,
    );
    if ("trace_id" in properties) {
      this.#checkNews(message, properties);
      this.#taskSettled(Number(properties.seqno), properties);
    } else if (message.startsWith("dismissed ")) this.#pruned(Number(properties.dismissed));
    else if (message.startsWith("skipped ")) this.#skippedSlots(message, properties);
    else if (message.startsWith("stopping ")) {
      const count = Number(message.match(/\d+/)?.[0]);
      journal.check(
        count === this.pending.size,
        "what is in flight at the stop is counted",
        () => text,
      );
    } else if (message.startsWith("abandoned ")) {
      journal.check(
        properties.abandoned === this.pending.size,
        "what is abandoned is counted",
        () => text,
      );
    } else if (message.startsWith("no connections ")) {
      journal.check(
        this.#port.openMs === null && !this.#port.isToldOf,
        "a lost port is told of",
        () => text,
      );
      this.#port.isToldOf = true;
    } else if (message.startsWith("connections are ")) {
      const openMs = this.time.nowMs - (this.#port.openMs ?? Infinity);
      const isBack = this.#port.isToldOf && openMs >= PROVEN_MS - this.time.toleranceMs;
      journal.check(isBack, "a port is back when it has stayed open", () => `after ${openMs} ms`);
      this.#port.isToldOf = false;
    } else if (level === "error") {
      journal.broken("nothing is wrong with the probe", text);
    }
  }

  /** A table was printed. */
  tablePrinted(text: string): void {
    const { journal, time } = this;
    journal.text(text);
    journal.check(this.isTabled, "tables are printed where they are asked for", () => text);
    journal.check(!text.includes(SECRET_MARK), "no secret in a table", () => text);
    const tally = `${this.tracked} tracked: ${this.pending.size} pending, ` +
      `${this.succeeded.length} succeeded, ${this.failed.length} failed`;
    journal.check(text.includes(tally), "a table counts the tasks", () => `not ${tally}: ${text}`);
    this.#tabledMs = time.nowMs;
    if (this.stoppedMs < Infinity) return;
    const line = this.lines.find(({ name }) => name === "table");
    if (line) this.#ticked(line, time.nowMs);
    else journal.broken("the first table comes with the first settled task", text);
  }

  /** An attempt of a task begins; the platform fills in what comes of it. */
  attemptStarts(traceId: string, datasetId: string, token: string | null): SeenAttempt {
    const { journal, time, config } = this;
    const attempt: SeenAttempt = {
      ...{ startMs: time.nowMs, token, end: "open", endMs: time.nowMs, status: null, reason: null },
      ...{ retryAfterMs: null, earnsAnother: false },
    };
    const note = this.#byTrace.get(traceId);
    if (!note) {
      journal.broken("only pending tasks make attempts", `${traceId} of ${datasetId}`);
      return attempt;
    }
    const { seqno } = note.task;
    journal.check(
      note.task.datasetId === datasetId,
      "a task asks for its dataset",
      () => datasetId,
    );
    journal.check(
      (token === null) === (config.credentials === null),
      "credentials go with requests",
      () => {
        return `task ${seqno}`;
      },
    );
    journal.check(time.nowMs < note.deadlineMs, "no attempt begins after the deadline", () => {
      return `task ${seqno} makes one ${time.nowMs - note.deadlineMs} ms after it`;
    });
    if (token !== null) this.tokens.used(token);
    const last = note.attempts.at(-1);
    if (last) this.#checkNextAttempt(note, last, attempt);
    note.attempts.push(attempt);
    const most = 1 + config.retries +
      (note.attempts.some(({ earnsAnother }) => earnsAnother) ? 1 : 0);
    journal.check(note.attempts.length <= most, "attempts are bounded", () => {
      return `task ${seqno} makes ${note.attempts.length}, ${most} are allowed`;
    });
    return attempt;
  }

  attemptEnds(traceId: string, attempt: SeenAttempt): void {
    const note = this.#byTrace.get(traceId);
    // It is enough that the headers came.
    if (attempt.status !== 401 || attempt.token === null || !note) return;
    const isFirst = !note.attempts.some((each) => each !== attempt && each.status === 401);
    attempt.earnsAnother = isFirst && this.tokens.refused(attempt.token);
  }

  beatStarts(): void {
    const { journal, time, config } = this;
    const interval = Math.floor(time.nowMs / (config.taskIntervalSeconds * 1e3));
    const isAllowed = this.#failing.size === 0 && !this.#beat.isUnderWay &&
      interval !== this.#beat.interval;
    journal.check(isAllowed, "a heartbeat an interval while all is well", () => {
      return `${[...this.#failing]} fail, beat ${JSON.stringify(this.#beat)}`;
    });
    this.#beat = { isUnderWay: true, interval, isDue: false };
  }

  beatEnds(isReceived: boolean): void {
    this.#beat.isUnderWay = false;
    this.beats[isReceived ? "ok" : "failed"]++;
  }

  stopped(): void {
    this.stoppedMs = this.time.nowMs;
  }

  portOpened(): void {
    this.#port.openMs = this.time.nowMs;
  }

  portLost(): void {
    this.#port.openMs = null;
  }

  portClosed(): void {
    const { journal, time } = this;
    this.closedMs = time.nowMs;
    journal.check(
      !this.isTabled || this.#tabledMs === time.nowMs,
      "the last thing is a table",
      () => {
        return `the last table is ${time.nowMs - this.#tabledMs} ms old`;
      },
    );
    const { sum, count } = this.#jitter;
    // Far beyond what chance could do.
    const isEven = count < 100 || Math.abs(sum / count - 0.5) < 0.2;
    journal.check(isEven, "back-off has full jitter", () => `${sum / count} of the longest wait`);
    const isInTime = this.pending.size === 0 ||
      time.nowMs >= this.stoppedMs + GRACE_MS - time.toleranceMs;
    journal.check(isInTime, "tasks in flight get 8 s to end", () => {
      return `${this.pending.size} are pending ${time.nowMs - this.stoppedMs} ms after the stop`;
    });
  }

  // What must be true whenever somebody could look.

  get tracked(): number {
    return this.pending.size + this.succeeded.length + this.failed.length;
  }

  /** Loops that are overdue beyond their patience: two intervals, but from 5 s to 60 s. */
  stalledLoops(): string[] {
    const { nowMs, toleranceMs } = this.time;
    if (nowMs >= this.stoppedMs) return [];
    return this.lines.filter((line) => {
      const patienceMs = Math.min(60_000, Math.max(5_000, 2 * line.intervalMs));
      return nowMs - dueMs(line) > patienceMs + toleranceMs;
    }).map(({ name }) => name);
  }

  checkStep(): void {
    const { journal, time, config } = this;
    const inside = this.#inside;
    if (!inside) return;
    const { accounts, backlog } = inside;
    const { PENDING, SUCCEEDED, FAILED } = backlog.counts;
    const { late, in_flight: inFlight } = accounts.skipped;
    const isSame = accounts.created === this.created && accounts.dismissed === this.dismissed &&
      accounts.succeeded === this.#settled.SUCCEEDED && accounts.failed === this.#settled.FAILED &&
      late === this.skipped.late && inFlight === this.skipped.in_flight;
    journal.check(isSame, "the accounts are right", () =>
      JSON.stringify({
        accounts,
        seen: {
          ...{ created: this.created, ...this.#settled, dismissed: this.dismissed },
          skipped: this.skipped,
        },
      }));
    journal.check(
      this.#logged.late === late && this.#logged.in_flight === inFlight,
      "skipped slots are logged",
      () => JSON.stringify([this.#logged, accounts.skipped]),
    );
    const hasSameTasks = PENDING === this.pending.size && SUCCEEDED === this.succeeded.length &&
      FAILED === this.failed.length;
    journal.check(hasSameTasks, "the backlog holds what it should", () => {
      return JSON.stringify([
        backlog.counts,
        this.pending.size,
        this.succeeded.length,
        this.failed.length,
      ]);
    });
    journal.check(PENDING <= config.maxInFlightTasks, "never more in flight than the bound", () => {
      return `${PENDING} of ${config.maxInFlightTasks}`;
    });
    journal.check(
      PENDING + SUCCEEDED + FAILED <= Math.max(PENDING, config.maxTrackedTasks),
      "the backlog is bounded",
      () => JSON.stringify(backlog.counts),
    );
    const [oldest] = this.pending.keys();
    journal.check(backlog.oldestPending?.seqno === oldest, "the oldest task is known", () => {
      return `${backlog.oldestPending?.seqno} for ${oldest}`;
    });
    if (this.#beat.isDue) {
      journal.broken("a heartbeat an interval while all is well", "none was sent");
    }
    journal.check(
      this.#port.openMs !== null || this.#port.isToldOf || this.closedMs < Infinity,
      "a lost port is told of",
      () => "the log says nothing",
    );
    this.#checkHealth(inside.stalledLoops());
    if (time.isCaughtUp) this.#checkCaughtUp();
  }

  /** What the backlog holds, task by task, as it was when each was settled; newest first. */
  checkBacklog(): void {
    const { journal } = this;
    const shown: Task[] = [];
    for (let before: number | null = Infinity; before !== null;) {
      const page: Page | undefined = this.#inside?.backlog.page({ before, limit: 1_000 });
      shown.push(...page?.tasks ?? []);
      before = page?.next ?? null;
    }
    const pending = [...this.pending.values()].map(({ task }): Task => task);
    const settled = [...this.succeeded, ...this.failed].map(({ task }): Task => task);
    const expected = [...pending, ...settled].sort((a, b) => b.seqno - a.seqno);
    journal.check(shown.length === expected.length, "the backlog holds what it should", () => {
      return `${shown.length} tasks for ${expected.length}`;
    });
    shown.forEach((task, i) => {
      const [is, was] = [task, expected[i]].map((each) => JSON.stringify(each));
      journal.check(is === was, "settled tasks do not change", () => `${was} became ${is}`);
    });
  }

  /** What the health check must say, with the loops that it must name. */
  #checkHealth(stalled: string[]): void {
    if (stalled.length === 0 && this.time.isCaughtUp) return;
    const expected = this.stalledLoops();
    this.journal.check(stalled.join() === expected.join(), "health tells the truth", () => {
      return `says ${stalled.join() || "nothing"}, where ${
        expected.join() || "nothing"
      } is stalled`;
    });
  }

  /** What must be true when every timer has run that is due. */
  #checkCaughtUp(): void {
    const { journal, time } = this;
    const { nowMs, toleranceMs } = time;
    if (nowMs < this.stoppedMs) {
      for (const line of this.lines) {
        journal.check(dueMs(line) > nowMs - toleranceMs, "every slot that is due has run", () => {
          return `slot ${line.next} of ${line.name} is due for ${nowMs - dueMs(line)} ms`;
        });
      }
    } else if (this.closedMs === Infinity) {
      journal.check(
        this.pending.size > 0,
        "a probe without tasks stops at once",
        () => "it goes on",
      );
      journal.check(
        nowMs < this.stoppedMs + GRACE_MS + toleranceMs,
        "a probe stops after 8 s",
        () => {
          return `${nowMs - this.stoppedMs} ms after the stop it goes on`;
        },
      );
    }
    if (this.closedMs < Infinity) return;
    for (const { deadlineMs, task } of this.pending.values()) {
      journal.check(
        deadlineMs > nowMs - toleranceMs,
        "no pending task outlives its deadline",
        () => {
          return `task ${task.seqno} does by ${nowMs - deadlineMs} ms`;
        },
      );
      // All have the same time to live: the first one ends first.
      break;
    }
    if (this.config.credentials) this.tokens.checkCaughtUp();
  }

  // The rest is private.

  #probed(datasetId: string): void {
    const line = this.lines[this.config.datasetIds.indexOf(datasetId)];
    const late = this.#ticked(line, this.time.nowMs);
    this.skipped.late += late;
  }

  /** Returns how many slots were passed over. */
  #ticked(line: Line, nowMs: number): number {
    const { journal, time } = this;
    const slot = Math.floor((nowMs + time.toleranceMs - line.startMs) / line.intervalMs);
    journal.check(slot >= line.next, "never twice in a slot, and never early", () => {
      return `${line.name} runs again in slot ${slot}, ${line.next} comes next`;
    });
    const skipped = slot - line.next;
    if (line.name !== "table") {
      this.ledger.lag(line.name, Math.max(0, nowMs - line.startMs - slot * line.intervalMs));
    }
    line.next = slot + 1;
    return skipped;
  }

  /** What changes stands out in the log: the first failure, and the first success after one. */
  #checkNews(message: string, properties: { [name: string]: unknown }): void {
    const wasFailing = this.#failing.has(String(properties.dataset_id));
    const isFailing = "reason" in properties;
    const news = wasFailing === isFailing ? "task " : isFailing ? "FAILING: " : "RECOVERED: ";
    this.journal.check(message.startsWith(news), "news stand out in the log", () => message);
  }

  #skippedSlots(message: string, properties: { [name: string]: unknown }): void {
    const isFull = message.startsWith("skipped a slot");
    this.#logged[isFull ? "in_flight" : "late"] += Number(properties.skipped);
    if (!isFull) return;
    this.#probed(String(properties.dataset_id));
    this.skipped.in_flight++;
    this.journal.check(
      this.pending.size >= this.config.maxInFlightTasks,
      "slots are refused when full",
      () => {
        return `refused with ${this.pending.size} of ${this.config.maxInFlightTasks} in flight`;
      },
    );
  }

  #pruned(count: number): void {
    const line = this.lines.find(({ name }) => name === "prune") as Line;
    this.#ticked(line, this.time.nowMs);
    const beforeMs = this.time.nowMs - this.config.dismissTaskSeconds * 1e3;
    let dismissed = 0;
    for (const shelf of [this.succeeded, this.failed]) {
      const young = shelf.findIndex(({ task }) => task.createdMonotonicMs >= beforeMs);
      dismissed += shelf.splice(0, young === -1 ? shelf.length : young).length;
    }
    this.dismissed += dismissed;
    this.journal.check(
      dismissed === count,
      "old tasks are dismissed",
      () => `${count} for ${dismissed}`,
    );
  }

  #taskSettled(seqno: number, properties: { [name: string]: unknown }): void {
    const { journal } = this;
    const note = this.pending.get(seqno);
    if (!note) return journal.broken("a task settles once", `task ${seqno} was not pending`);
    const { datasetId } = note.task;
    this.pending.delete(seqno);
    this.#byTrace.delete(note.task.traceId);
    const found = this.#inside?.backlog.page({ before: seqno + 1, limit: 1 }).tasks[0];
    const task = found?.seqno === seqno ? found : this.#expectedOf(note, properties);
    this.#checkOutcome(note, task);
    if (task.state === "PENDING") return;
    this.#settled[task.state]++;
    const outcome = task.state === "FAILED" ? task.reason : "succeeded";
    this.outcomes[outcome] = (this.outcomes[outcome] ?? 0) + 1;
    this.ledger.settled(task);
    insert(task.state === "SUCCEEDED" ? this.succeeded : this.failed, { task, shown: null });
    this.#makeRoom();
    if (task.state === "FAILED") this.#failing.add(datasetId);
    else this.#failing.delete(datasetId);
    this.#onSettled(task);
    this.#expectBeat();
    this.#expectTable();
  }

  /** A task that was dismissed in the instant of its settlement is known by what must have been. */
  #expectedOf(note: Note, properties: { [name: string]: unknown }): SettledTask {
    this.journal.check(
      this.tracked >= this.config.maxTrackedTasks,
      "settled tasks are tracked",
      () => {
        return `task ${note.task.seqno} is not`;
      },
    );
    const durationSeconds = Number(properties.duration_seconds);
    const attempts = note.attempts.map(({ status, reason, startMs, endMs }) => {
      return { status, reason, durationSeconds: (endMs - startMs) / 1e3 };
    });
    const settled = {
      ...note.task,
      durationSeconds,
      attempts,
      phases: this.ledger.unknownPhases(),
    };
    return typeof properties.reason === "string"
      ? { ...settled, state: "FAILED", reason: properties.reason as Reason, body: null }
      : { ...settled, state: "SUCCEEDED" };
  }

  /** What a task has come to follows from what its attempts have. */
  #checkOutcome(note: Note, task: Task): void {
    const { journal, time } = this;
    const { seqno } = note.task;
    const say = (what: string) => () => `task ${seqno} ${what}: ${JSON.stringify(task)}`;
    if (task.state === "PENDING") {
      return journal.broken("a settled task is not pending", String(seqno));
    }
    const last = note.attempts.at(-1);
    journal.check(
      isNear(task.durationSeconds, (time.nowMs - note.task.createdMonotonicMs) / 1e3),
      "a task's duration is its own",
      say(`settled at ${time.nowMs}`),
    );
    journal.check(
      task.attempts.length === note.attempts.length &&
        note.attempts.every(({ startMs, endMs, status, reason }, i) => {
          const { status: shownStatus, reason: shownReason, durationSeconds } = task.attempts[i];
          return status === shownStatus && reason === shownReason &&
            isNear(durationSeconds, (endMs - startMs) / 1e3);
        }),
      "attempts are as the platform has seen them",
      say(`made ${JSON.stringify(note.attempts)}`),
    );
    if (last && task.phases.processing !== undefined) {
      const { token: _, ...phases } = task.phases;
      const sum = Object.values(phases).reduce((total, seconds) => total + seconds, 0);
      journal.check(
        isNear(sum, (last.endMs - last.startMs) / 1e3),
        "phases add up",
        say("has others"),
      );
    }
    // Of one that was dismissed at once nobody knows them.
    const hasPhases = Object.keys(task.phases).length > 0;
    journal.check(
      !hasPhases || (task.phases.token !== undefined) === (this.config.credentials !== null),
      "how long a token was waited for is known",
      say("has other phases"),
    );
    if (task.state === "SUCCEEDED") {
      const isRight = last?.reason === null && last.end === "plan" && last.endMs === time.nowMs;
      return journal.check(isRight, "only who got the dataset succeeds", say("did not"));
    }
    if (task.reason === "auth") return this.#checkWithoutToken(note, say);
    // Who was held up may find that there is no time left for what should come next.
    const isTooLate = time.nowMs >= note.deadlineMs;
    if (isTooLate && task.reason === "timeout" && note.attempts.length === 0) return;
    journal.check(
      last?.reason === task.reason && (last.endMs === time.nowMs || isTooLate),
      "a task fails for the reason of its last attempt, at once",
      say(`ended with ${JSON.stringify(last)}`),
    );
    journal.check(
      !last?.earnsAnother || isTooLate,
      "a new token earns one attempt more",
      say("made none"),
    );
    if (!last || !isRetried(last) || note.retries >= this.config.retries) return;
    const longestMs = longestWaitMs(note, last);
    journal.check(
      note.deadlineMs - time.nowMs <= longestMs + time.toleranceMs,
      "what may pass is retried",
      () => {
        return say(`has ${note.deadlineMs - time.nowMs} ms left`)();
      },
    );
  }

  #checkWithoutToken(note: Note, say: (what: string) => () => string): void {
    const { tokens, time, journal } = this;
    const isRight = this.config.credentials !== null &&
      (tokens.isWanting === "failed" || time.nowMs >= note.deadlineMs - time.toleranceMs);
    journal.check(
      isRight,
      "a task without a token fails with `auth`, and no other",
      say("had one"),
    );
  }

  #checkNextAttempt(note: Note, last: SeenAttempt, next: SeenAttempt): void {
    const { journal, time } = this;
    const { seqno } = note.task;
    journal.check(last.end !== "open", "one attempt at a time", () => `task ${seqno} makes two`);
    if (last.earnsAnother) {
      return journal.check(next.token !== last.token, "a refused token is not used again", () => {
        return `task ${seqno} uses ${next.token}`;
      });
    }
    journal.check(isRetried(last), "only what may pass is retried", () => {
      return `task ${seqno} after ${JSON.stringify(last)}`;
    });
    const gapMs = next.startMs - last.endMs;
    journal.check(
      gapMs >= (last.retryAfterMs ?? 0) - time.toleranceMs,
      "Retry-After is kept",
      () => {
        return `task ${seqno} waited ${gapMs} of ${last.retryAfterMs} ms`;
      },
    );
    const longestMs = longestWaitMs(note, last);
    const isOnTime = time.lastLateMs < last.endMs && next.token === null;
    journal.check(!isOnTime || gapMs <= longestMs + time.toleranceMs, "back-off is bounded", () => {
      return `task ${seqno} waited ${gapMs} ms, ${longestMs} at most`;
    });
    if (isOnTime && last.retryAfterMs === null) {
      this.#jitter.sum += gapMs / longestMs;
      this.#jitter.count++;
    }
    note.retries++;
  }

  #expectBeat(): void {
    if (!this.config.heartbeatUrl || this.#failing.size > 0 || this.#beat.isUnderWay) return;
    const interval = Math.floor(this.time.nowMs / (this.config.taskIntervalSeconds * 1e3));
    if (interval !== this.#beat.interval) this.#beat.isDue = true;
  }

  #expectTable(): void {
    if (!this.isTabled || this.lines.some(({ name }) => name === "table")) return;
    if (this.time.nowMs >= this.stoppedMs) return;
    const intervalMs = this.config.tableIntervalSeconds * 1e3;
    this.lines.push({ name: "table", startMs: this.time.nowMs, intervalMs, next: 0 });
  }

  #makeRoom(): void {
    let surplus = this.tracked - this.config.maxTrackedTasks;
    for (const shelf of [this.succeeded, this.failed]) {
      if (surplus <= 0) return;
      const gone = shelf.splice(0, surplus).length;
      this.dismissed += gone;
      surplus -= gone;
    }
  }
}

function dueMs({ startMs, intervalMs, next }: Line): number {
  return startMs + next * intervalMs;
}

function isRetried({ reason, status, end }: SeenAttempt): boolean {
  if (reason === null) return false;
  return RETRIED.has(reason) || (end === "plan" && RETRIED_STATUSES.has(status ?? 0));
}

/** Exponential back-off from 0.25 s to 8 s, with full jitter, but not before what was asked for. */
function longestWaitMs({ retries }: Note, { retryAfterMs }: SeenAttempt): number {
  return Math.max(Math.min(8_000, 250 * 2 ** retries), retryAfterMs ?? 0);
}

/** Durations are rounded to the microsecond, and sums of them more than once. */
function isNear(a: number, b: number): boolean {
  return Math.abs(a - b) < 5e-6 * Math.max(1, Math.abs(a) * 1e-2);
}

/** Keeps a shelf sorted by `seqno`. */
function insert(shelf: SettledRecord[], record: SettledRecord): void {
  let place = shelf.length;
  while (place > 0 && shelf[place - 1].task.seqno > record.task.seqno) place--;
  shelf.splice(place, 0, record);
}
