import { type Start, startLoop } from "../support/program.ts";
import type { Probing } from "./endure.ts";
import { FaultyTarget } from "./faulty_target.ts";
import { isAlive } from "./vitals.ts";

/** As many datasets as loops: a second's tasks are spread evenly, and no loop is in a hurry. */
export const DATASETS = 30;
const INTERVAL_SECONDS = 0.5;

/** Slots a second of all datasets together. */
export const RATE = DATASETS / INTERVAL_SECONDS;

export const SETTINGS = {
  DATASET_ID: Array.from({ length: DATASETS }, (_, i) => `set-${i}`).join(","),
  TASK_INTERVAL_SECONDS: String(INTERVAL_SECONDS),
  REQUEST_TIMEOUT_SECONDS: "0.6",
  RETRIES: "0",
};

/** Whether this is a pipeline, where every tool must be there. */
export const IS_CI = Deno.env.get("CI") === "true";

/** A running program, the target that it probes, and all else that must be stopped after it. */
export type Rig = Probing & { target: FaultyTarget; parts: AsyncDisposableStack };

/** One rig for many tests: started by the first one, and again when its program has ended. */
export class SharedRig<R extends Rig> {
  #rig: R | null = null;

  constructor(private readonly start: () => Promise<R>) {
    Deno.test.afterAll(() => this.#end());
  }

  async get(): Promise<R> {
    if (this.#rig && !isAlive(this.#rig.program.pid)) await this.#end();
    return this.#rig ??= await this.start();
  }

  async #end(): Promise<void> {
    const rig = this.#rig;
    this.#rig = null;
    await rig?.parts.disposeAsync();
  }
}

/** A program without credentials, whose target is on this machine. */
export async function startRig(start: Start = {}): Promise<Rig> {
  // Disposed when the rig cannot be started.
  await using parts = new AsyncDisposableStack();
  const target = parts.use(new FaultyTarget());
  const program = parts.use(
    await startLoop({
      ...start,
      env: { ...SETTINGS, OKDATA_API_URL: target.url, ...start.env },
    }),
  );
  const { requests } = target;
  return { program, url: program.url, rate: RATE, requests, target, parts: parts.move() };
}
