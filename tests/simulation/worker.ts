/** Runs one seed after another, in a thread of its own. */
import { type Outcome, type Progress, simulate, type SimulationOptions } from "./simulation.ts";

export type Order = { seed: number; options: Omit<SimulationOptions, "tamper" | "onProgress"> };
export type Report = { outcome: Outcome } | { progress: Progress };

const thread = self as unknown as Pick<Worker, "postMessage" | "onmessage">;

thread.onmessage = async ({ data: { seed, options } }: MessageEvent<Order>) => {
  const onProgress = (progress: Progress) => thread.postMessage({ progress } satisfies Report);
  const outcome = await simulate(seed, { ...options, onProgress });
  thread.postMessage({ outcome } satisfies Report);
};
