import type { SettledTask } from "../../../src/core/task.ts";
import type { Invariants } from "../invariants/invariants.ts";
import type { Journal } from "../journal.ts";
import type { Draw } from "../world/draw.ts";
import type { Settings } from "../world/settings.ts";
import type { Requests } from "./requests.ts";

export type Json = { [name: string]: unknown };

type Query = {
  state: string | null;
  datasetId: string | null;
  before: number | null;
  limit: number;
};

const DEFAULT_LIMIT = 100;

/** Reads `/tasks` with random filters, and checks the list and each task. */
export class TaskLists {
  constructor(
    private readonly draw: Draw,
    private readonly journal: Journal,
    private readonly settings: Settings,
    private readonly appId: string,
    private readonly invariants: Invariants,
  ) {}

  read(requests: Requests, isAmidst: boolean): void {
    const query = this.#drawQuery();
    let expected = null as { seqnos: number[]; next: number | null } | null;
    const onBegin = () => {
      if (!isAmidst) expected = this.#expect(query);
    };
    const path = `/tasks?${parametersOf(query)}`;
    requests.send(path, {}, (status, text) => {
      if (status !== 200) return this.journal.broken("task lists can be read", text);
      const list = JSON.parse(text) as { tasks: Json[]; next: number | null; tracked: Json };
      if (expected) {
        const shown = list.tasks.map(({ seqno }) => seqno).join();
        const { pending, succeeded, failed } = this.invariants.ledger;
        const isRight = shown === expected.seqnos.join() && list.next === expected.next &&
          list.tracked.PENDING === pending.size &&
          list.tracked.SUCCEEDED === succeeded.length && list.tracked.FAILED === failed.length;
        const { seqnos, next } = expected;
        this.journal.check(
          isRight,
          "a task list is right, newest first",
          () => `${path}: ${shown}, next ${list.next}, for ${seqnos.join()}, ${next}`,
        );
      }
      // A task that is pending amidst a step may be settled when the list is read.
      const tasks = list.tasks.filter(({ state }) => !isAmidst || state !== "PENDING");
      for (const task of tasks) this.#checkShown(task);
    }, { onBegin });
  }

  #drawQuery(): Query {
    const { draw } = this;
    const state = draw.pick([null, null, "PENDING", "succeeded", "Failed"]);
    const datasetIds = this.settings.env.DATASET_ID?.split(",") ?? [];
    const datasetId = draw.chance(0.3) ? draw.pick(datasetIds) : null;
    const before = draw.chance(0.3) ? draw.whole(0, this.invariants.ledger.created + 1) : null;
    const limit = draw.chance(0.7) ? draw.whole(1, 300) : DEFAULT_LIMIT;
    return { state, datasetId, before, limit };
  }

  #expect({ state, datasetId, before, limit }: Query): { seqnos: number[]; next: number | null } {
    const { pending, succeeded, failed } = this.invariants.ledger;
    const tasks = [...pending.values(), ...succeeded, ...failed]
      .map(({ task }) => task)
      .filter((task) => state === null || task.state === state.toUpperCase())
      .filter(({ seqno }) => before === null || seqno < before)
      .sort((a, b) => b.seqno - a.seqno);
    const seqnos = tasks.filter((task) => datasetId === null || task.datasetId === datasetId)
      .map(({ seqno }) => seqno)
      .slice(0, limit);
    const last = seqnos.at(-1) ?? 0;
    // A full result page names the next one, whether or not any task there matches.
    const isMore = seqnos.length === limit && (tasks.at(-1)?.seqno ?? 0) < last;
    return { seqnos, next: isMore ? last : null };
  }

  #checkShown(shown: Json): void {
    const { journal, invariants: { ledger } } = this;
    const text = JSON.stringify(shown);
    const seqno = Number(shown.seqno);
    if (shown.state === "PENDING") {
      return journal.check(
        ledger.pending.has(seqno),
        "tasks are shown as they are",
        () => `${text} is not pending`,
      );
    }
    const record = ledger.settledRecord(String(shown.state), seqno);
    if (!record) return journal.broken("tasks are shown as they are", text);
    if (record.shown === null) this.#checkFirstShown(shown, record.task);
    record.shown ??= text;
    journal.check(
      record.shown === text,
      "settled tasks do not change",
      () => `${record.shown} became ${text}`,
    );
  }

  #checkFirstShown(shown: Json, task: SettledTask): void {
    const isRight = shown.dataset_id === task.datasetId && shown.trace_id === task.traceId &&
      shown.duration_seconds === task.durationSeconds && shown.app_id === this.appId &&
      shown.created === new Date(task.createdMs).toISOString() &&
      shown.reason === (task.state === "FAILED" ? task.reason : null) &&
      shown.message === (task.state === "FAILED" ? task.message : null) &&
      Array.isArray(shown.attempts) && shown.attempts.length === task.attempts.length;
    this.journal.check(
      isRight,
      "tasks are shown as they are",
      () => `${JSON.stringify(shown)} is ${JSON.stringify(task)}`,
    );
  }
}

function parametersOf({ state, datasetId, before, limit }: Query): URLSearchParams {
  const parameters = new URLSearchParams();
  if (state !== null) parameters.set("state", state);
  if (datasetId !== null) parameters.set("dataset_id", datasetId);
  if (before !== null) parameters.set("before", String(before));
  if (limit !== DEFAULT_LIMIT) parameters.set("limit", String(limit));
  return parameters;
}
