import { reasonsFrom } from "../../../core/reasons.ts";
import { METRICS } from "../../definitions.ts";
import { OUTAGE } from "../outage_rules.ts";
import { increase, LOCATION_LABELS, SEVERAL } from "../promql.ts";
import type { RecordingRule } from "../rule_file.ts";
import type { Times } from "../windows.ts";
import { type Alert, untilSeen } from "./alert.ts";
import { CHECK, steps } from "./runbook.ts";
import { LOCATIONS, PROBED_FROM, queryOf, since } from "./templates.ts";

/** Failures without any response. `timeout` comes last so that deployed rules do not change. */
const NETWORK_REASONS = reasonsFrom("network")
  .toSorted((a, b) => Number(a === "timeout") - Number(b === "timeout"));

/** Failures that say nothing about whether the platform can be reached: nothing was sent to it. */
const REASONS_WITHOUT_REQUEST = reasonsFrom("identity provider", "probe")
  .filter((reason) => reason !== "auth");

/** Failures of a location from which nothing has responded since the first of them. */
export const NETWORK_FAILURES = "location:probe_network_failures:since_answer";

/** The alert on a probe whose own network is broken, and the series that it needs. */
export function networkRules(times: Times): (RecordingRule | Alert)[] {
  const { outage } = times;
  const { succeeded, failed, failures, tokenRequests } = METRICS;
  const increaseOf = (selector: string) => increase(LOCATION_LABELS, selector, outage);
  const network = NETWORK_REASONS.join("|");
  const notResponded = [...NETWORK_REASONS, ...REASONS_WITHOUT_REQUEST].join("|");
  const elsewhere = queryOf(
    LOCATION_LABELS,
    (own) => `${NETWORK_FAILURES}{${own.replace("location=", "location!=")}}`,
  );
  return [
    {
      // Once the token has ended, tasks fail without a request that could fail because of the
      // network. So the fault stays recorded until any response comes, or no task fails.
      record: NETWORK_FAILURES,
      expr: `(
  ${increaseOf(`${failures.name}{reason=~"${network}"}`)} ${SEVERAL}
  or
  ${NETWORK_FAILURES}
)
and ${increaseOf(failed.name)} > 0
unless ${increaseOf(succeeded.name)} > 0
unless ${increaseOf(`${failures.name}{reason!~"${notResponded}"}`)} > 0`,
    },
    untilSeen({
      // A probe without credentials never asks the provider, and so never raises this alert.
      alert: "ProbeNetworkSuspect",
      expr: `${NETWORK_FAILURES}
and on (${LOCATION_LABELS}) ${OUTAGE}
and ${increaseOf(`${tokenRequests.name}{result="failed"}`)} ${SEVERAL}
unless ${increaseOf(`${tokenRequests.name}{result="ok"}`)} > 0`,
      severity: "page",
      summary: `No dataset has responded${since(LOCATION_LABELS)}${PROBED_FROM}, and no token ` +
        `comes: {{ with ${elsewhere} }}the same from ${LOCATIONS}, so suspect platform ` +
        "and identity provider{{ else }}suspect the probe's own network, or platform and " +
        "identity provider together{{ end }}",
      description: `For ${outage} no dataset has responded (${NETWORK_REASONS.join(", ")}), and ` +
        "no token request has succeeded.",
      runbook: steps(
        "First look at whether the probe's machine reaches anything else: its name server, its " +
          "gateway, a site outside.",
        `Run ${CHECK}, and run it on another machine. A step that fails only on the probe's ` +
          "machine is what is broken.",
        "Look at the dashboard for other locations. If they fail too, suspect platform and identity " +
          "provider.",
        "Until this is repaired, ignore the datasets' alerts of this location: they say nothing " +
          "about the platform.",
      ),
    }, times),
  ];
}
