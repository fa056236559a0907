import { REASON_DEFINITIONS } from "../../core/reasons.ts";
import { href } from "../links.ts";
import type { StatusView } from "../view.ts";
import { countText } from "../words.ts";

/** Why tracked tasks have failed, each reason with a link to its tasks. */
export function Failures({ view: { failures, query } }: { view: StatusView }) {
  if (failures.length === 0) return null;
  return (
    <ul class="failures" aria-label="Tracked failures by reason">
      {failures.map(([reason, count]) => (
        <li>
          <a
            href={`${
              href(query, { state: "FAILED", reason, before: undefined, after: undefined })
            }#tasks`}
            title={REASON_DEFINITIONS[reason].meaning}
          >
            {reason}
          </a>{" "}
          <b>{countText(count)}</b>
        </li>
      ))}
    </ul>
  );
}
