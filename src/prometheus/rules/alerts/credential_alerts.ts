import { reasonsFrom } from "../../../core/reasons.ts";
import { METRICS } from "../../definitions.ts";
import { INSTANCE_LABELS, LOCATION_LABELS, onlyFailures } from "../promql.ts";
import type { Alert } from "./alert.ts";
import { CHECK, steps } from "./runbook.ts";
import type { Times } from "../windows.ts";

const CERTIFICATE_DAYS = 14;

/** The reasons of a task that fails because it gets no token. */
const REASONS_WITHOUT_TOKEN = reasonsFrom("identity provider").join(" or ");

/** Alerts on tokens and certificates. */
export function credentialAlerts(times: Times): Alert[] {
  return [tokenRequestsFail(times), tokenNearExpiry(times), certificateNearExpiry()];
}

function tokenRequestsFail(times: Times): Alert {
  const window = times.minutes(5);
  return {
    alert: "ProbeTokenRequestsFail",
    expr: onlyFailures(INSTANCE_LABELS, METRICS.tokenRequests.name, window),
    for: times.minutes(2),
    severity: "ticket",
    summary: "The probe at {{ $labels.instance }} gets no token",
    description:
      `Token requests fail, at least three, and none has succeeded for ${window}. Tasks fail ` +
      "when the current token ends.",
    runbook: tokenRunbook(),
  };
}

function tokenNearExpiry(times: Times): Alert {
  const { tokenRequests, tokenExpiry } = METRICS;
  const labels = `${INSTANCE_LABELS}, app_id`;
  const requestsFail = onlyFailures(labels, tokenRequests.name, times.minutes(2));
  return {
    alert: "ProbeTokenNearExpiry",
    expr: `${tokenExpiry.name} - time() < ${times.seconds(60)}
and on (${labels}) (
  ${requestsFail.replaceAll("\n", "\n  ")}
)`,
    for: times.minutes(0.5),
    severity: "page",
    summary: "The token of the probe at {{ $labels.instance }} {{ if gt $value 0.0 }}ends in " +
      "{{ humanizeDuration $value }}{{ else }}has ended{{ end }}, and it gets no new one",
    description: `A token ends within a minute or has ended, and requests for a new one fail, ` +
      `at least three, and none has succeeded for ${times.minutes(2)}.`,
    runbook: tokenRunbook(),
  };
}

function tokenRunbook(): string {
  return steps(
    "First look at the log of {{ $labels.instance }}: it shows the identity provider's response to " +
      "each failed request.",
    `Run ${CHECK}: it shows whether the provider's host name, its address or the credentials are ` +
      "at fault.",
    "Status 400 or 401: the client's secret is wrong or has expired. Replace the secret where it " +
      "is stored. The probe reads a secret's file again; under systemd, or without a file, restart " +
      "the probe.",
    "Anything else: tell whoever runs the identity provider. Once the token has ended, all tasks " +
      `fail with ${REASONS_WITHOUT_TOKEN}.`,
  );
}

function certificateNearExpiry(): Alert {
  const { certificateExpiry } = METRICS;
  const [host] = certificateExpiry.labels;
  return {
    alert: "CertificateNearExpiry",
    expr: `min by (${LOCATION_LABELS}, ${host}) (${certificateExpiry.name}) - time() < ` +
      `${CERTIFICATE_DAYS * 86_400}`,
    severity: "ticket",
    summary: `The certificate of {{ $labels.${host} }} {{ if gt $value 0.0 }}ends in ` +
      "{{ humanizeDuration $value }}{{ else }}has ended{{ end }}",
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
