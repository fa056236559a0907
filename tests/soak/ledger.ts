import type { Reason } from "../../src/core/reasons.ts";
import { expectedOf, type ResponseName } from "./responses.ts";

/** A settled task as `/events` and `/tasks` show it. */
export type ShownTask = {
  seqno: number;
  state: "SUCCEEDED" | "FAILED";
  reason: Reason | null;
  attempts: { status: number | null; reason: Reason | null }[];
  trace_id: string;
};

const MAX_PROBLEMS = 20;

/** A task fails so before its first attempt, or after one with which its token ended. */
const REASONS_WITHOUT_TOKEN: readonly Reason[] = ["auth", "identity_provider"];

/**
 * Compares what the target did with what the probe shows, attempt by attempt. The target cannot know
 * attempts whose connection was refused.
 */
export class Ledger {
  readonly problems: string[] = [];
  readonly responses = new Map<ResponseName, number>();
  readonly failures = new Map<Reason, number>();
  readonly attempts = { ok: 0, failed: 0, refused: 0 };
  succeeded = 0;
  failed = 0;
  /** Tasks that only the target has seen so far, and tasks that only the probe has shown. */
  #seen = new Map<string, ResponseName[]>();
  #shown = new Map<string, ShownTask>();
  #seqnos = new Set<number>();

  get settled(): number {
    return this.succeeded + this.failed;
  }

  /** How many attempts the target has seen. */
  get seen(): number {
    return this.responses.values().reduce((sum, count) => sum + count, 0);
  }

  /** A line for each task whose attempts the target and the probe have not seen alike. */
  get unmatched(): string[] {
    const traceIds = new Set([...this.#seen.keys(), ...this.#shown.keys()]);
    return [...traceIds].map((traceId) => {
      const seen = this.#seen.get(traceId)?.join(", ") ?? "no request";
      return `trace ${traceId} got ${seen} and shows ${JSON.stringify(this.#shown.get(traceId))}`;
    });
  }

  /** The target has seen an attempt of this trace. */
  noteAttempt(traceId: string, response: ResponseName): void {
    this.responses.set(response, (this.responses.get(response) ?? 0) + 1);
    this.#seen.set(traceId, [...this.#seen.get(traceId) ?? [], response]);
    this.#compare(traceId);
  }

  /** The probe has shown a settled task. */
  noteTask(task: ShownTask): void {
    this.#seqnos.add(task.seqno);
    if (task.state === "SUCCEEDED") this.succeeded++;
    else this.#noteFailure(task);
    for (const { reason } of task.attempts) {
      this.attempts[reason === null ? "ok" : "failed"]++;
      if (reason === "connect") this.attempts.refused++;
    }
    const last = task.attempts.at(-1);
    const isWithoutToken = task.reason !== null && REASONS_WITHOUT_TOKEN.includes(task.reason);
    if (!isWithoutToken && (!last || last.reason !== task.reason)) {
      this.note(
        `task ${task.seqno} has another reason than its last attempt: ${JSON.stringify(task)}`,
      );
    }
    this.#shown.set(task.trace_id, task);
    this.#compare(task.trace_id);
  }

  /** Whether a task of this number was shown. */
  knows(seqno: number): boolean {
    return this.#seqnos.has(seqno);
  }

  /** Notes a problem. */
  note(problem: string): void {
    if (this.problems.length < MAX_PROBLEMS) this.problems.push(problem);
  }

  #noteFailure({ seqno, reason }: ShownTask): void {
    this.failed++;
    if (reason === null) return this.note(`task ${seqno} failed for no reason`);
    this.failures.set(reason, (this.failures.get(reason) ?? 0) + 1);
  }

  #compare(traceId: string): void {
    const task = this.#shown.get(traceId);
    if (!task) return;
    const seen = this.#seen.get(traceId) ?? [];
    const shown = task.attempts.filter(({ reason }) => reason !== "connect")
      .map(({ status, reason }) => ({ status, reason }));
    // The report of the target may come after that of the probe.
    if (seen.length < shown.length) return;
    this.#seen.delete(traceId);
    this.#shown.delete(traceId);
    if (JSON.stringify(shown) === JSON.stringify(seen.map(expectedOf))) return;
    this.note(`task ${task.seqno} got ${seen.join(", ")} and shows ${JSON.stringify(shown)}`);
  }
}
