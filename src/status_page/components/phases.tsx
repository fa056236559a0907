import { type Phase, PHASES, type Phases } from "../../core/task.ts";
import { durationText } from "../words.ts";
import { percent } from "./parts.tsx";

/** A smaller share is too narrow to be seen. */
const MIN_SHARE_PERCENT = 0.5;

/** The phases that were reached with their durations, as a bar and as text. */
export function PhaseList({ phases }: { phases: Phases }) {
  const reached = PHASES.filter((phase) => phases[phase] !== undefined);
  if (reached.length === 0) return <p>No phase was reached.</p>;
  return (
    <div class="phases">
      <Bar phases={phases} />
      <dl>
        {reached.map((phase) => (
          <div>
            <dt>
              <Key phase={phase} />
            </dt>
            <dd>{durationText(phases[phase] ?? 0)}</dd>
          </div>
        ))}
      </dl>
    </div>
  );
}

/** The colour of a phase in the bars, and its name. */
export function Key({ phase }: { phase: Phase }) {
  return (
    <>
      <svg class="key" aria-hidden="true">
        <rect class={phase} />
      </svg>
      {phase}
    </>
  );
}

/**
 * A bar that shows each phase's share of the duration. Each phase is drawn from the left edge to its
 * end, the last one first, so that the earlier ones cover its start.
 */
export function Bar({ phases }: { phases: Phases }) {
  const total = Object.values(phases).reduce((sum, seconds) => sum + seconds, 0);
  let end = 0;
  const ends = PHASES.flatMap((phase) => {
    const share = 100 * (phases[phase] ?? 0) / total;
    end += share || 0;
    return share >= MIN_SHARE_PERCENT ? [{ phase, end }] : [];
  });
  return (
    <svg class="bar">
      {ends.reverse().map(({ phase, end }) => <rect class={phase} width={percent(end)} />)}
    </svg>
  );
}
