import { raw } from "hono/html";
import { encodePoints } from "../chart_points.ts";
import type { StatusView } from "../view.ts";
import { countText, durationText } from "../words.ts";
import { Scope } from "./parts.tsx";

/** How long the newest tasks took: a chart, which the script draws, and a summary for everybody. */
export function Durations({ view }: { view: StatusView }) {
  const { durations } = view;
  return (
    <section class="durations" aria-labelledby="durations">
      <h2 id="durations">
        Durations <Scope view={view} />
      </h2>
      <p>
        <Summary durations={durations} />
      </p>
      <div id="chart" aria-hidden="true"></div>
      <script type="application/json" id="points">{raw(encodePoints(durations))}</script>
    </section>
  );
}

function Summary({ durations }: Pick<StatusView, "durations">) {
  const sorted = durations.map(({ seconds }) => seconds).sort((a, b) => a - b);
  const median = sorted[Math.floor((sorted.length - 1) / 2)];
  const longest = sorted.at(-1);
  if (median === undefined || longest === undefined) return <>No task has been settled yet.</>;
  if (sorted.length === 1) return <>The first task took {durationText(longest)}.</>;
  const failed = durations.filter(({ reason }) => reason !== null).length;
  return (
    <>
      Of the newest {countText(sorted.length)} tasks <span class="failed">{failed} failed</span>
      {"; "}
      median {durationText(median)}, longest {durationText(longest)}.
    </>
  );
}
