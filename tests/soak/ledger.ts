import type { Reason } from "../../src/core/reasons.ts";
import { type AnswerName, expectedOf } from "./answers.ts";

/** A settled task as `/events` and `/tasks` show it. */
export type ToldTask = {
  seqno: number;
  state: "SUCCEEDED" | "FAILED";
  reason: Reason | null;
  attempts: { status: number | null; reason: Reason | null }[];
  trace_id: string;
};

const MAX_PROBLEMS = 20;

/**
 * Books of what the target did and what the probe told of its tasks, compared attempt by attempt.
 * Connections that were refused are the only attempts that the target cannot know.
 */
export class Ledger {
  readonly problems: string[] = [];
  readonly answers = new Map<AnswerName, number>();
  readonly failures = new Map<Reason, number>();
  readonly attempts = { ok: 0, failed: 0, refused: 0 };
  succeeded = 0;
  failed = 0;
  /** What the target has seen of tasks that the probe has not told of yet, and the reverse. */
  #seen = new Map<string, AnswerName[]>();
  #told = new Map<string, ToldTask>();
  #seqnos = new Set<number>();

  get settled(): number {
    return this.succeeded + this.failed;
  }

  /** How many attempts the target has seen. */
  get seen(): number {
    return this.answers.values().reduce((sum, count) => sum + count, 0);
  }

  /** Attempts of tasks that are not settled, and tasks whose attempts nobody has seen. */
  get open(): { seen: number; told: number } {
    return { seen: this.#seen.size, told: this.#told.size };
  }

  /** The target has seen an attempt of this trace. */
  noteAttempt(traceId: string, answer: AnswerName): void {
    this.answers.set(answer, (this.answers.get(answer) ?? 0) + 1);
    this.#seen.set(traceId, [...this.#seen.get(traceId) ?? [], answer]);
    this.#compare(traceId);
  }

  /** The probe has told of a settled task. */
  noteTask(task: ToldTask): void {
    this.#seqnos.add(task.seqno);
    if (task.state === "SUCCEEDED") this.succeeded++;
    else this.#noteFailure(task);
    for (const { reason } of task.attempts) {
      this.attempts[reason === null ? "ok" : "failed"]++;
      if (reason === "connect") this.attempts.refused++;
    }
    const last = task.attempts.at(-1);
    if (task.reason !== "auth" && (!last || last.reason !== task.reason)) {
      this.refuse(`task ${task.seqno} is not what its last attempt was: ${JSON.stringify(task)}`);
    }
    this.#told.set(task.trace_id, task);
    this.#compare(task.trace_id);
  }

  /** Whether a task of this number has been told of. */
  knows(seqno: number): boolean {
    return this.#seqnos.has(seqno);
  }

  /** Notes that something is wrong. */
  refuse(problem: string): void {
    if (this.problems.length < MAX_PROBLEMS) this.problems.push(problem);
  }

  #noteFailure({ seqno, reason }: ToldTask): void {
    this.failed++;
    if (reason === null) return this.refuse(`task ${seqno} failed for no reason`);
    this.failures.set(reason, (this.failures.get(reason) ?? 0) + 1);
  }

  #compare(traceId: string): void {
    const task = this.#told.get(traceId);
    if (!task) return;
    const seen = this.#seen.get(traceId) ?? [];
    const told = task.attempts.filter(({ reason }) => reason !== "connect")
      .map(({ status, reason }) => ({ status, reason }));
    // What the target says may come after what the probe says.
    if (seen.length < told.length) return;
    this.#seen.delete(traceId);
    this.#told.delete(traceId);
    if (JSON.stringify(told) === JSON.stringify(seen.map(expectedOf))) return;
    this.refuse(`task ${task.seqno} met ${seen.join(", ")} and tells ${JSON.stringify(told)}`);
  }
}
