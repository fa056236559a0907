import type { SettledTask } from "../core/task.ts";

export type HeartbeatOptions = {
  /** Sends one beat; resolves when it was received, rejects with the reason otherwise. */
  send: (signal: AbortSignal) => Promise<void>;
  /** Ends a beat that is on its way; nothing is said of that one. */
  signal: AbortSignal;
  monotonic: () => number;
  /** At most one beat in this time. */
  intervalMs: number;
  onResult: (result: "ok" | "failed") => void;
  /** Hears once that beats have begun to fail, and once that they have recovered (null). */
  onChange: (error: unknown) => void;
};

/**
 * Tells somebody outside that all is well: a beat after each settled task, at most one an interval,
 * and only while no dataset's last task failed. Returns what hears of settled tasks; never throws.
 */
export function createHeartbeat(options: HeartbeatOptions): (task: SettledTask) => void {
  const { send, signal, monotonic, intervalMs, onResult, onChange } = options;
  const failing = new Set<string>();
  let sentIn = -Infinity;
  let broken = false;
  let isUnderWay = false;

  async function beat(): Promise<void> {
    isUnderWay = true;
    try {
      await send(signal);
      onResult("ok");
      if (broken) onChange(null);
      broken = false;
    } catch (error) {
      if (signal.aborted) return;
      onResult("failed");
      if (!broken) onChange(error);
      broken = true;
    } finally {
      isUnderWay = false;
    }
  }

  return ({ state, datasetId }) => {
    if (state === "FAILED") failing.add(datasetId);
    else failing.delete(datasetId);
    // Intervals of a grid, since the time between two settlements is now and then a hair shorter.
    const interval = Math.floor(monotonic() / intervalMs);
    if (failing.size > 0 || interval === sentIn || isUnderWay) return;
    sentIn = interval;
    void beat();
  };
}
