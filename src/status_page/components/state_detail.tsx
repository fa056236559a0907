import type { DatasetHealth } from "../../probing/health.ts";
import { countText, spanText, windowText } from "../words.ts";
import { Time, Zone } from "./parts.tsx";

/**
 * What the word of a state leaves out: since when it holds; of `unsteady` and `slow` how many tasks,
 * since those two are about a window and not about a beginning.
 */
export function StateDetail(
  {
    dataset: { state, sinceMs, recent, recentCoveredSeconds },
    nowMs,
    zone = false,
    isShort = false,
  }: {
    dataset: DatasetHealth;
    nowMs: number;
    zone?: boolean;
    /** For a row of many. */
    isShort?: boolean;
  },
) {
  const { settled, failed, slow } = recent;
  const counted = state === "slow" ? `${countText(slow)} slow` : `${countText(failed)} failed`;
  if (state === "starting") return null;
  if (state === "unsteady" || state === "slow") {
    const of = `${counted} of ${countText(settled)}`;
    const tasks = settled === 1 ? "task" : "tasks";
    return <>{of} {isShort ? "in" : `${tasks} in the last`} {windowText(recentCoveredSeconds)}</>;
  }
  return <Since ms={sinceMs} nowMs={nowMs} zone={zone} />;
}

export function Since({ ms, nowMs, zone }: { ms: number; nowMs: number; zone: boolean }) {
  return (
    <>
      {"since "}
      <Time ms={ms} nowMs={nowMs} /> {zone && <Zone />} ({spanText(nowMs - ms)})
    </>
  );
}
