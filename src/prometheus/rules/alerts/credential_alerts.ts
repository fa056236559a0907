import { type Reason, REASON_DEFINITIONS, reasonsFrom } from "../../../core/reasons.ts";
import { METRICS } from "../../definitions.ts";
import { DATASET_OUTAGE, OUTAGE } from "../outage_rules.ts";
import {
  increase,
  indented,
  INSTANCE_LABELS,
  LOCATION_LABELS,
  onlyFailures,
  SEVERAL,
} from "../promql.ts";
import type { Times } from "../windows.ts";
import { type Alert, untilSeen } from "./alert.ts";
import { NETWORK_FAILURES } from "./network_alerts.ts";
import { CHECK, steps } from "./runbook.ts";
import { PROBED_FROM, since, WHERE_IT_RUNS } from "./templates.ts";

const CERTIFICATE_DAYS = 14;

/** The reasons of a task that fails because it gets no token. */
const REASONS_WITHOUT_TOKEN = reasonsFrom("identity provider").join(" or ");

const RENEW_SECRET =
  "Status 400 or 401: the client's secret is wrong or has expired. Replace the secret where it is " +
  "stored. The probe reads a secret's file again; under systemd, or without a file, restart the " +
  "probe.";

/** Alerts on tokens and certificates. */
export function credentialAlerts(times: Times): Alert[] {
  return [
    untilSeen(identityProviderFails(times), times),
    untilSeen(credentialsRefused(times), times),
    tokenRequestsFail(times),
    certificateNearExpiry(),
  ];
}

function identityProviderFails(times: Times): Alert {
  return {
    alert: "IdentityProviderFails",
    // A probe whose network fails has an alert of its own.
    expr: `${tasksWithoutToken("identity_provider", times)}
unless
${NETWORK_FAILURES}`,
    severity: "page",
    summary: noTaskHasToken("identity_provider", times),
    description: `For ${times.outage} every task of a probe has failed without a token, at ` +
      "least three of them with identity_provider. Whoever needs a token of that provider is affected.",
    runbook: steps(
      "First look at the provider's own status page or log. OKDATA_TOKEN_URL says where it is.",
      `Run ${CHECK}: it shows whether the provider's host name, its address or its response is at ` +
        "fault.",
      "If other locations get tokens, suspect the network of this one.",
      "Otherwise tell whoever runs the identity provider. Until it is repaired, nobody notices an " +
        "outage of the datasets: they get no request.",
    ),
  };
}

function credentialsRefused(times: Times): Alert {
  return {
    alert: "ProbeCredentialsRefused",
    expr: `${tasksWithoutToken("auth", times)}
unless
${failuresWith("identity_provider", times)} ${SEVERAL}`,
    severity: "page",
    summary: noTaskHasToken("auth", times),
    description: `For ${times.outage} every task of a probe has failed without a token, at ` +
      "least three of them with auth. Only the probe is affected; it does not notice an outage of the datasets.",
    runbook: steps(
      "First look at the probe's log: it shows the identity provider's response to each request " +
        "for a token.",
      `Run ${CHECK}: it tries the credentials, and says what to do.`,
      RENEW_SECRET,
      "If nobody has changed the secret, ask whoever runs the identity provider whether the client " +
        "was changed there.",
    ),
  };
}

/**
 * The tasks that failed with this reason, of probes no task of which succeeds, while a dataset is in an
 * outage that has no alert of its own. Of two probes in a location the one says nothing of the other.
 */
function tasksWithoutToken(reason: Reason, times: Times): string {
  const failed = increase(INSTANCE_LABELS, selectorOf(reason), times.outage);
  const succeeded = increase(INSTANCE_LABELS, METRICS.succeeded.name, times.outage);
  return `sum by (${LOCATION_LABELS}) (
  ${failed} ${SEVERAL}
  unless
  ${succeeded} > 0
)
and on (${LOCATION_LABELS})
(${OUTAGE} unless ${DATASET_OUTAGE})`;
}

function failuresWith(reason: Reason, { outage }: Times): string {
  return increase(LOCATION_LABELS, selectorOf(reason), outage);
}

function selectorOf(reason: Reason): string {
  return `${METRICS.failures.name}{reason="${reason}"}`;
}

function noTaskHasToken(reason: Reason, { outage }: Times): string {
  return `Every task of a probe${WHERE_IT_RUNS} has failed in the last ${outage}, as it gets no ` +
    `token: ${REASON_DEFINITIONS[reason].meaning} (${reason})` +
    since(LOCATION_LABELS, ". Its datasets have failed");
}

function tokenRequestsFail(times: Times): Alert {
  const window = times.minutes(5);
  return {
    alert: "ProbeTokenRequestsFail",
    // When tasks fail of it, there is an alert about them.
    expr: `sum by (${LOCATION_LABELS}) (
  ${indented(onlyFailures(INSTANCE_LABELS, METRICS.tokenRequests.name, window))}
  and
  ${increase(INSTANCE_LABELS, METRICS.succeeded.name, times.outage)} > 0
)`,
    for: times.minutes(2),
    severity: "ticket",
    summary: `The probe${WHERE_IT_RUNS} has received no token for ${window}: ` +
      "its tasks fail when the one in use ends",
    description:
      `Requests for a token have failed for ${window}, at least three. Tasks still succeed; they ` +
      `fail with ${REASONS_WITHOUT_TOKEN} when the token in use ends.`,
    runbook: steps(
      "First look at the probe's log: it shows the identity provider's response to each request " +
        "for a token.",
      `Run ${CHECK}: it shows whether the provider's host name, its address or the credentials ` +
        "are at fault.",
      RENEW_SECRET,
      "Anything else: tell whoever runs the identity provider.",
    ),
  };
}

function certificateNearExpiry(): Alert {
  const { certificateExpiry } = METRICS;
  const [host] = certificateExpiry.labels;
  return {
    alert: "CertificateNearExpiry",
    expr: `min by (${LOCATION_LABELS}, ${host}) (${certificateExpiry.name}) - time() < ` +
      `${CERTIFICATE_DAYS * 86_400}`,
    severity: "ticket",
    summary: `{{ if eq $labels.${host} "self" }}The probe's own certificate{{ else }}` +
      `The certificate of {{ $labels.${host} }}{{ end }}${PROBED_FROM} ` +
      "{{ if gt $value 0.0 }}ends in {{ humanizeDuration $value }}{{ else }}has ended{{ end }}",
    description: `The certificate that a host serves ends within ${CERTIFICATE_DAYS} days.`,
    runbook: steps(
      `First look at the certificate: \`openssl s_client -connect {{ $labels.${host} }} </dev/null ` +
        "| openssl x509 -noout -dates -issuer\`, with `:443` where the host has no port.",
      "The host `self` is the certificate that the probe itself serves: renew TLS_CERT_FILE and send " +
        "the probe SIGHUP.",
      "The certificate that ends first may be an intermediate one: add `-showcerts`.",
      "Tell whoever runs that host. Once the certificate has ended, all tasks fail with tls, or " +
        `with ${REASONS_WITHOUT_TOKEN} if the host is the identity provider.`,
      "If `openssl` shows a newer certificate, some of the host's servers still serve the old one.",
    ),
  };
}
