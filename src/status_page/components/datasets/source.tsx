import type { StatusView } from "../../view.ts";
import { Time, Zone } from "../parts.tsx";

/** From when on strips and incidents are known, and who has told of the time before this process. */
export function Source({ view: { past, knownSinceMs, nowMs, environment } }: { view: StatusView }) {
  const { state, asOfMs, failedSinceMs, problem, location } = past;
  return (
    <p class={state === "failed" ? "source bad" : "source"}>
      {Number.isFinite(knownSinceMs) && (
        <>
          {"knows since "}
          <Time ms={knownSinceMs} nowMs={nowMs} /> <Zone />
          {"; "}
        </>
      )}
      {state === "none" && "PROMETHEUS_URL is not set"}
      {state === "loading" && "asks Prometheus what was before"}
      {state === "known" && (
        <>
          {location === null
            ? `with all probes${environment === null ? "" : ` of ${environment}`}`
            : `with the probes in ${location}`}
          {", from Prometheus"}
          {asOfMs !== null && (
            <>
              {" as of "}
              <Time ms={asOfMs} nowMs={nowMs} />
            </>
          )}
        </>
      )}
      {state === "failed" && (
        <>
          {"Prometheus cannot be read"}
          {failedSinceMs !== null && (
            <>
              {" since "}
              <Time ms={failedSinceMs} nowMs={nowMs} />
            </>
          )}
          {problem !== null && `: ${problem}`}
        </>
      )}
    </p>
  );
}
