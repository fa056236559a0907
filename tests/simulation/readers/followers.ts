import type { SettledTask } from "../../../src/core/task.ts";
import type { Invariants } from "../invariants/invariants.ts";
import type { Journal } from "../journal.ts";
import type { Draw } from "../world/draw.ts";
import type { SimulatedTime } from "../world/time.ts";
import type { Requests } from "./requests.ts";
import type { Json } from "./task_lists.ts";

const MAX_FOLLOWERS = 20;

/** How long the program gathers events before it sends them. */
const GATHER_MS = 250;

/** A stream without events gets a comment at least this often. */
const KEEP_ALIVE_MS = 10_000;

/** A stream with more unread events than this may be closed. */
const MAX_UNREAD = 100;

/** One reader of `/events`. */
type Follower = {
  /** When it stopped reading; null while it reads. */
  pausedMs: number | null;
  /** Events that must still come, oldest first. */
  due: { seqno: number; settledMs: number }[];
  /** Whether it has got an event of a task that was settled since it came. */
  hasNewEvents: boolean;
  /** When something last came, if only a comment. */
  receivedMs: number;
  /** The start of an event whose end has not come. */
  unfinished: string;
  hasEnded: boolean;
  resume: () => void;
  leave: () => void;
};

/** Readers of `/events` that come, pause and leave, and check every event. */
export class Followers {
  #followers = new Set<Follower>();

  constructor(
    private readonly time: SimulatedTime,
    private readonly draw: Draw,
    private readonly journal: Journal,
    private readonly invariants: Invariants,
    private readonly requests: Requests,
  ) {}

  /** How many streams have not ended, without those that are not read. */
  get following(): number {
    return [...this.#followers].filter(({ hasEnded, pausedMs }) => !hasEnded && pausedMs === null)
      .length;
  }

  taskSettled({ seqno }: SettledTask): void {
    for (const { due, hasEnded } of this.#followers) {
      if (!hasEnded) due.push({ seqno, settledMs: this.time.nowMs });
    }
  }

  /** One more follower comes. */
  follow(): void {
    const { time, journal } = this;
    if (this.#followers.size >= MAX_FOLLOWERS) return;
    this.requests.send("/events", { accept: "text/event-stream" }, (status, text, response) => {
      // The response may come only after the stop.
      if (status === 503 && time.nowMs >= this.invariants.stoppedMs) return;
      const reader = status === 200 ? response.body?.getReader() : undefined;
      if (!reader) return journal.broken("events can be followed", `${status} ${text}`);
      const follower = this.#read(reader);
      this.#followers.add(follower);
      follower.resume();
      this.#wander(follower);
    }, { isStream: true });
  }

  /** What must hold after every step in which all due timers have run. */
  checkCaughtUp(): void {
    const { journal, time } = this;
    for (const follower of this.#followers) {
      const { due: [first], pausedMs, hasEnded, receivedMs } = follower;
      if (hasEnded) this.#followers.delete(follower);
      if (hasEnded || pausedMs !== null) continue;
      const lateMs = first ? time.nowMs - first.settledMs - GATHER_MS : 0;
      journal.check(
        lateMs <= time.toleranceMs,
        "events come within a quarter of a second",
        () => `task ${first?.seqno} is ${lateMs} ms late`,
      );
      journal.check(
        time.nowMs - receivedMs <= KEEP_ALIVE_MS + time.toleranceMs,
        "a silent stream is kept alive",
        () => `nothing for ${time.nowMs - receivedMs} ms`,
      );
    }
  }

  #read(reader: ReadableStreamDefaultReader<Uint8Array>): Follower {
    const { time, journal } = this;
    const decoder = new TextDecoder();
    let isReading = false;
    const read = async () => {
      isReading = true;
      while (follower.pausedMs === null) {
        const { done, value } = await reader.read();
        if (follower.hasEnded) return;
        if (done) return this.#ended(follower);
        follower.receivedMs = time.nowMs;
        this.#received(follower, decoder.decode(value, { stream: true }));
      }
      isReading = false;
    };
    const follower: Follower = {
      pausedMs: null,
      due: [],
      hasNewEvents: false,
      receivedMs: time.nowMs,
      unfinished: "",
      hasEnded: false,
      resume() {
        follower.pausedMs = null;
        follower.receivedMs = time.nowMs;
        if (isReading) return;
        void read().catch((error) => journal.broken("events can be followed", String(error)));
      },
      leave() {
        follower.hasEnded = true;
        journal.line("a follower leaves");
        void reader.cancel();
      },
    };
    return follower;
  }

  /** Now and then a follower pauses, resumes or leaves. */
  #wander(follower: Follower): void {
    const { time, draw } = this;
    time.input(draw.logBetween(5_000, 900_000), () => {
      if (follower.hasEnded || !this.requests.isOpen) return;
      if (draw.chance(0.3)) return follower.leave();
      if (follower.pausedMs !== null) follower.resume();
      else if (draw.chance(0.5)) follower.pausedMs = time.nowMs;
      this.#wander(follower);
    });
  }

  #received(follower: Follower, text: string): void {
    const { journal } = this;
    journal.text(text);
    journal.checkNoSecret("an event", text);
    const parts = (follower.unfinished + text).split("\n\n");
    follower.unfinished = parts.pop() ?? "";
    for (const part of parts) {
      const [, name, data = ""] = part.match(/^event: (\w+)\ndata: (.*)$/m) ?? [];
      if (name === "settled") this.#receivedTask(follower, JSON.parse(data));
    }
  }

  #receivedTask(follower: Follower, shown: Json): void {
    const { journal } = this;
    const seqno = Number(shown.seqno);
    const [first] = follower.due;
    // First come the events that were gathered before the follower came.
    const isOlder = !follower.due.some((each) => each.seqno === seqno);
    if (isOlder && !follower.hasNewEvents) return;
    follower.hasNewEvents = true;
    journal.check(
      first?.seqno === seqno,
      "every settled task is sent as an event, once and in order",
      () => `${seqno} where ${first?.seqno} is due`,
    );
    follower.due.shift();
    const task = this.invariants.ledger.settledRecord(String(shown.state), seqno)?.task;
    if (!task) return;
    const isRight = shown.duration_seconds === task.durationSeconds &&
      shown.trace_id === task.traceId;
    journal.check(
      isRight,
      "events show what happened",
      () => `${JSON.stringify(shown)} of ${JSON.stringify(task)}`,
    );
  }

  #ended(follower: Follower): void {
    const { journal, time, invariants } = this;
    follower.hasEnded = true;
    journal.line("a stream ends");
    const count = follower.due.length;
    const isBehind = count > MAX_UNREAD;
    journal.check(
      time.nowMs >= invariants.stoppedMs || isBehind,
      "streams end only at the stop, or when they are not read",
      () => `one has ended with ${count} events to come`,
    );
    journal.check(
      count === 0 || isBehind,
      "a stream ends only after its last event",
      () => `${count} events are missing`,
    );
  }
}
