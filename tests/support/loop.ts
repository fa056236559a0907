/** What the end-to-end tests of the main loop wait for and read. */
import { assertEquals } from "@std/assert";
import { eventually, type Program, type startLoop } from "./program.ts";
import { scrape } from "./scrape.ts";

/** An interval in which only the first task runs while a test looks. */
export const ONCE = "3600";

/** How long a stop takes at most that waits for nothing, on a machine that is busy. */
export const AT_ONCE_MS = 2_000;

export type ListedTask = Record<string, unknown> & {
  seqno: number;
  state: string;
  dataset_id: string;
};

/** What `/tasks` responds. */
export type ListedTasks = { version: number; tasks: ListedTask[]; next: number | null };

/** Requests `/tasks`, which must succeed. */
export async function getTasks(url: string, query = ""): Promise<ListedTasks> {
  const response = await fetch(`${url}/tasks${query}`);
  assertEquals(response.status, 200, query);
  return await response.json();
}

/** Waits until this many tasks are settled. */
export function untilSettled(url: string, count: number): Promise<boolean> {
  return eventually(`${count} settled tasks`, async () => {
    const { value } = await scrape(url);
    return value("probe_tasks_succeeded_total") + value("probe_tasks_failed_total") >= count;
  });
}

/** Waits until the probe refuses work, which is when it has heard the signal. */
export function untilDraining({ url }: Awaited<ReturnType<typeof startLoop>>): Promise<boolean> {
  return eventually("/readyz says that it drains", async () => {
    const response = await fetch(`${url}/readyz`);
    await response.body?.cancel();
    return response.status === 503;
  });
}

/** The process's exit code and how long it took from now. */
export async function endOf(program: Program): Promise<{ code: number; durationMs: number }> {
  const startMs = performance.now();
  const { code } = await program.ended();
  return { code, durationMs: performance.now() - startMs };
}
