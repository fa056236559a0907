/**
 * Holds the successes of a backlog and says how much memory that takes. Arguments: how
 * many tasks succeed, and how many are tracked at most.
 */
import { Backlog } from "../../../src/probing/backlog.ts";
import { fill } from "../tasks.ts";

const [tasks = NaN, capacity = NaN] = Deno.args.map(Number);
const backlog = new Backlog(capacity, () => {});
fill(backlog, { first: 0, count: tasks });

// Twice, since what the first round frees may hold on to more.
const { gc } = globalThis as unknown as { gc: () => void };
gc();
gc();
const { rss, heapUsed, external } = Deno.memoryUsage();
console.log(JSON.stringify({ residentBytes: rss, keptBytes: heapUsed + external }));
// Keeps the backlog alive up to here.
if (backlog.counts.SUCCEEDED !== Math.min(tasks, capacity)) throw new Error("not all were kept");
