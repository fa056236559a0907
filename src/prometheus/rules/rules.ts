import { stringify } from "@std/yaml/stringify";
import { METRICS } from "../definitions.ts";
import { fastSuccesses, type Objectives } from "../slo.ts";

/** A file of rules as Prometheus reads it. */
export type RuleFile = { groups: RuleGroup[] };
export type RuleGroup = {
  name: string;
  interval?: string;
  rules: (RecordingRule | AlertingRule)[];
};
export type RecordingRule = { record: string; expr: string; labels?: Record<string, string> };
export type AlertingRule = {
  alert: string;
  expr: string;
  for?: string;
  labels: { severity: Severity };
  annotations: {
    /** What happens, with the names of those to whom it happens. */
    summary: string;
    /** When the alert fires. */
    description: string;
    /** What to look at first, and what to do then. */
    runbook: string;
  };
};

/** A page wakes somebody, a ticket waits for the morning. */
export type Severity = "page" | "ticket";

export type RuleOptions = {
  /** The shortest window of the objectives; all other times shrink or grow with it. */
  shortestWindowSeconds?: number;
};

/** The scrape job of the probes. */
const JOB = "dataplatform-probe";

// A restart changes `app_id`, and of a pod also `instance`: a sum that kept them would begin anew.
const DATASET = "job, location, dataset_id";
const LOCATION = "job, location";
/** What is wrong with one process is told with its address, which most restarts leave alone. */
const INSTANCE = "job, location, instance";

/** Failures that come about without any answer. */
const NETWORK_REASONS = ["dns", "connect", "tls", "reset", "timeout"];
/** Failures of which no request, or none to the platform, is the cause. */
const HOMEMADE_REASONS = ["auth", "internal"];

/**
 * At least three. Prometheus extrapolates an increase to the whole window, but with two samples in it
 * one is still not taken for three.
 */
const SEVERAL = "> 2.5";

/** How many intervals without a success, or a task, are no chance. */
const MANY_INTERVALS = 6;
const DEFAULT_SHORTEST_SECONDS = 300;
/** Keeps the longest window within what Prometheus can count. */
const MAX_SHORT_WINDOW_SECONDS = 30 * 86_400;
const CERTIFICATE_DAYS = 14;

/**
 * How fast a month's budget may burn (1: it lasts just the month), looked at over a long window, and
 * over a short one so that the alert ends soon after its cause. Windows count in shortest ones.
 */
const BURNS = [
  { severity: "page", factor: 14.4, long: 12, short: 1 },
  { severity: "page", factor: 6, long: 72, short: 6 },
  { severity: "ticket", factor: 3, long: 288, short: 24 },
  { severity: "ticket", factor: 1, long: 864, short: 72 },
] as const;
type Burn = typeof BURNS[number];

const SHORT_WINDOWS = [...new Set(BURNS.map(({ short }) => short))];
const WINDOWS = [...new Set(BURNS.flatMap(({ short, long }) => [short, long]))]
  .sort((a, b) => a - b);
/** Windows from this many shortest ones on are costly to read, and change slowly. */
const FIRST_LONG_WINDOW = 24;
/** Prometheus forgets a value after five minutes. */
const LONG_GROUP_INTERVAL_MINUTES = 2;

/** The rules as a file for Prometheus, which says what it was made for. */
export function rulesAsYaml(objectives: Objectives, options?: RuleOptions): string {
  const { taskIntervalSeconds, availability, latencySeconds } = objectives;
  return `# Made by \`dataplatform-probe rules\`, do not edit. Made for
# TASK_INTERVAL_SECONDS=${taskIntervalSeconds} SLO_AVAILABILITY=${availability} \
SLO_LATENCY_SECONDS=${latencySeconds}
${stringify(rules(objectives, options), { lineWidth: -1 })}`;
}

/**
 * Recording and alerting rules for probes with this interval and these objectives. An objective that
 * allows so many failures that no failure rate could burn its budget that fast has no such alert.
 */
export function rules(objectives: Objectives, options: RuleOptions = {}): RuleFile {
  const times = timesFor(objectives, options);
  const ratiosOver = (windows: number[]) =>
    windows.flatMap((window) => ratioRules(window, objectives, times));
  return {
    groups: [
      {
        name: `${JOB}-ratios`,
        rules: [
          ...budgetRules(objectives),
          ...ratiosOver(WINDOWS.filter((window) => window < FIRST_LONG_WINDOW)),
        ],
      },
      {
        name: `${JOB}-long-ratios`,
        interval: times.minutes(LONG_GROUP_INTERVAL_MINUTES),
        rules: ratiosOver(WINDOWS.filter((window) => window >= FIRST_LONG_WINDOW)),
      },
      { name: `${JOB}-datasets`, rules: datasetAlerts(objectives, times) },
      { name: `${JOB}-network`, rules: networkRules(times) },
      { name: `${JOB}-probe`, rules: probeAlerts(times) },
    ],
  };
}

// ----------------------------------------------------------------- windows

type Times = ReturnType<typeof timesFor>;

function timesFor(
  { taskIntervalSeconds }: Objectives,
  { shortestWindowSeconds = DEFAULT_SHORTEST_SECONDS }: RuleOptions,
) {
  const minuteSeconds = shortestWindowSeconds / 5;
  const manySeconds = Math.min(MANY_INTERVALS * taskIntervalSeconds, MAX_SHORT_WINDOW_SECONDS);
  const neededSeconds = Math.ceil(manySeconds / minuteSeconds) * minuteSeconds;
  const shortestSeconds = Math.max(shortestWindowSeconds, neededSeconds);
  return {
    /** So many shortest windows. */
    window: (count: number) => duration(count * shortestSeconds),
    /** So many minutes, which are shorter where the windows are. */
    minutes: (count: number) => duration(count * minuteSeconds),
    hours: (count: number) => duration(count * 60 * minuteSeconds),
    /** So many seconds, which are shorter too. */
    seconds: (count: number) => count * minuteSeconds / 60,
    windowSeconds: (count: number) => count * shortestSeconds,
    /** In which each dataset should have seen a success. */
    outage: duration(Math.max(2 * minuteSeconds, manySeconds)),
  };
}

/** A duration as PromQL writes it, such as `1h12m`. */
function duration(seconds: number): string {
  const units = { d: 86_400_000, h: 3_600_000, m: 60_000, s: 1e3, ms: 1 };
  let left = Math.max(1, Math.round(seconds * 1e3));
  return Object.entries(units).map(([unit, length]) => {
    const count = Math.floor(left / length);
    left %= length;
    return count > 0 ? `${count}${unit}` : "";
  }).join("");
}

// -------------------------------------------------------------- objectives

/** A kind of bad task, counted among all tasks that could have been bad. */
type Objective = {
  title: "Availability" | "Latency";
  /** What a share of them is said to have done. */
  what: string;
  /** What bad ones are called in recorded names. */
  metric: string;
  /** How fast bad ones and all come, as a function of the window. */
  bad: (window: string) => string;
  all: (window: string) => string;
  /** How many bad ones came in the window. */
  count: (window: string) => string;
  budget: number;
};

function objectivesOf(objectives: Objectives): Objective[] {
  const { succeeded, failed, duration } = METRICS;
  const rate = (selector: string, window: string) =>
    `sum by (${DATASET}) (rate(${selector}[${window}]))`;
  const increase = (selector: string, window: string) =>
    `sum by (${DATASET}) (increase(${selector}[${window}]))`;
  const successes = `${duration.name}_count{outcome="succeeded"}`;
  const fast = fastSuccesses(objectives);
  const budget = Number((1 - objectives.availability).toPrecision(6));
  return [
    {
      title: "Availability",
      what: "tasks failed",
      metric: failed.name.replace(/_total$/, ""),
      bad: (window) => rate(failed.name, window),
      all: (window) => `${rate(failed.name, window)}\n  + ${rate(succeeded.name, window)}`,
      count: (window) => increase(failed.name, window),
      budget,
    },
    {
      title: "Latency",
      what: `successes took more than ${objectives.latencySeconds} s`,
      metric: "probe_tasks_slow",
      bad: (window) => `${rate(successes, window)}\n  - ${rate(fast, window)}`,
      all: (window) => rate(successes, window),
      count: (window) => `${increase(successes, window)}\n- ${increase(fast, window)}`,
      budget,
    },
  ];
}

function budgetRules(objectives: Objectives): RecordingRule[] {
  return objectivesOf(objectives).map(({ title, budget }) => ({
    record: "probe:error_budget:ratio",
    expr: `vector(${budget})`,
    labels: { objective: title.toLowerCase() },
  }));
}

function ratioRules(count: number, objectives: Objectives, times: Times): RecordingRule[] {
  const window = times.window(count);
  return objectivesOf(objectives).flatMap((objective) => [
    {
      record: ratioName(objective, window),
      // Without tasks there is no ratio, rather than one that is no number.
      expr: `(\n  ${objective.bad(window)}\n)\n/ (\n  ${objective.all(window)}\n  > 0\n)`,
    },
    ...SHORT_WINDOWS.some((each) => each === count)
      ? [{ record: countName(objective, window), expr: objective.count(window) }]
      : [],
  ]);
}

function ratioName({ metric }: Objective, window: string): string {
  return `dataset:${metric}:ratio_rate${window}`;
}

function countName({ metric }: Objective, window: string): string {
  return `dataset:${metric}:increase${window}`;
}

// ------------------------------------------------------------------ alerts

/** Where it is asked from, when Prometheus knows: a label of the probe, or its own. */
const FROM = "{{ with or $labels.location $externalLabels.location }} from {{ . }}{{ end }}";
const TASKS = "`/tasks?state=failed&dataset_id={{ $labels.dataset_id }}`";
const CHECK = "`dataplatform-probe --check` with the probe's settings, on its machine";

function datasetAlerts(objectives: Objectives, times: Times): AlertingRule[] {
  return [
    datasetFails(times),
    datasetFailsFromSeveralLocations(objectives, times),
    ...objectivesOf(objectives).flatMap((objective) => [
      ...burnAlert(objective, "page", objectives, times),
      ...burnAlert(objective, "ticket", objectives, times),
    ]),
  ];
}

function datasetFails({ outage }: Times): AlertingRule {
  const { succeeded, failed, failures } = METRICS;
  return {
    alert: "DatasetFails",
    expr:
      `topk by (${DATASET}) (1, sum by (${DATASET}, reason) (increase(${failures.name}[${outage}])))
and on (${DATASET}) (
  sum by (${DATASET}) (increase(${failed.name}[${outage}])) ${SEVERAL}
  unless
  sum by (${DATASET}) (increase(${succeeded.name}[${outage}])) > 0
)`,
    labels: { severity: "page" },
    annotations: {
      summary: `Every task of dataset {{ $labels.dataset_id }}${FROM} fails: {{ $labels.reason }}`,
      description: `all tasks of a dataset, at least three, have failed for ${outage}`,
      runbook: steps(
        `First look at ${TASKS} of the probe (\`up{job="${JOB}"}\` lists the addresses): status and ` +
          "reason of each attempt, and the beginning of the last answer.",
        `Run ${CHECK}: it tries name, token and dataset in turn, and says what to do about the one ` +
          "that fails.",
        `\`sum by (dataset_id, reason) (increase(${failures.name}[${outage}]))\` shows whether ` +
          "other datasets fail too. If only this one does, its ID or permissions are at fault; if " +
          "all do: auth is the token, dns, connect and tls the network, anything else the platform.",
        "When only the platform can mend it, tell its team the reason and one `trace_id`.",
      ),
    },
  };
}

function datasetFailsFromSeveralLocations(objectives: Objectives, times: Times): AlertingRule {
  const [availability] = objectivesOf(objectives);
  const window = times.window(1);
  return {
    alert: "DatasetFailsFromSeveralLocations",
    expr: `count by (dataset_id) (
  count by (dataset_id, location) (
    ${ratioName(availability, window)} > 0.5
    and ${countName(availability, window)} ${SEVERAL}
  )
) >= 2`,
    labels: { severity: "page" },
    annotations: {
      summary: "Most tasks of dataset {{ $labels.dataset_id }} fail from {{ $value }} locations",
      description:
        `more than half of a dataset's tasks in ${window}, at least three, have failed ` +
        "in two locations or more",
      runbook: steps(
        "First look at the reason: auth and unauthorized are the client's secret or permissions, " +
          "which all locations share; anything else is the platform, not one probe or its network.",
        `\`sum by (location, reason) (increase(${METRICS.failures.name}` +
          `{dataset_id="{{ $labels.dataset_id }}"}[${window}]))\` shows whether all locations ` +
          "fail for the same reason.",
        `See ${TASKS} of any probe for the answers; tell the platform's team the reason and ` +
          "one `trace_id` of each location.",
      ),
    },
  };
}

/** The alert for those burn rates that can be reached at all. */
function burnAlert(
  objective: Objective,
  severity: Severity,
  objectives: Objectives,
  times: Times,
): AlertingRule[] {
  const burns = BURNS.filter((burn) =>
    burn.severity === severity && thresholdOf(burn, objective) < 1
  );
  if (burns.length === 0) return [];
  const condition = (burn: Burn) => {
    const [long, short] = [times.window(burn.long), times.window(burn.short)];
    const threshold = thresholdOf(burn, objective);
    return `(
  ${ratioName(objective, long)} > ${threshold}
  and ${ratioName(objective, short)} > ${threshold}
  and ${countName(objective, short)} ${SEVERAL}
)`;
  };
  const limits = burns.map((burn) =>
    `${percent(thresholdOf(burn, objective))} in the last ${
      times.window(burn.long)
    } and still in ` +
    `the last ${times.window(burn.short)}`
  );
  const speed = severity === "page" ? "Fast" : "Slowly";
  const { title, what } = objective;
  return [{
    alert: `Dataset${title}BudgetBurns${speed}`,
    expr: burns.map(condition).join("\nor\n"),
    labels: { severity },
    annotations: {
      summary:
        `The ${title.toLowerCase()} budget of dataset {{ $labels.dataset_id }}${FROM} burns ` +
        `${speed.toLowerCase()}: {{ $value | humanizePercentage }} of its ${what} in the last ` +
        burns.map(({ long }) => times.window(long)).join(" or "),
      description: `more than ${
        limits.join(", or more than ")
      }, at least three, of a dataset's ${what}`,
      runbook: title === "Availability"
        ? availabilityRunbook(times)
        : latencyRunbook(objectives, times),
    },
  }];
}

function thresholdOf({ factor }: Burn, { budget }: Objective): number {
  return Number((factor * budget).toPrecision(6));
}

function percent(share: number): string {
  return `${Number((share * 100).toPrecision(4))} %`;
}

function availabilityRunbook(times: Times): string {
  const reasons = `sum by (reason) (increase(${METRICS.failures.name}` +
    `{dataset_id="{{ $labels.dataset_id }}"}[${times.window(12)}]))`;
  return steps(
    `First look at the failures by reason: \`${reasons}\`, or the dashboard's panel of them.`,
    `See ${TASKS} of the probe for what was answered, and whether failures come in bursts or evenly; ` +
      "when the last ones are old, it is over, and this ends by itself.",
    "unauthorized, not_found and auth are mended with credentials or permissions, rate_limited " +
      "with fewer requests; the other reasons are the platform's, or the network's between.",
    "Tell the platform's team the reason, since when, and one `trace_id`.",
  );
}

function latencyRunbook({ latencySeconds }: Objectives, times: Times): string {
  const { phaseDuration } = METRICS;
  const [phase] = phaseDuration.labels;
  const phases = `sum by (${phase}) (rate(${phaseDuration.name}_sum[${times.window(1)}])) / ` +
    `sum by (${phase}) (rate(${phaseDuration.name}_count[${times.window(1)}]))`;
  return steps(
    `First look at which phase has grown, on the dashboard or with \`${phases}\`.`,
    "resolve, connect and tls point to the network or the probe's machine, token to the identity " +
      "provider, processing and transfer to the platform.",
    `See \`/tasks?state=succeeded&dataset_id={{ $labels.dataset_id }}\` of the probe for tasks ` +
      `above ${latencySeconds} s: several attempts mean that the first ones failed.`,
    "Slots that come late point to a busy machine: see the schedule's lag on the dashboard.",
  );
}

function networkRules(times: Times): (RecordingRule | AlertingRule)[] {
  const { succeeded, failed, failures, tokenRequests } = METRICS;
  const { outage } = times;
  const increase = (selector: string) => `sum by (${LOCATION}) (increase(${selector}[${outage}]))`;
  const network = NETWORK_REASONS.join("|");
  const answered = `${failures.name}{reason!~"${
    [...NETWORK_REASONS, ...HOMEMADE_REASONS].join("|")
  }"}`;
  const record = "location:probe_network_failures:since_answer";
  return [
    {
      // Once the token has ended, tasks fail with `auth` and no request is made that could fail
      // otherwise: what was the matter stays recorded until there is any answer, or no failure.
      record,
      expr: `(
  ${increase(`${failures.name}{reason=~"${network}"}`)} ${SEVERAL}
  or
  ${record}
)
and ${increase(failed.name)} > 0
unless ${increase(succeeded.name)} > 0
unless ${increase(answered)} > 0`,
    },
    {
      // Without credentials no request to the provider fails: then this says nothing of it.
      alert: "ProbeNetworkSuspect",
      expr: `${record}
and ${increase(`${tokenRequests.name}{result="failed"}`)} ${SEVERAL}
unless ${increase(`${tokenRequests.name}{result="ok"}`)} > 0`,
      labels: { severity: "page" },
      annotations: {
        summary: `Neither a dataset nor the identity provider can be reached${FROM}: the fault ` +
          "looks like the probe's own network",
        description: `for ${outage} no dataset has answered at all (${
          NETWORK_REASONS.join(", ")
        }), and no request for a token has succeeded`,
        runbook: steps(
          "First look at whether the probe's machine reaches anything else: its name server, its " +
            "gateway, a site outside.",
          `Run ${CHECK}, and elsewhere: a step that fails only there is what is broken.`,
          "Look at the dashboard for other locations: when they fail too, it is the platform.",
          "Until it is mended, the datasets' own alerts from here say nothing about the platform.",
        ),
      },
    },
  ];
}

function probeAlerts(times: Times): AlertingRule[] {
  return [
    probeDown(times),
    probeStalled(times),
    probeSlotsSkipped(times),
    probeTokenRequestsFail(times),
    probeTokenNearExpiry(times),
    certificateNearExpiry(),
    probeHeartbeatFails(times),
  ];
}

function probeDown(times: Times): AlertingRule {
  return {
    alert: "ProbeDown",
    // A location whose probe is gone leaves no target behind that could be down.
    expr: `up{job="${JOB}"} == 0
or
absent(up{job="${JOB}"})
or
group by (${LOCATION}) (max_over_time(up{job="${JOB}"}[${times.hours(24)}]))
unless on (${LOCATION})
group by (${LOCATION}) (up{job="${JOB}"})`,
    for: times.minutes(2),
    labels: { severity: "page" },
    annotations: {
      summary: "{{ if $labels.instance }}The probe at {{ $labels.instance }} cannot be scraped" +
        `{{ else }}Prometheus knows of no probe${FROM}: nothing is scraped as ${JOB}{{ end }}`,
      description: "a probe could not be scraped, or there was none to scrape at all or in a " +
        `location that had one in the last ${times.hours(24)}, for ${times.minutes(2)}`,
      runbook: steps(
        "First look at whether the probe runs: `systemctl status dataplatform-probe`, `kubectl get " +
          "pods` or `docker ps`, wherever it lives.",
        "The end of its log says why it stopped; exit code 2 is a wrong setting or a port in use, 70 " +
          "a fault of its own.",
        "When it runs, ask `/healthz` from Prometheus' machine: address, port, firewall?",
        `When no probe is known, look at Prometheus' page of targets for the job ${JOB}; in a cluster ` +
          "its pod may be pending. A location that was given up is forgotten within a day.",
      ),
    },
  };
}

function probeStalled(times: Times): AlertingRule {
  const { created, startTime, skipped } = METRICS;
  const window = times.window(1);
  return {
    alert: "ProbeStalled",
    // Of a window that is not full, because the probe or Prometheus has just started, a task may be
    // missing that came before the first scrape.
    expr: `sum by (${INSTANCE}) (increase(${created.name}[${window}])) == 0
and on (${INSTANCE}) up{job="${JOB}"} offset ${window} == 1
and on (${INSTANCE}) time() - ${startTime.name} > ${times.windowSeconds(1)}`,
    labels: { severity: "page" },
    annotations: {
      summary: "The probe at {{ $labels.instance }} answers, but creates no tasks",
      description: `a probe that is scraped has created no task for ${window}`,
      runbook: steps(
        "First look at `/healthz` of {{ $labels.instance }}: it names the loop that stands still.",
        `\`increase(${skipped.name}[${window}])\`: in_flight means that as many tasks as may be ` +
          "wait for an answer; see `/tasks?state=pending`.",
        "Keep the end of its log, then restart the probe: all other alerts are blind until then.",
      ),
    },
  };
}

function probeSlotsSkipped(times: Times): AlertingRule {
  const { created, skipped } = METRICS;
  const window = times.window(6);
  const [cause] = skipped.labels;
  const skips = `sum by (${INSTANCE}, ${cause}) (increase(${skipped.name}[${window}]))`;
  return {
    alert: "ProbeSlotsSkipped",
    expr: `${skips}
/ on (${INSTANCE}) group_left ()
(
  sum by (${INSTANCE}) (increase(${created.name}[${window}]))
  + sum by (${INSTANCE}) (increase(${skipped.name}[${window}]))
)
> 0.01
and ${skips} ${SEVERAL}`,
    labels: { severity: "ticket" },
    annotations: {
      summary: "{{ $value | humanizePercentage }} of the slots of the probe at " +
        `{{ $labels.instance }} got no task: {{ $labels.${cause} }}`,
      description: `more than 1 % of a probe's slots, at least three, got no task in ${window}`,
      runbook: steps(
        `First look at the ${cause}: late means that the probe itself was held up, in_flight that ` +
          "MAX_IN_FLIGHT_TASKS tasks waited for an answer.",
        "late: has its machine or container too little CPU, or did it sleep? See the schedule's lag " +
          "on the dashboard.",
        "in_flight: the platform answers slowly; see `/tasks?state=pending`. Only when that is " +
          "right, raise MAX_IN_FLIGHT_TASKS or TASK_INTERVAL_SECONDS.",
      ),
    },
  };
}

function probeTokenRequestsFail(times: Times): AlertingRule {
  const window = times.minutes(5);
  return {
    alert: "ProbeTokenRequestsFail",
    expr: failsOnly(METRICS.tokenRequests.name, INSTANCE, window),
    for: times.minutes(2),
    labels: { severity: "ticket" },
    annotations: {
      summary: "The probe at {{ $labels.instance }} gets no token",
      description:
        `requests for a token fail, at least three, and none has succeeded for ${window}`,
      runbook: tokenRunbook(),
    },
  };
}

function probeTokenNearExpiry(times: Times): AlertingRule {
  const { tokenRequests, tokenExpiry } = METRICS;
  return {
    alert: "ProbeTokenNearExpiry",
    expr: `${tokenExpiry.name} - time() < ${times.seconds(60)}
and on (${INSTANCE}, app_id) (
  ${indent(failsOnly(tokenRequests.name, `${INSTANCE}, app_id`, times.minutes(2)))}
)`,
    for: times.minutes(0.5),
    labels: { severity: "page" },
    annotations: {
      summary: "The token of the probe at {{ $labels.instance }} {{ if gt $value 0.0 }}ends in " +
        "{{ humanizeDuration $value }}{{ else }}has ended{{ end }}, and it gets no new one",
      description: "less than a minute is left of a token, or nothing, while requests for a new " +
        `one fail, at least three, and none has succeeded for ${times.minutes(2)}`,
      runbook: tokenRunbook(),
    },
  };
}

function tokenRunbook(): string {
  return steps(
    "First look at the log of {{ $labels.instance }}: each failed request says what the identity " +
      "provider answered.",
    `Run ${CHECK} to see whether its name, its address or the credentials are at fault.`,
    "A refused client (400, 401) has a wrong or expired secret: put the new one where the old one " +
      "is. The probe reads a secret's file anew; under systemd, or without a file, restart it.",
    "Anything else is the provider's; when the token has ended, all tasks fail with auth.",
  );
}

function certificateNearExpiry(): AlertingRule {
  const { certificateExpiry } = METRICS;
  const [host] = certificateExpiry.labels;
  return {
    alert: "CertificateNearExpiry",
    expr: `min by (${LOCATION}, ${host}) (${certificateExpiry.name}) - time() < ` +
      `${CERTIFICATE_DAYS * 86_400}`,
    labels: { severity: "ticket" },
    annotations: {
      summary: `The certificate of {{ $labels.${host} }} {{ if gt $value 0.0 }}ends in ` +
        "{{ humanizeDuration $value }}{{ else }}has ended{{ end }}",
      description: `the certificate that a host shows ends within ${CERTIFICATE_DAYS} days`,
      runbook: steps(
        `First look at the certificate: \`openssl s_client -connect {{ $labels.${host} }} </dev/null ` +
          "| openssl x509 -noout -dates -issuer\`, with `:443` where the host has no port.",
        "Tell whoever runs that host; once it has ended, all tasks fail with tls, or with auth " +
          "where it is the identity provider's.",
        "When that shows a newer one, some of its servers still show the old one.",
      ),
    },
  };
}

function probeHeartbeatFails(times: Times): AlertingRule {
  const window = times.window(1);
  return {
    alert: "ProbeHeartbeatFails",
    expr: failsOnly(METRICS.heartbeats.name, INSTANCE, window),
    labels: { severity: "ticket" },
    annotations: {
      summary: "The heartbeats of the probe at {{ $labels.instance }} are not received",
      description: `heartbeats fail, at least three, and none has been received for ${window}`,
      runbook: steps(
        "First look at the log of {{ $labels.instance }} for `heartbeats fail`: it says why.",
        "Ask the address yourself from the probe's machine: `curl -I` with HEARTBEAT_URL.",
        "Until it is mended, whoever waits for the heartbeats takes the probe for dead.",
      ),
    },
  };
}

/** Several failures in the window and no success. */
function failsOnly(counter: string, by: string, window: string): string {
  const increase = (result: string) =>
    `sum by (${by}) (increase(${counter}{result="${result}"}[${window}]))`;
  return `${increase("failed")} ${SEVERAL}\nunless\n${increase("ok")} > 0`;
}

function indent(expression: string): string {
  return expression.replaceAll("\n", "\n  ");
}

/** A runbook: what to look at first, and numbered steps after it. */
function steps(first: string, ...others: string[]): string {
  return [first, ...others.map((step, i) => `${i + 1}. ${step}`)].join("\n");
}
