import { assertEquals, assertThrows } from "@std/assert";
import { observeWithAll, type TaskObserver } from "../../src/core/task_observer.ts";
import { failed, pending, succeeded } from "../support/tasks.ts";

/** An observer of all events that writes them down under its name. */
function writingDown(name: string, events: unknown[][]): TaskObserver {
  return {
    created: (...args) => events.push([name, "created", ...args]),
    settled: (...args) => events.push([name, "settled", ...args]),
    skipped: (...args) => events.push([name, "skipped", ...args]),
    dismissed: (...args) => events.push([name, "dismissed", ...args]),
  };
}

Deno.test("observeWithAll passes each event to all observers in their order", () => {
  const events: unknown[][] = [];
  const all = observeWithAll([writingDown("first", events), writingDown("second", events)]);
  const task = failed(pending(), "dns");
  const error = new Error("no such host");
  const slots = { datasetId: "abc123", cause: "late" as const, count: 3 };

  all.created(pending());
  all.settled(task, error);
  all.skipped(slots);
  all.dismissed(7);

  assertEquals(events, [
    ["first", "created", pending()],
    ["second", "created", pending()],
    ["first", "settled", task, error],
    ["second", "settled", task, error],
    ["first", "skipped", slots],
    ["second", "skipped", slots],
    ["first", "dismissed", 7],
    ["second", "dismissed", 7],
  ]);
});

Deno.test("observeWithAll leaves out the methods that an observer does not have", () => {
  const dismissed: number[] = [];
  const all = observeWithAll([{}, { dismissed: (count) => dismissed.push(count) }, {}]);
  all.created(pending());
  all.settled(succeeded(pending()), undefined);
  all.skipped({ datasetId: "abc123", cause: "in_flight", count: 1 });
  all.dismissed(2);
  assertEquals(dismissed, [2]);
});

Deno.test("observeWithAll calls methods on their observer", () => {
  class Counting implements TaskObserver {
    #count = 0;
    created(): void {
      this.#count++;
    }
    get count(): number {
      return this.#count;
    }
  }
  const counting = new Counting();
  observeWithAll([counting]).created(pending());
  assertEquals(counting.count, 1);
});

Deno.test("observeWithAll passes on what an observer throws: an invariant is broken", () => {
  const broken = () => {
    throw new Error("broken on purpose");
  };
  const all = observeWithAll([{ created: broken }]);
  assertThrows(() => all.created(pending()), Error, "broken on purpose");
});
