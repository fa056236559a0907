import { MAX_CLOSED_PER_SECOND } from "../../../http_client/tls/paced_closing.ts";
import { METRICS } from "../../definitions.ts";
import {
  increase,
  indented,
  INSTANCE_LABELS,
  LOCATION_LABELS,
  onlyFailures,
  SEVERAL,
  TARGET_LABELS,
} from "../promql.ts";
import type { RecordingRule } from "../rule_file.ts";
import type { Times } from "../windows.ts";
import type { Alert } from "./alert.ts";
import { ownMatchers, steps } from "./runbook.ts";
import { INSTANCES, queryOf, shares, WHERE_IT_RUNS } from "./templates.ts";

/** The environment of each target, also of one that is down: `up` does not have it. */
const ENVIRONMENT = "instance:probe_environment:known";

/** Each location of an environment that had a probe in the last day, and has none now. */
const LOST = "location:probe_environment:lost";

/** Alerts on the probe's process and schedule, and the series that they need. */
export function probeRules(job: string, times: Times): (RecordingRule | Alert)[] {
  return [
    targetEnvironment(job),
    lostProbe(job, times),
    probeDown(job, times),
    probeStalled(job, times),
    probeSlotsSkipped(times),
  ];
}

/** What the probe last said, for as long as Prometheus knows the target. */
function targetEnvironment(job: string): RecordingRule {
  return {
    record: ENVIRONMENT,
    expr: `topk by (${TARGET_LABELS}) (1,
  max by (${INSTANCE_LABELS}) (${METRICS.startTime.name}{job="${job}"})
)
or on (${TARGET_LABELS})
(${ENVIRONMENT} and on (${TARGET_LABELS}) up{job="${job}"})`,
  };
}

/** A probe that is gone may leave no target behind. Without `instance`, which changes with a pod. */
function lostProbe(job: string, times: Times): RecordingRule {
  return {
    record: LOST,
    expr: `group by (${LOCATION_LABELS}) (
  last_over_time(${ENVIRONMENT}[${memoryOf(times)}])
  unless on (${TARGET_LABELS})
  up{job="${job}"}
)
unless on (${LOCATION_LABELS})
${ENVIRONMENT}`,
  };
}

/** For how long a probe that is gone is remembered. */
function memoryOf(times: Times): string {
  return times.hours(24);
}

function probeDown(job: string, times: Times): Alert {
  const [memory, wait] = [memoryOf(times), times.minutes(2)];
  // `up` does not have the environment.
  const down = queryOf(
    "job, location, environment",
    (own) => {
      const [target, environment = ""] = own.split(", environment=");
      return `up{${target}} == 0 unless on (${TARGET_LABELS}) ` +
        `${ENVIRONMENT}{environment!=${environment}}`;
    },
  );
  return {
    alert: "ProbeDown",
    // A target that never said its environment is taken for the probe that its location lost: a pod
    // that does not start in place of another is one alert.
    expr: `group by (${LOCATION_LABELS}) (
  (up{job="${job}"} == 0)
  + on (${TARGET_LABELS}) group_left (environment)
  0 * ${ENVIRONMENT}
  or on (${TARGET_LABELS})
  up{job="${job}"} == 0
  unless on (job, location)
  ${LOST}
)
or
${LOST}
or
absent(up{job="${job}"})
unless on (job)
last_over_time(${ENVIRONMENT}[${memory}])`,
    for: wait,
    severity: "page",
    view: { statusPage: false },
    summary: `{{ with ${down} }}The probe at ${INSTANCES}{{ else }}No probe{{ end }}` +
      `${WHERE_IT_RUNS} {{ with ${down} }}cannot be{{ else }}is{{ end }} scraped: ` +
      "nobody notices an outage from there",
    description:
      `For ${wait} a probe could not be scraped, or there was none to scrape: none at all, or ` +
      `none in an environment and location that had one in the last ${memory}.`,
    runbook: steps(
      "First look at whether the probe runs: `systemctl status dataplatform-probe`, `kubectl get " +
        "pods` or `docker ps`.",
      "If it does not, the end of its log says why it stopped. Exit code 2: a wrong setting or a " +
        "port in use. 70: a fault of the probe.",
      "If it runs, request `/healthz` from Prometheus' machine: check address, port and firewall.",
      `If no probe is scraped, look at Prometheus' list of targets for the job ${job}; in a ` +
        "cluster the pod may be pending. For an environment or location that you gave up, wait: " +
        `the alert ends within ${memory}. It lasts when that was the last one: remove these rules.`,
    ),
  };
}

function probeStalled(job: string, times: Times): Alert {
  const { created, startTime, skipped } = METRICS;
  const window = times.window(1);
  return {
    alert: "ProbeStalled",
    // Both the probe and its scrapes must be older than the window: a task before the first scrape
    // is in no increase.
    expr: `${increase(INSTANCE_LABELS, created.name, window)} == 0
and on (${TARGET_LABELS}) up{job="${job}"} offset ${window} == 1
and on (${INSTANCE_LABELS}) time() - ${startTime.name} > ${times.windowSeconds(1)}`,
    severity: "page",
    summary: `The probe at {{ $labels.instance }}${WHERE_IT_RUNS} responds, but has created no ` +
      `task for ${window}: it does not notice an outage`,
    description: `A probe that is scraped has created no task for ${window}.`,
    runbook: steps(
      "First look at `/healthz` of {{ $labels.instance }}: it names the loop that stands still.",
      `Query \`increase(${skipped.name}{${ownMatchers(INSTANCE_LABELS)}}[${window}])\`. If ` +
        "in_flight grows, MAX_IN_FLIGHT_TASKS tasks wait for a response: see `/tasks?state=pending`.",
      "Save the end of the probe's log, then restart the probe.",
    ),
  };
}

function probeSlotsSkipped(times: Times): Alert {
  const { created, skipped } = METRICS;
  const window = times.window(6);
  const skips = increase(INSTANCE_LABELS, skipped.name, window);
  return {
    alert: "ProbeSlotsSkipped",
    expr: `${skips}
/ (
  ${increase(INSTANCE_LABELS, created.name, window)}
  + ${skips}
)
> 0.01
and ${skips} ${SEVERAL}`,
    severity: "ticket",
    summary: "{{ $value | humanizePercentage }} of the slots of the probe at " +
      `{{ $labels.instance }}${WHERE_IT_RUNS} got no task in the last ${window}: ` +
      shares(INSTANCE_LABELS, skipped, window),
    description: `More than 1 % of a probe's slots, at least three, got no task in ${window}.`,
    runbook: steps(
      "First look at the cause. late: the probe itself was delayed. in_flight: " +
        "MAX_IN_FLIGHT_TASKS tasks waited for a response, or their connections to be closed.",
      "late: see whether the machine or container has too little CPU, or was suspended. The " +
        'dashboard\'s panel "Schedule lag" shows when.',
      "in_flight: with many tasks in `/tasks?state=pending` the platform responds slowly. If that " +
        "is normal for it, raise MAX_IN_FLIGHT_TASKS or TASK_INTERVAL_SECONDS. With few of them " +
        `the probe makes more than ${MAX_CLOSED_PER_SECOND} tasks a second over TLS: raise ` +
        "TASK_INTERVAL_SECONDS, or divide the datasets between two probes.",
    ),
  };
}

/** The alert on heartbeats that do not arrive. */
export function heartbeatAlert(times: Times): Alert {
  const window = times.window(1);
  return {
    alert: "ProbeHeartbeatFails",
    // Those of a second probe say nothing of the first one's.
    expr: `sum by (${LOCATION_LABELS}) (
  ${indented(onlyFailures(INSTANCE_LABELS, METRICS.heartbeats.name, window))}
)`,
    severity: "ticket",
    summary: `The heartbeats of the probe${WHERE_IT_RUNS} are not received`,
    description: `Heartbeats fail, at least three, and none has been received for ${window}. ` +
      "Their receiver takes the probe for dead.",
    runbook: steps(
      "First look at the probe's log for `heartbeats fail`: it says why.",
      "Request the address from the probe's machine: `curl -I` with HEARTBEAT_URL.",
      "Tell whoever waits for the heartbeats that the probe is alive.",
    ),
  };
}
