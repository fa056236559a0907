import { METRICS } from "../definitions.ts";
import {
  increase,
  INSTANCE_LABELS,
  JOB,
  onlyFailures,
  SEVERAL,
  TARGET_LABELS,
  TARGET_LOCATION_LABELS,
} from "./promql.ts";
import type { AlertingRule } from "./rule_file.ts";
import { IN_LOCATION, steps } from "./runbook.ts";
import type { Times } from "./windows.ts";

/** Alerts on the probe's process and schedule. */
export function probeAlerts(times: Times): AlertingRule[] {
  return [probeDown(times), probeStalled(times), probeSlotsSkipped(times)];
}

function probeDown(times: Times): AlertingRule {
  const [memory, wait] = [times.hours(24), times.minutes(2)];
  return {
    alert: "ProbeDown",
    // A probe that is gone may leave no target behind that could be down: so each location that
    // had one is remembered for a day.
    expr: `up{job="${JOB}"} == 0
or
absent(up{job="${JOB}"})
or
group by (${TARGET_LOCATION_LABELS}) (max_over_time(up{job="${JOB}"}[${memory}]))
unless on (${TARGET_LOCATION_LABELS})
group by (${TARGET_LOCATION_LABELS}) (up{job="${JOB}"})`,
    for: wait,
    labels: { severity: "page" },
    annotations: {
      summary: "{{ if $labels.instance }}The probe at {{ $labels.instance }} cannot be scraped" +
        `{{ else }}Prometheus knows of no probe${IN_LOCATION}: nothing is scraped as ${JOB}{{ end }}`,
      description:
        `For ${wait} a probe could not be scraped, or there was none to scrape: none at ` +
        `all, or none in a location that had one in the last ${memory}.`,
      runbook: steps(
        "First look at whether the probe runs: `systemctl status dataplatform-probe`, `kubectl get " +
          "pods` or `docker ps`.",
        "If it does not, the end of its log says why it stopped. Exit code 2: a wrong setting or a " +
          "port in use. 70: a fault of the probe.",
        "If it runs, request `/healthz` from Prometheus' machine: check address, port and firewall.",
        `If Prometheus knows of no probe, look at its list of targets for the job ${JOB}; in a ` +
          "cluster the pod may be pending. For a location that you gave up, wait: the alert ends " +
          `within ${memory}.`,
        "Until the probe is back, nobody notices an outage from there.",
      ),
    },
  };
}

function probeStalled(times: Times): AlertingRule {
  const { created, startTime, skipped } = METRICS;
  const window = times.window(1);
  return {
    alert: "ProbeStalled",
    // Both the probe and its scrapes must be older than the window: a task before the first scrape
    // is in no increase.
    expr: `${increase(INSTANCE_LABELS, created.name, window)} == 0
and on (${TARGET_LABELS}) up{job="${JOB}"} offset ${window} == 1
and on (${INSTANCE_LABELS}) time() - ${startTime.name} > ${times.windowSeconds(1)}`,
    labels: { severity: "page" },
    annotations: {
      summary: "The probe at {{ $labels.instance }} responds, but creates no tasks",
      description: `A probe that is scraped has created no task for ${window}. ` +
        "It does not notice an outage.",
      runbook: steps(
        "First look at `/healthz` of {{ $labels.instance }}: it names the loop that stands still.",
        `Query \`increase(${skipped.name}[${window}])\`. If in_flight grows, MAX_IN_FLIGHT_TASKS ` +
          "tasks wait for a response: see `/tasks?state=pending`.",
        "Save the end of the probe's log, then restart the probe.",
      ),
    },
  };
}

function probeSlotsSkipped(times: Times): AlertingRule {
  const { created, skipped } = METRICS;
  const window = times.window(6);
  const [cause] = skipped.labels;
  const skips = increase(`${INSTANCE_LABELS}, ${cause}`, skipped.name, window);
  return {
    alert: "ProbeSlotsSkipped",
    expr: `${skips}
/ on (${INSTANCE_LABELS}) group_left ()
(
  ${increase(INSTANCE_LABELS, created.name, window)}
  + ${increase(INSTANCE_LABELS, skipped.name, window)}
)
> 0.01
and ${skips} ${SEVERAL}`,
    labels: { severity: "ticket" },
    annotations: {
      summary: "{{ $value | humanizePercentage }} of the slots of the probe at " +
        `{{ $labels.instance }} got no task: {{ $labels.${cause} }}`,
      description: `More than 1 % of a probe's slots, at least three, got no task in ${window}.`,
      runbook: steps(
        `First look at the ${cause}. late: the probe itself was delayed. in_flight: ` +
          "MAX_IN_FLIGHT_TASKS tasks waited for a response.",
        "late: see whether the machine or container has too little CPU, or was suspended. The " +
          'dashboard\'s panel "Schedule lag" shows when.',
        "in_flight: the platform responds slowly; see `/tasks?state=pending`. If that is normal " +
          "for it, raise MAX_IN_FLIGHT_TASKS or TASK_INTERVAL_SECONDS.",
      ),
    },
  };
}

/** The alert on heartbeats that do not arrive. */
export function heartbeatAlert(times: Times): AlertingRule {
  const window = times.window(1);
  return {
    alert: "ProbeHeartbeatFails",
    expr: onlyFailures(INSTANCE_LABELS, METRICS.heartbeats.name, window),
    labels: { severity: "ticket" },
    annotations: {
      summary: "The heartbeats of the probe at {{ $labels.instance }} are not received",
      description: `Heartbeats fail, at least three, and none has been received for ${window}. ` +
        "Their receiver takes the probe for dead.",
      runbook: steps(
        "First look at the log of {{ $labels.instance }} for `heartbeats fail`: it says why.",
        "Request the address from the probe's machine: `curl -I` with HEARTBEAT_URL.",
        "Tell whoever waits for the heartbeats that the probe is alive.",
      ),
    },
  };
}
