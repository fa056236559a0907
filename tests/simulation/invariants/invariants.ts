import type { Config } from "../../../src/config/config.ts";
import type { Reason } from "../../../src/core/reasons.ts";
import type { SettledTask, Task } from "../../../src/core/task.ts";
import type { SkipCause, SkippedSlots } from "../../../src/core/task_observer.ts";
import type { Internals } from "../../../src/commands/serve.ts";
import type { Journal } from "../journal.ts";
import type { SimulatedTime } from "../world/time.ts";
import { AttemptInvariants, newAttempt, type SeenAttempt } from "./attempts.ts";
import { ExpectedMetrics } from "./expected_metrics.ts";
import { HeartbeatInvariants } from "./heartbeats.ts";
import { Ledger, type PendingRecord } from "./ledger.ts";
import { OutcomeInvariants } from "./outcomes.ts";
import { PortInvariants } from "./port.ts";
import { SkipLineInvariants } from "./skip_lines.ts";
import { SlotInvariants } from "./slots.ts";
import { TokenInvariants } from "./tokens.ts";
import { VerdictInvariants } from "./verdicts.ts";

/** How long tasks in flight may go on after the signal to stop. */
const GRACE_MS = 8_000;

type Properties = { [name: string]: unknown };

/**
 * What the contract requires of the probe at every moment, derived only from what the simulated world
 * sees: requests, log lines, tables, time. The world calls a method for each event in the instant in
 * which it happens, and `checkStep` after each step; violations go to the journal.
 */
export class Invariants {
  readonly ledger: Ledger;
  readonly tokens: TokenInvariants;
  readonly heartbeats: HeartbeatInvariants;
  readonly port: PortInvariants;
  readonly verdicts: VerdictInvariants;
  readonly metrics: ExpectedMetrics;
  /** When the probe got the signal to stop. */
  stoppedMs = Infinity;
  readonly #attempts: AttemptInvariants;
  readonly #outcomes: OutcomeInvariants;
  readonly #slots: SlotInvariants;
  readonly #skipLines: SkipLineInvariants;
  #internals: Internals | null = null;
  #tableMs = -Infinity;
  #onSettled: (task: SettledTask) => void = () => {};

  constructor(
    private readonly config: Config,
    private readonly time: SimulatedTime,
    private readonly journal: Journal,
    private readonly hasTables: boolean,
  ) {
    this.ledger = new Ledger(config.maxTrackedTasks);
    this.tokens = new TokenInvariants(time, journal, config.retries);
    this.heartbeats = new HeartbeatInvariants(config, time, journal, this.ledger);
    this.port = new PortInvariants(time, journal);
    this.metrics = new ExpectedMetrics(config, time, this);
    this.#attempts = new AttemptInvariants(config, time, journal, this.tokens);
    this.#outcomes = new OutcomeInvariants(config, time, journal, this.tokens);
    this.verdicts = new VerdictInvariants(config, time, journal);
    this.#skipLines = new SkipLineInvariants(time, journal);
    this.#slots = new SlotInvariants(config, time, journal, (loop, lagMs) => {
      this.metrics.slotRan(loop, lagMs);
    });
  }

  /** Whether the probe has stopped and ends what is still under way. */
  get isOver(): boolean {
    return this.time.nowMs >= this.stoppedMs && this.#hasWaitedForTasks();
  }

  onInternals(internals: Internals): void {
    this.#internals = internals;
  }

  onSettled(observe: (task: SettledTask) => void): void {
    this.#onSettled = observe;
  }

  /** A task was created under this trace id. */
  taskCreated(traceId: string): void {
    const { journal, time, ledger } = this;
    const [task] = this.#internals?.backlog.page({ state: "PENDING", limit: 1 }).tasks ?? [];
    if (task?.state !== "PENDING" || task.traceId !== traceId) {
      return journal.broken("a created task is pending", `${traceId} is not`);
    }
    ledger.created++;
    journal.line(`task ${task.seqno} of ${task.datasetId}`);
    journal.check(
      task.seqno === ledger.created,
      "tasks are numbered from 1",
      () => `task ${ledger.created} has number ${task.seqno}`,
    );
    journal.check(
      task.createdMonotonicMs === time.nowMs && task.createdMs === time.now(),
      "a task has the time of its creation",
      () => `${task.createdMonotonicMs} at ${time.nowMs}`,
    );
    journal.check(
      time.nowMs <= this.stoppedMs,
      "no task is created after the stop",
      () => `task ${task.seqno}`,
    );
    const deadlineMs = time.nowMs + this.config.taskTimeoutSeconds * 1e3;
    ledger.open({ task, deadlineMs, attempts: [], retries: 0 });
    this.#slotRan(task.datasetId);
    this.metrics.created(task.datasetId);
    ledger.makeRoom();
  }

  /** The probe has written this line to its log. */
  logged(level: string, message: string, properties: Properties): void {
    const { journal, time } = this;
    const [line] = message.split("\n    at ", 1);
    const text = `${level} ${line} ${JSON.stringify(properties)}`;
    journal.line(text);
    journal.checkNoSecret("the log", message);
    journal.checkNoSecret("the log", text);
    const inFlight = this.ledger.pending.size;
    if ("trace_id" in properties) {
      this.#taskSettled(message, properties);
    } else if ("dismissed" in properties) {
      this.#pruned(Number(properties.dismissed));
    } else if ("skipped" in properties) {
      this.#skipLines.logged(
        properties.cause as SkipCause,
        Number(properties.skipped),
        time.nowMs >= this.stoppedMs,
      );
    } else if ("abandoned" in properties) {
      journal.check(
        properties.abandoned === inFlight,
        "abandoned tasks are counted",
        () => text,
      );
    } else if (level === "info" && message.startsWith("stopping ")) {
      journal.check(
        Number(message.match(/\d+/)?.[0]) === inFlight,
        "tasks in flight at the stop are counted",
        () => text,
      );
    } else if (level === "error" && message.includes("connections")) {
      this.port.lossLogged();
    } else if (level === "info" && message.includes("connections")) {
      this.port.returnLogged();
    } else if (level === "error") {
      journal.broken("the probe logs no fault of its own", text);
    }
  }

  /** A table was printed. */
  tablePrinted(text: string): void {
    const { journal, time, ledger } = this;
    journal.text(text);
    journal.check(this.hasTables, "tables are printed only on demand", () => text);
    journal.checkNoSecret("a table", text);
    const counts = `${ledger.tracked} tracked: ${ledger.pending.size} pending, ` +
      `${ledger.succeeded.length} succeeded, ${ledger.failed.length} failed`;
    journal.check(
      text.includes(counts),
      "a table counts the tasks",
      () => `not ${counts}: ${text}`,
    );
    this.#tableMs = time.nowMs;
    if (this.stoppedMs === Infinity) this.#slots.tablePrinted();
  }

  /** An attempt of a task begins; the platform fills in how it ends. */
  attemptStarted(traceId: string, datasetId: string, token: string | null): SeenAttempt {
    const attempt = newAttempt(this.time.nowMs, token);
    const record = this.ledger.pendingOf(traceId);
    if (record) this.#attempts.started(record, attempt, datasetId);
    else this.journal.broken("only pending tasks make attempts", `${traceId} of ${datasetId}`);
    return attempt;
  }

  attemptEnded(traceId: string, attempt: SeenAttempt): void {
    const record = this.ledger.pendingOf(traceId);
    if (record) this.#attempts.ended(record, attempt);
  }

  stopped(): void {
    this.stoppedMs = this.time.nowMs;
  }

  portClosed(): void {
    const { journal, time } = this;
    this.port.closed();
    journal.check(
      !this.hasTables || this.#tableMs === time.nowMs,
      "the last output is a table",
      () => `the last table is ${time.nowMs - this.#tableMs} ms old`,
    );
    this.#attempts.checkJitter();
    journal.check(
      this.#hasWaitedForTasks(),
      "tasks in flight get 8 s to end",
      () =>
        `${this.ledger.pending.size} are pending ${time.nowMs - this.stoppedMs} ms after the stop`,
    );
  }

  /** The loops that the health check must name. */
  stalledLoops(): string[] {
    return this.time.nowMs >= this.stoppedMs ? [] : this.#slots.stalled();
  }

  /** What must hold after every step. */
  checkStep(): void {
    const internals = this.#internals;
    if (!internals) return;
    this.#checkCounts(internals);
    this.#checkBounds(internals);
    this.heartbeats.checkStep();
    this.port.checkStep();
    this.#skipLines.checkStep();
    this.#checkHealth(internals.stalledLoops());
    if (this.time.isCaughtUp) this.#checkCaughtUp();
  }

  /** What must hold when the probe has ended. */
  checkEnd(): void {
    this.checkStep();
    this.#skipLines.checkEnd();
    this.#checkBacklog();
  }

  /** Compares the backlog with the ledger, task by task. */
  #checkBacklog(): void {
    const { journal, ledger } = this;
    const shown: Task[] = [];
    let before: number | null = this.#internals ? Infinity : null;
    while (before !== null) {
      const page: { tasks: readonly Task[]; next: number | null } | undefined = this.#internals
        ?.backlog.page({ before, limit: 1_000 });
      shown.push(...page?.tasks ?? []);
      before = page?.next ?? null;
    }
    const expected = [...ledger.pending.values(), ...ledger.succeeded, ...ledger.failed]
      .map(({ task }): Task => task)
      .sort((a, b) => b.seqno - a.seqno);
    journal.check(
      shown.length === expected.length,
      "the backlog holds the right tasks",
      () => `${shown.length} tasks for ${expected.length}`,
    );
    shown.forEach((task, i) => {
      const [is, was] = [JSON.stringify(task), JSON.stringify(expected[i])];
      journal.check(is === was, "settled tasks do not change", () => `${was} became ${is}`);
    });
  }

  #checkCounts({ ledger: counts, backlog }: Internals): void {
    const { journal, ledger } = this;
    const { created, settled, dismissed, skipped } = ledger;
    const isSame = counts.created === created && counts.dismissed === dismissed &&
      counts.succeeded === settled.SUCCEEDED && counts.failed === settled.FAILED &&
      counts.skipped.late === skipped.late && counts.skipped.in_flight === skipped.in_flight;
    journal.check(
      isSame,
      "the probe's ledger is right",
      () => JSON.stringify({ counts, expected: { created, ...settled, dismissed, skipped } }),
    );
    const { PENDING, SUCCEEDED, FAILED } = backlog.counts;
    const sizes = [ledger.pending.size, ledger.succeeded.length, ledger.failed.length];
    journal.check(
      [PENDING, SUCCEEDED, FAILED].join() === sizes.join(),
      "the backlog holds the right tasks",
      () => `${JSON.stringify(backlog.counts)} for ${sizes.join()}`,
    );
  }

  #checkBounds({ backlog }: Internals): void {
    const { journal, config } = this;
    const { PENDING, SUCCEEDED, FAILED } = backlog.counts;
    journal.check(
      PENDING <= config.maxInFlightTasks,
      "tasks in flight are bounded",
      () => `${PENDING} of ${config.maxInFlightTasks}`,
    );
    journal.check(
      PENDING + SUCCEEDED + FAILED <= Math.max(PENDING, config.maxTrackedTasks),
      "the backlog is bounded",
      () => JSON.stringify(backlog.counts),
    );
    const [oldest] = this.ledger.pending.keys();
    journal.check(
      backlog.oldestPending?.seqno === oldest,
      "the oldest pending task is known",
      () => `${backlog.oldestPending?.seqno} for ${oldest}`,
    );
  }

  /** `stalled` is what the health check names. */
  #checkHealth(stalled: string[]): void {
    if (stalled.length === 0 && this.time.isCaughtUp) return;
    const expected = this.stalledLoops();
    this.journal.check(
      stalled.join() === expected.join(),
      "health is right",
      () =>
        `names ${stalled.join() || "nothing"}, where ${expected.join() || "nothing"} is stalled`,
    );
  }

  /** What must hold when every timer that is due has run. */
  #checkCaughtUp(): void {
    const { journal, time: { nowMs, toleranceMs }, ledger } = this;
    this.#skipLines.checkCaughtUp();
    if (nowMs < this.stoppedMs) this.#slots.checkCaughtUp();
    else if (this.port.closedMs === Infinity) {
      journal.check(
        ledger.pending.size > 0,
        "a probe without tasks in flight stops at once",
        () => "it goes on",
      );
      journal.check(
        nowMs < this.stoppedMs + GRACE_MS + toleranceMs,
        "a probe stops within 8 s",
        () => `it goes on ${nowMs - this.stoppedMs} ms after the stop`,
      );
    }
    if (this.port.closedMs < Infinity) return;
    // All tasks have the same timeout: the oldest one ends first.
    const [oldest] = ledger.pending.values();
    journal.check(
      !oldest || oldest.deadlineMs > nowMs - toleranceMs,
      "no pending task outlives its deadline",
      () => `task ${oldest?.task.seqno} does by ${nowMs - (oldest?.deadlineMs ?? 0)} ms`,
    );
    if (this.config.credentials) this.tokens.checkCaughtUp();
  }

  #hasWaitedForTasks(): boolean {
    const { nowMs, toleranceMs } = this.time;
    return this.ledger.pending.size === 0 || nowMs >= this.stoppedMs + GRACE_MS - toleranceMs;
  }

  #slotRan(datasetId: string): void {
    this.ledger.skipped.late += this.#slots.probed(datasetId);
  }

  /** Slots of the schedule have got no task. */
  skipped({ datasetId, cause, count }: SkippedSlots): void {
    const { ledger, config: { maxInFlightTasks } } = this;
    this.#skipLines.skipped(cause, count);
    // How many were late follows from the slot that runs now.
    if (cause === "late") return;
    this.#slotRan(datasetId);
    ledger.skipped.in_flight += count;
    this.journal.check(
      ledger.pending.size >= maxInFlightTasks,
      "slots are refused only at the bound",
      () => `refused with ${ledger.pending.size} of ${maxInFlightTasks} in flight`,
    );
  }

  #pruned(count: number): void {
    this.#slots.pruned();
    const expected = this.ledger.prune(this.time.nowMs - this.config.dismissTaskSeconds * 1e3);
    this.journal.check(
      expected === count,
      "old tasks are dismissed",
      () => `${count} for ${expected}`,
    );
  }

  #taskSettled(message: string, properties: Properties): void {
    const { journal, time, ledger } = this;
    const seqno = Number(properties.seqno);
    const record = ledger.pending.get(seqno);
    if (!record) return journal.broken("a task settles once", `task ${seqno} was not pending`);
    ledger.close(record);
    const found = this.#internals?.backlog.page({ before: seqno + 1, limit: 1 }).tasks[0];
    const task = found?.seqno === seqno ? found : this.#settledAndDismissed(record, properties);
    this.#outcomes.check(record, task);
    if (task.state === "PENDING") return;
    if (task.state === "FAILED" && task === found) {
      journal.check(
        // The stack of a fault of the probe follows on lines of its own.
        message.split("\n")[0]?.endsWith(`: ${task.reason}: ${task.message}`) ?? false,
        "a task keeps the words of the log",
        () => `${task.message} is logged as ${message}`,
      );
    }
    ledger.settle(task);
    this.metrics.settled(task);
    if (this.#internals) this.verdicts.settled(task, message, this.#internals.health);
    ledger.makeRoom();
    this.#onSettled(task);
    this.heartbeats.settled();
    if (this.hasTables && time.nowMs < this.stoppedMs) this.#slots.startTables();
  }

  /** A task that the backlog dismissed in the instant of its settlement, as it must have been. */
  #settledAndDismissed({ task, attempts }: PendingRecord, properties: Properties): SettledTask {
    this.journal.check(
      this.ledger.tracked >= this.config.maxTrackedTasks,
      "settled tasks are tracked",
      () => `task ${task.seqno} is not`,
    );
    const settled = {
      ...task,
      durationSeconds: Number(properties.duration_seconds),
      attempts: attempts.map(({ status, reason, startMs, endMs }) => {
        return {
          status,
          reason,
          durationSeconds: (endMs - startMs) / 1e3,
          startSeconds: (startMs - task.createdMonotonicMs) / 1e3,
          wait: null,
          phases: {},
        };
      }),
      phases: this.metrics.unknownPhases(),
    };
    return typeof properties.reason === "string"
      ? {
        ...settled,
        state: "FAILED",
        reason: properties.reason as Reason,
        message: "was not read",
        body: null,
      }
      : { ...settled, state: "SUCCEEDED" };
  }
}
