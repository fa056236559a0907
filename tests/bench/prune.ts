import { Backlog } from "../../src/probing/backlog.ts";
import { compared, type Figure, type Line } from "./figure.ts";
import { fill } from "./tasks.ts";
import { inTurn } from "./turns.ts";

const PRUNED = 1_000;
const FEW = 10_000;
const MANY = 1_000_000;
const TURNS = { warmUps: 100, repeats: 5, times: 100 };

/** The time that removing a thousand tasks takes, in a small backlog and in a large one, in turn. */
export const prune: Line = {
  name: "prune",
  help: "time of pruning 1,000 of 1,000,000 tasks, beside 1,000 of 10,000",
  async measure(run) {
    run.say("filling the backlogs");
    const few = new Pruned(FEW);
    const many = new Pruned(MANY);
    run.say("pruning");
    const [ofMany, ofFew] = await inTurn([() => many.pruneMs(), () => few.pruneMs()], TURNS);
    const peer: Figure = { what: "1,000 of 10,000", unit: "ms", values: ofFew };
    const figure: Figure = { what: "1,000 of 1,000,000", unit: "ms", values: ofMany };
    return [peer, compared(figure, peer, { atMost: 1.1 })];
  },
};

/** A backlog that is pruned again and again, and filled up in between. */
class Pruned {
  readonly #backlog = new Backlog(Infinity, () => {});
  #oldestMs = 0;

  constructor(private readonly size: number) {
    fill(this.#backlog, { first: 0, count: size, failEvery: 50 });
  }

  pruneMs(): number {
    this.#oldestMs += PRUNED;
    const startMs = performance.now();
    const dismissed = this.#backlog.prune(this.#oldestMs);
    const timeMs = performance.now() - startMs;
    if (dismissed !== PRUNED) throw new Error(`${dismissed} tasks were dismissed`);
    const first = this.#oldestMs + this.size - PRUNED;
    fill(this.#backlog, { first, count: PRUNED, failEvery: 50 });
    return timeMs;
  }
}
