import { REASON_DEFINITIONS } from "../../core/reasons.ts";
import { href } from "../links.ts";
import type { StatusView } from "../view.ts";
import { countText } from "../words.ts";
import { percent, Scope } from "./parts.tsx";

/** How many tracked tasks have failed, and why. */
export function Failures({ view }: { view: StatusView }) {
  const { failures, query } = view;
  const maxCount = Math.max(1, ...failures.map(([, count]) => count));
  return (
    <section aria-labelledby="failures">
      <h2 id="failures">
        Failures by reason <Scope view={view} />
      </h2>
      {failures.length === 0 ? <p>No tracked task has failed.</p> : (
        <ul class="failures">
          {failures.map(([reason, count]) => (
            <li>
              <a
                href={`${href(query, { state: "FAILED", reason, before: undefined })}#tasks`}
                title={REASON_DEFINITIONS[reason].meaning}
              >
                {reason}
              </a>
              <b>{countText(count)}</b>
              <svg class="bar" aria-hidden="true">
                <rect width={percent(count / maxCount * 100)} />
              </svg>
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}
