import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { parse as parseYaml } from "npm:yaml@2.9.1";
import { METRICS } from "../../src/prometheus/definitions.ts";
import type { Objectives } from "../../src/prometheus/slo.ts";
import {
  type AlertingRule,
  type RecordingRule,
  rules,
  rulesAsYaml,
} from "../../src/prometheus/rules/rules.ts";
import { check, read, type Recorded } from "../support/promql.ts";
import { checkRules, testRules, WITHOUT_PROMTOOL } from "../support/prometheus_tools.ts";
import { type Labels, type Slot, World, type WorldOptions } from "../monitoring/world.ts";

const OBJECTIVES: Objectives = { taskIntervalSeconds: 10, availability: 0.999, latencySeconds: 1 };
const JOB = "dataplatform-probe";

const OTHERS: Objectives[] = [
  { taskIntervalSeconds: 0.1, availability: 0.9, latencySeconds: 0.25 },
  { taskIntervalSeconds: 60, availability: 0.99999, latencySeconds: 60 },
  { taskIntervalSeconds: 3600, availability: 0.999, latencySeconds: 3600 },
  { taskIntervalSeconds: 7.3, availability: 0.5, latencySeconds: 1.5 },
  { taskIntervalSeconds: 0.001, availability: Number.MIN_VALUE, latencySeconds: 0.001 },
  { taskIntervalSeconds: 2_592_000, availability: 1 - Number.EPSILON, latencySeconds: 2_592_000 },
];

function rulesOf(objectives: Objectives, shortestWindowSeconds?: number) {
  const { groups } = rules(objectives, { shortestWindowSeconds });
  const all = groups.flatMap((group) => group.rules);
  return {
    groups,
    recordings: all.filter((rule): rule is RecordingRule => "record" in rule),
    alerts: all.filter((rule): rule is AlertingRule => "alert" in rule),
  };
}

// ------------------------------------------------------- the PromQL checker

const WRONG_EXPRESSIONS: [expression: string, problem: string][] = [
  ["sum(probe_task_created_total)", "unknown metric probe_task_created_total"],
  ["probe_task_duration_seconds", "unknown metric probe_task_duration_seconds"],
  ["probe_tasks_failed_total{reason='dns'}", "probe_tasks_failed_total has no label reason"],
  ['probe_task_failures_total{reason="conect"}', 'reason is never as in reason="conect"'],
  ['probe_task_failures_total{reason=~"dns|conect"}', 'reason is never as in reason=~"dns|conect"'],
  ['probe_task_duration_seconds_sum{le="1"}', "probe_task_duration_seconds_sum has no label le"],
  ["sum by (dataset) (probe_tasks_failed_total)", "nothing has the label dataset in by (dataset)"],
  ["sum without (cause) (up)", "nothing has the label cause in without (cause)"],
  ["sum by (job) (up) + on (instance) up", "nothing has the label instance in on (instance)"],
  ["up + ignoring (reason) up", "nothing has the label reason in ignoring (reason)"],
  [
    "up * on (job) group_left (version) up",
    "nothing has the label version in on (job) group_left (version)",
  ],
  ["histogram_quantile(0.9, up)", "nothing has the label le in histogram_quantile(0.9, up)"],
  ["rate(probe_tasks_in_flight[5m])", "rate of the gauge probe_tasks_in_flight"],
  ["rate(up[5m)", 'syntax error at 10, before ")"'],
  ["sum by (job (up)", 'syntax error at 12, before "(up)"'],
];

for (const [expression, problem] of WRONG_EXPRESSIONS) {
  Deno.test(`the checker refuses ${expression}`, () => {
    assertEquals(check(expression)[0], problem);
  });
}

Deno.test("the checker follows labels through an expression", () => {
  const { problems, metrics, labels } = read(
    "sum by (app_id, cause) (rate(probe_slots_skipped_total[5m])) * on (app_id) " +
      "group_left (version) probe_build_info and on (app_id) recorded",
    { recorded: ["app_id"] },
  );

  assertEquals(problems, []);
  assertEquals([...metrics], ["probe_slots_skipped_total", "probe_build_info", "recorded"]);
  assertEquals([...labels ?? []].sort(), ["app_id", "cause", "version"]);
});

// ------------------------------------------------------ what the rules say

for (const objectives of [OBJECTIVES, ...OTHERS]) {
  const name = JSON.stringify(objectives);

  Deno.test(`the rules name only what is exposed: ${name}`, () => {
    const { recordings, alerts } = rulesOf(objectives);
    const recorded: Recorded = {};
    // A rule may name itself.
    for (const { record, expr, labels = {} } of [...recordings, ...recordings]) {
      recorded[record] ??= [];
      recorded[record] = [...read(expr, recorded).labels ?? [], ...Object.keys(labels)];
    }
    for (const { record, expr } of recordings) assertEquals(check(expr, recorded), [], record);
    for (const { alert, expr, annotations } of alerts) {
      const { problems, labels } = read(expr, recorded);
      assertEquals(problems, [], alert);
      const named = JSON.stringify(annotations).matchAll(/\$labels\.(\w+)/g);
      for (const [, label] of named) assert(labels?.has(label), `${alert} has no label ${label}`);
    }
  });

  Deno.test({
    name: `promtool accepts the rules: ${name}`,
    ignore: WITHOUT_PROMTOOL,
    fn: () => checkRules(rulesAsYaml(objectives)),
  });

  Deno.test(`the rules are the same in YAML: ${name}`, () => {
    const yaml = rulesAsYaml(objectives);

    assertEquals(parseYaml(yaml), rules(objectives));
    const { taskIntervalSeconds, availability, latencySeconds } = objectives;
    assertStringIncludes(
      yaml.split("\n").slice(0, 2).join(" "),
      `TASK_INTERVAL_SECONDS=${taskIntervalSeconds} SLO_AVAILABILITY=${availability} ` +
        `SLO_LATENCY_SECONDS=${latencySeconds}`,
    );
  });
}

Deno.test("no name of a metric is written down in the rules", async () => {
  const source = await Deno.readTextFile(
    new URL("../../src/prometheus/rules/rules.ts", import.meta.url),
  );

  const written = Object.values(METRICS).map(({ name }) => name).filter((name) =>
    source.includes(name)
  );
  assertEquals(written, []);
});

Deno.test("every rule has a name of its own", () => {
  const { recordings, alerts } = rulesOf(OBJECTIVES);
  const names = [
    ...recordings.map(({ record, labels }) => record + JSON.stringify(labels ?? {})),
    ...alerts.map(({ alert }) => alert),
  ];

  assertEquals(new Set(names).size, names.length);
});

Deno.test("every runbook starts with what to look at first", () => {
  for (
    const { alert, annotations: { runbook, summary, description } } of rulesOf(OBJECTIVES).alerts
  ) {
    const [first, ...others] = runbook.split("\n");
    assert(first.startsWith("First look at "), alert);
    assert(others.length >= 2 && others.length <= 4, `${alert}: ${others.length} steps`);
    others.forEach((step, i) => assert(step.startsWith(`${i + 1}. `), step));
    assert(summary.length < 300 && description.length < 200, alert);
  }
});

Deno.test("burn rates that cannot be reached have no alert", () => {
  const names = (availability: number) =>
    rulesOf({ ...OBJECTIVES, availability }).alerts.map(({ alert }) => alert)
      .filter((alert) => alert.startsWith("DatasetAvailability"));
  const fast = (availability: number) =>
    rulesOf({ ...OBJECTIVES, availability }).alerts
      .find(({ alert }) => alert === "DatasetAvailabilityBudgetBurnsFast")?.expr;

  assertEquals(names(0.999), [
    "DatasetAvailabilityBudgetBurnsFast",
    "DatasetAvailabilityBudgetBurnsSlowly",
  ]);
  assertEquals(names(0.5), ["DatasetAvailabilityBudgetBurnsSlowly"]);
  assertEquals(names(Number.MIN_VALUE), []);
  assertStringIncludes(fast(0.9) ?? "", "> 0.6\n");
  assertEquals(fast(0.9)?.includes("> 1.44"), false);
});

Deno.test("budgets burn too fast over a long window and a short one at once", () => {
  const conditions = (name: string) => {
    const { expr } = rulesOf(OBJECTIVES).alerts.find(({ alert }) => alert === name)!;
    return expr.replaceAll("dataset:probe_tasks_failed:", "").replace(/\s+/g, " ");
  };

  assertEquals(
    conditions("DatasetAvailabilityBudgetBurnsFast"),
    "( ratio_rate1h > 0.0144 and ratio_rate5m > 0.0144 and increase5m > 2.5 ) or " +
      "( ratio_rate6h > 0.006 and ratio_rate30m > 0.006 and increase30m > 2.5 )",
  );
  assertEquals(
    conditions("DatasetAvailabilityBudgetBurnsSlowly"),
    "( ratio_rate1d > 0.003 and ratio_rate2h > 0.003 and increase2h > 2.5 ) or " +
      "( ratio_rate3d > 0.001 and ratio_rate6h > 0.001 and increase6h > 2.5 )",
  );
});

Deno.test("all times follow the shortest window, and the interval", () => {
  const windows = (objectives: Objectives, shortest?: number) => {
    const { groups, alerts } = rulesOf(objectives, shortest);
    const text = groups.flatMap((group) => group.rules).map(({ expr }) => expr).join("\n");
    const used = new Set([...text.matchAll(/\[(\w+)\]/g)].map(([, window]) => window));
    return {
      windows: [...used].join(" "),
      waits: alerts.flatMap((alert) => alert.for ?? []).join(" "),
    };
  };

  assertEquals(windows(OBJECTIVES), {
    windows: "5m 30m 1h 2h 6h 1d 3d 2m",
    waits: "2m 2m 30s",
  });
  assertEquals(windows({ ...OBJECTIVES, taskIntervalSeconds: 61 }).windows.split(" ")[0], "7m");
  assertEquals(windows({ ...OBJECTIVES, taskIntervalSeconds: 3600 }), {
    windows: "6h 1d12h 3d 6d 18d 72d 216d 1d 5m 2m",
    waits: "2m 2m 30s",
  });
  assertEquals(windows({ ...OBJECTIVES, taskIntervalSeconds: 0.2 }, 5), {
    windows: "5s 30s 1m 2m 6m 24m 1h12m 2s",
    waits: "2s 2s 500ms",
  });
});

// ---------------------------------------------------------------- stories

type Story = {
  name: string;
  /** Alerts that come close to firing and must not. */
  nearly: string[];
  objectives?: Partial<Objectives>;
  options?: WorldOptions;
  externalLabels?: Labels;
  tell: (world: World) => Promise<void>;
};

type Alert = Parameters<World["expect"]>[0];

const dataset = (labels: Labels = {}) => ({ job: JOB, dataset_id: "a", ...labels });
const probe = (labels: Labels = {}) => ({ job: JOB, instance: "probe:8000", ...labels });

function fails(reason: string, labels: Labels = {}): Alert {
  return { alert: "DatasetFails", labels: dataset({ reason, ...labels }) };
}

function fast(labels: Labels = {}, title = "Availability"): Alert {
  return { alert: `Dataset${title}BudgetBurnsFast`, labels: dataset(labels) };
}

function slowly(labels: Labels = {}, title = "Availability"): Alert {
  return {
    alert: `Dataset${title}BudgetBurnsSlowly`,
    severity: "ticket",
    labels: dataset(labels),
  };
}

/** What many failures in a short history burn. */
function burns(labels: Labels = {}): Alert[] {
  return [fast(labels), slowly(labels)];
}

/** One in so many is not fast. */
function oneIn(count: number, what: Slot): (slot: number) => Slot {
  return (slot) => slot % count === 0 ? what : "fast";
}

/** The first slots are like that, the others fast. */
function first(count: number, what: Slot): (slot: number) => Slot {
  return (slot) => slot < count ? what : "fast";
}

const STORIES: Story[] = [
  {
    name: "all is well, and the probe is restarted",
    nearly: ["DatasetFails", "ProbeStalled", "ProbeDown"],
    async tell(world) {
      const one = world.start();
      for (let quarter = 0; quarter < 40; quarter++) {
        await world.pass(0.25);
        world.expect();
      }
      one.stop();
      await world.pass(1.5);
      world.expect();
      world.start();
      for (let quarter = 0; quarter < 40; quarter++) {
        await world.pass(0.25);
        world.expect();
      }
    },
  },
  {
    name: "every task of a dataset fails for a while",
    nearly: ["DatasetFails"],
    async tell(world) {
      const one = world.start({ datasets: ["a", "b"] });
      await world.pass(5);
      one.now({ slot: (_, id) => id === "a" ? "server_error" : "fast" });
      await world.pass(1.75);
      world.expect(...burns());
      await world.pass(0.75);
      const summary = "Every task of dataset a fails: server_error";
      world.expect({ ...fails("server_error"), summary }, ...burns());
      one.now("fast");
      await world.pass(0.5);
      world.expect(...burns());
    },
  },
  {
    name: "now and then a task succeeds",
    nearly: ["DatasetFails"],
    async tell(world) {
      const one = world.start();
      await world.pass(5);
      one.now({ slot: (slot) => slot % 6 === 5 ? "fast" : "timeout" });
      await world.pass(5);
      world.expect(...burns());
    },
  },
  {
    name: "the most frequent reason is named, with the location",
    nearly: [],
    async tell(world) {
      const labels = { location: "oslo" };
      const one = world.start({ labels });
      one.now({ slot: (slot) => slot % 3 === 0 ? "timeout" : "server_error" });
      await world.pass(3);
      const summary = "Every task of dataset a from oslo fails: server_error";
      world.expect({ ...fails("server_error", labels), summary }, ...burns(labels));
    },
  },
  {
    name: "the location of Prometheus itself is named",
    nearly: [],
    externalLabels: { location: "bergen" },
    async tell(world) {
      const one = world.start();
      one.now("tls");
      await world.pass(3);
      const summary = "Every task of dataset a from bergen fails: tls";
      world.expect({ ...fails("tls"), summary }, ...burns());
    },
  },
  ...["probe:8000", "other:8000"].map((instance): Story => ({
    name: `the probe is restarted in an outage, and comes back at ${instance}`,
    nearly: [],
    async tell(world) {
      const one = world.start();
      await world.pass(10);
      one.now("connect");
      await world.pass(3);
      world.expect(fails("connect"), ...burns());
      one.vanish();
      await world.pass(0.25);
      world.expect(fails("connect"), ...burns());
      const two = world.start({ instance });
      two.now("connect");
      for (let quarter = 0; quarter < 20; quarter++) {
        await world.pass(0.25);
        world.expect(fails("connect"), ...burns());
      }
      two.now("fast");
      await world.pass(0.5);
      world.expect(...burns());
    },
  })),
  {
    name: "a dataset fails from one location, then from two",
    nearly: ["DatasetFailsFromSeveralLocations"],
    async tell(world) {
      const [oslo, bergen] = ["oslo", "bergen"].map((location) => ({ location }));
      const one = world.start({ labels: oslo });
      const two = world.start({ labels: bergen, instance: "b:8000" });
      await world.pass(5);
      one.now("not_found");
      two.now({ slot: oneIn(3, "not_found") });
      await world.pass(6);
      world.expect(fails("not_found", oslo), ...burns(oslo), ...burns(bergen));
      two.now("not_found");
      await world.pass(3);
      world.expect(
        fails("not_found", oslo),
        fails("not_found", bergen),
        ...burns(oslo),
        ...burns(bergen),
        {
          alert: "DatasetFailsFromSeveralLocations",
          labels: { dataset_id: "a" },
          summary: "Most tasks of dataset a fail from 2 locations",
        },
      );
      two.now("fast");
      await world.pass(3);
      world.expect(fails("not_found", oslo), ...burns(oslo), ...burns(bergen));
    },
  },
  ...(["Availability", "Latency"] as const).flatMap((title): Story[] => {
    const bad: Slot = title === "Latency" ? "slow" : "server_error";
    const what = title === "Latency" ? "successes took more than 1 s" : "tasks failed";
    const name = title.toLowerCase();
    const summary = (speed: string, share: string, windows: string) =>
      `The ${name} budget of dataset a burns ${speed}: ${share} of its ${what} ` +
      `in the last ${windows}`;
    const [burnsFast, burnsSlowly] = [fast({}, title), slowly({}, title)];
    return [
      {
        name: `the ${name} budget burns fast, and recovers`,
        nearly: [],
        options: { scrapeSeconds: 60 },
        async tell(world) {
          const one = world.start();
          await world.pass(60);
          one.now({ slot: oneIn(5, bad) });
          await world.pass(10);
          world.expect(
            { ...burnsFast, summary: summary("fast", "3.333%", "1h or 6h") },
            { ...burnsSlowly, summary: summary("slowly", "2.892%", "1d or 3d") },
          );
          one.now("fast");
          await world.pass(25);
          world.expect(burnsFast, burnsSlowly);
          await world.pass(8);
          world.expect(burnsSlowly);
          await world.pass(5.5 * 60);
          world.expect();
        },
      },
      {
        name: `the ${name} budget burns fast across a restart`,
        nearly: [],
        options: { scrapeSeconds: 60 },
        async tell(world) {
          const one = world.start();
          await world.pass(60);
          one.now({ slot: oneIn(5, bad) });
          await world.pass(10);
          world.expect(burnsFast, burnsSlowly);
          one.stop();
          const two = world.start();
          two.now({ slot: oneIn(5, bad) });
          for (let minute = 0; minute < 10; minute++) {
            await world.pass(1);
            world.expect(burnsFast, burnsSlowly);
          }
        },
      },
      {
        name: `the ${name} budget burns slowly`,
        nearly: [burnsFast.alert],
        options: { scrapeSeconds: 60 },
        async tell(world) {
          const one = world.start();
          await world.pass(60);
          one.now({ slot: oneIn(500, bad) });
          await world.pass(6 * 60);
          world.expect(burnsSlowly);
        },
      },
      {
        name: `two bad tasks in a row burn no ${name} budget`,
        nearly: [burnsFast.alert, burnsSlowly.alert],
        async tell(world) {
          const one = world.start();
          await world.pass(3);
          one.now({ slot: first(2, bad) });
          for (let minute = 0; minute < 10; minute++) {
            await world.pass(1);
            world.expect();
          }
        },
      },
      ...[60, 3600].map((taskIntervalSeconds): Story => ({
        name: `one bad task burns no ${name} budget, with one task in ${taskIntervalSeconds} s`,
        nearly: [burnsFast.alert, burnsSlowly.alert],
        objectives: { taskIntervalSeconds },
        options: { taskIntervalSeconds, scrapeSeconds: taskIntervalSeconds === 60 ? 60 : 240 },
        async tell(world) {
          const one = world.start();
          await world.pass(4 * taskIntervalSeconds / 60);
          one.now({ slot: first(1, bad) });
          for (let task = 0; task < 10; task++) {
            await world.pass(taskIntervalSeconds / 60);
            world.expect();
          }
        },
      })),
    ];
  }),
  {
    name: "with an hour between tasks a probe is not stalled, and three failures are an outage",
    nearly: ["ProbeStalled"],
    objectives: { taskIntervalSeconds: 3600 },
    options: { taskIntervalSeconds: 3600, scrapeSeconds: 240 },
    async tell(world) {
      const one = world.start();
      await world.pass(7 * 60);
      world.expect();
      one.now("http");
      await world.pass(5 * 60);
      world.expect(...burns());
      await world.pass(3 * 60);
      world.expect(fails("http"), ...burns());
      one.now("nothing");
      await world.pass(8 * 60);
      const stalled = { alert: "ProbeStalled", labels: probe() };
      world.expect(stalled, ...burns());
    },
  },
  {
    name: "Prometheus begins to watch a probe that makes a task an hour",
    nearly: ["ProbeStalled"],
    objectives: { taskIntervalSeconds: 3600 },
    options: { taskIntervalSeconds: 3600, scrapeSeconds: 240 },
    async tell(world) {
      const one = world.start();
      one.vanish();
      await world.pass(7.5 * 60);
      one.appear();
      await world.pass(20);
      world.expect();
      await world.pass(7 * 60);
      world.expect();
    },
  },
  {
    name: "slow tasks count under Prometheus 3 as well",
    nearly: [],
    options: { prometheus3: true },
    async tell(world) {
      const one = world.start();
      await world.pass(3);
      world.expect();
      one.now("slow");
      await world.pass(3);
      world.expect(fast({}, "Latency"), slowly({}, "Latency"));
    },
  },
  {
    name: "the probe does not answer",
    nearly: ["ProbeDown"],
    async tell(world) {
      const one = world.start();
      await world.pass(5);
      one.stop();
      await world.pass(2);
      world.expect();
      await world.pass(0.5);
      const summary = "The probe at probe:8000 cannot be scraped";
      world.expect({ alert: "ProbeDown", labels: probe({}), summary });
      world.start();
      await world.pass(0.25);
      world.expect();
    },
  },
  {
    name: "Prometheus knows of no probe",
    nearly: ["ProbeDown"],
    async tell(world) {
      const one = world.start();
      await world.pass(5);
      one.vanish();
      await world.pass(2);
      world.expect();
      await world.pass(0.5);
      const summary = "Prometheus knows of no probe: nothing is scraped as dataplatform-probe";
      world.expect({ alert: "ProbeDown", labels: { job: JOB }, summary });
      world.start();
      await world.pass(0.25);
      world.expect();
    },
  },
  {
    name: "a location loses its probe, and others have theirs",
    nearly: ["ProbeDown"],
    async tell(world) {
      const labels = { location: "bergen" };
      const lost = world.start({ labels });
      world.start({ labels: { location: "oslo" }, instance: "other:8000" });
      await world.pass(5);
      lost.vanish();
      await world.pass(2);
      world.expect();
      await world.pass(0.5);
      const summary = "Prometheus knows of no probe from bergen: " +
        "nothing is scraped as dataplatform-probe";
      world.expect({ alert: "ProbeDown", labels: { job: JOB, ...labels }, summary });
      world.start({ labels });
      await world.pass(0.25);
      world.expect();
    },
  },
  {
    name: "the loop stands still",
    nearly: ["ProbeStalled"],
    async tell(world) {
      const one = world.start();
      await world.pass(6);
      one.now("nothing");
      await world.pass(4.75);
      world.expect();
      await world.pass(0.75);
      const summary = "The probe at probe:8000 answers, but creates no tasks";
      world.expect({ alert: "ProbeStalled", labels: probe(), summary });
      one.now("fast");
      await world.pass(0.5);
      world.expect();
    },
  },
  {
    name: "a probe that stands still from its start is not hidden by that, nor by a restart",
    nearly: ["ProbeStalled"],
    async tell(world) {
      const one = world.start();
      one.now("nothing");
      await world.pass(5);
      world.expect();
      await world.pass(0.5);
      const stalled = { alert: "ProbeStalled", labels: probe() };
      world.expect(stalled);
      one.stop();
      const two = world.start();
      two.now("nothing");
      await world.pass(5);
      world.expect();
      await world.pass(0.5);
      world.expect(stalled);
    },
  },
  ...(["late", "in_flight"] as const).map((cause): Story => ({
    name: `slots are skipped: ${cause}`,
    nearly: ["ProbeSlotsSkipped"],
    async tell(world) {
      const one = world.start();
      await world.pass(10);
      one.now({ slot: first(2, cause) });
      await world.pass(2);
      world.expect();
      one.now({ slot: first(2, cause) });
      await world.pass(18);
      const skipped = {
        alert: "ProbeSlotsSkipped",
        severity: "ticket",
        labels: probe({ cause }),
        summary: `2.235% of the slots of the probe at probe:8000 got no task: ${cause}`,
      };
      world.expect(skipped);
      await world.pass(15);
      world.expect();
    },
  })),
  {
    name: "no new token, but the next one comes in time",
    nearly: ["ProbeTokenRequestsFail", "DatasetFails", "ProbeNetworkSuspect"],
    async tell(world) {
      const one = world.start();
      await world.pass(5.25);
      one.now({ token: "failed" });
      await world.pass(3.25);
      // From eight minutes on it is asked for; it ends after nine.
      world.expect();
      await world.pass(0.5);
      const summary = "The token of the probe at probe:8000 ends in 15s, and it gets no new one";
      world.expect({
        alert: "ProbeTokenNearExpiry",
        labels: probe({ app_id: "0000000" }),
        summary,
      });
      one.now({ token: "ok" });
      await world.pass(0.25);
      world.expect();
    },
  },
  {
    name: "a token that lasts for a while yet wakes nobody",
    nearly: ["ProbeTokenNearExpiry"],
    options: { tokenLifeSeconds: 1200 },
    async tell(world) {
      const one = world.start();
      await world.pass(5);
      one.now({ token: "failed" });
      // From 16 minutes on it is asked for; it ends after 20.
      await world.pass(13.5);
      const noToken = { alert: "ProbeTokenRequestsFail", severity: "ticket", labels: probe() };
      world.expect(noToken);
      await world.pass(1.5);
      world.expect(noToken, {
        alert: "ProbeTokenNearExpiry",
        labels: probe({ app_id: "0000000" }),
      });
    },
  },
  {
    name: "one refusal of a token is none",
    nearly: ["ProbeTokenNearExpiry", "ProbeTokenRequestsFail"],
    async tell(world) {
      const one = world.start();
      await world.pass(4);
      one.now({ token: "failed" });
      await world.pass(0.25);
      one.now({ token: "ok" });
      for (let quarter = 0; quarter < 20; quarter++) {
        await world.pass(0.25);
        world.expect();
      }
    },
  },
  {
    name: "no token at all",
    nearly: ["ProbeNetworkSuspect"],
    async tell(world) {
      const one = world.start();
      await world.pass(5.25);
      one.now({ token: "failed" });
      await world.pass(8);
      world.expect(
        {
          alert: "ProbeTokenNearExpiry",
          labels: probe({ app_id: "0000000" }),
          summary: "The token of the probe at probe:8000 has ended, and it gets no new one",
        },
        {
          alert: "ProbeTokenRequestsFail",
          severity: "ticket",
          labels: probe(),
          summary: "The probe at probe:8000 gets no token",
        },
        fails("auth"),
        ...burns(),
      );
      one.now({ token: "ok" });
      await world.pass(0.5);
      world.expect(...burns());
    },
  },
  {
    name: "a probe that never had a token",
    nearly: ["ProbeTokenNearExpiry", "ProbeNetworkSuspect"],
    async tell(world) {
      const one = world.start();
      one.now({ token: "failed" });
      await world.pass(4);
      const noToken = { alert: "ProbeTokenRequestsFail", severity: "ticket", labels: probe() };
      world.expect(noToken, fails("auth"), ...burns());
    },
  },
  {
    name: "a certificate comes to its end",
    nearly: ["CertificateNearExpiry"],
    async tell(world) {
      const days = 86_400;
      const one = world.start();
      const two = world.start({ instance: "b:8000" });
      one.certificate("api.example", 14.1 * days);
      two.certificate("api.example", 14.1 * days);
      await world.pass(1);
      world.expect();
      one.certificate("api.example", 13.5 * days);
      await world.pass(1);
      const alert = {
        alert: "CertificateNearExpiry",
        severity: "ticket",
        labels: { job: JOB, host: "api.example" },
      };
      const summary = "The certificate of api.example ends in 13d 11h 58m 15s";
      world.expect({ ...alert, summary });
      one.certificate("api.example", -1);
      await world.pass(1);
      world.expect({ ...alert, summary: "The certificate of api.example has ended" });
      one.certificate("api.example", 90 * days);
      await world.pass(1);
      world.expect();
    },
  },
  {
    name: "heartbeats are not received",
    nearly: ["ProbeHeartbeatFails"],
    async tell(world) {
      const one = world.start();
      one.now({ heartbeat: "ok" });
      await world.pass(6);
      one.now({ heartbeat: "failed" });
      await world.pass(4.75);
      world.expect();
      await world.pass(0.75);
      world.expect({
        alert: "ProbeHeartbeatFails",
        severity: "ticket",
        labels: probe(),
        summary: "The heartbeats of the probe at probe:8000 are not received",
      });
      one.now({ heartbeat: "ok" });
      await world.pass(0.5);
      world.expect();
    },
  },
  {
    name: "the probe's own network fails",
    nearly: [],
    async tell(world) {
      const one = world.start({ datasets: ["a", "b"] });
      const both = (reason: string) => [
        ...["a", "b"].map((id) => ({ dataset_id: id })).flatMap((
          labels,
        ) => [fails(reason, labels), ...burns(labels)]),
      ];
      const noToken = { alert: "ProbeTokenRequestsFail", severity: "ticket", labels: probe() };
      const tokenEnds = { alert: "ProbeTokenNearExpiry", labels: probe({ app_id: "0000000" }) };
      const suspect = { alert: "ProbeNetworkSuspect", labels: { job: JOB } };
      await world.pass(5.25);
      one.now({ slot: () => "dns", token: "failed" });
      await world.pass(2.5);
      // The provider has not been asked yet.
      world.expect(...both("dns"));
      await world.pass(1.25);
      const summary = "Neither a dataset nor the identity provider can be reached: " +
        "the fault looks like the probe's own network";
      world.expect(...both("dns"), tokenEnds, { ...suspect, summary });
      // The token has ended: nothing is asked of the platform any more.
      await world.pass(6);
      world.expect(...both("auth"), tokenEnds, noToken, suspect);
      one.stop();
      const two = world.start({ datasets: ["a", "b"] });
      two.now({ slot: () => "dns", token: "failed" });
      await world.pass(5);
      world.expect(...both("auth"), noToken, suspect);
      two.now({ slot: () => "fast", token: "ok" });
      await world.pass(0.5);
      world.expect(...burns(), ...burns({ dataset_id: "b" }));
    },
  },
  {
    name: "the identity provider answers again, and the dataset does not",
    nearly: ["ProbeNetworkSuspect"],
    async tell(world) {
      const one = world.start();
      await world.pass(5.25);
      one.now({ slot: () => "timeout", token: "failed" });
      await world.pass(3.75);
      world.expect(
        fails("timeout"),
        ...burns(),
        { alert: "ProbeTokenNearExpiry", labels: probe({ app_id: "0000000" }) },
        { alert: "ProbeNetworkSuspect", labels: { job: JOB } },
      );
      one.now({ token: "ok" });
      await world.pass(0.5);
      world.expect(fails("timeout"), ...burns());
    },
  },
  {
    name: "what was the matter with the network is forgotten with the probe",
    nearly: ["ProbeNetworkSuspect"],
    async tell(world) {
      const one = world.start();
      await world.pass(5.25);
      one.now({ slot: () => "reset", token: "failed" });
      await world.pass(3.75);
      const tokenEnds = { alert: "ProbeTokenNearExpiry", labels: probe({ app_id: "0000000" }) };
      const suspect = { alert: "ProbeNetworkSuspect", labels: { job: JOB } };
      world.expect(fails("reset"), ...burns(), tokenEnds, suspect);
      one.stop();
      await world.pass(6);
      world.expect({ alert: "ProbeDown", labels: probe() }, ...burns());
      // Of a probe that never had a token nobody knows what its network does.
      const two = world.start();
      two.now({ slot: () => "reset", token: "failed" });
      await world.pass(4);
      const noToken = { alert: "ProbeTokenRequestsFail", severity: "ticket", labels: probe() };
      world.expect(fails("auth"), ...burns(), noToken);
    },
  },
  {
    name: "nothing answers a probe without credentials",
    nearly: ["ProbeNetworkSuspect"],
    async tell(world) {
      const one = world.start();
      one.now({ token: null });
      await world.pass(5);
      one.now("connect");
      await world.pass(5);
      world.expect(fails("connect"), ...burns());
    },
  },
  ...([["one answer is a 503", "server_error"], ["one dataset answers", "fast"]] as const).map((
    [name, answer],
  ): Story => ({
    name: `nothing can be reached, but ${name}`,
    nearly: ["ProbeNetworkSuspect"],
    async tell(world) {
      const one = world.start({ datasets: ["a", "b"] });
      await world.pass(5.25);
      one.now({ slot: (_, id) => id === "a" ? "timeout" : answer, token: "failed" });
      await world.pass(3.75);
      const tokenEnds = { alert: "ProbeTokenNearExpiry", labels: probe({ app_id: "0000000" }) };
      const other = { dataset_id: "b" };
      world.expect(
        fails("timeout"),
        ...burns(),
        tokenEnds,
        ...answer === "fast" ? [] : [fails(answer, other), ...burns(other)],
      );
    },
  })),
];

/** Each is told once, for its own test and for the one of them all. */
const told = new Map<Story, Promise<World>>();

function tell(story: Story): Promise<World> {
  const tale = async () => {
    const world = new World({ latencySeconds: OBJECTIVES.latencySeconds, ...story.options });
    await story.tell(world);
    return world;
  };
  if (!told.has(story)) told.set(story, tale());
  return told.get(story)!;
}

for (const story of STORIES) {
  Deno.test({
    name: `alerts: ${story.name}`,
    ignore: WITHOUT_PROMTOOL,
    async fn() {
      const objectives = { ...OBJECTIVES, ...story.objectives };
      const world = await tell(story);
      const { groups, alerts } = rulesOf(objectives);
      assert(world.expectations.length > 0);
      await testRules(rulesAsYaml(objectives), {
        evaluation_interval: `${world.scrapeSeconds}s`,
        group_eval_order: groups.map(({ name }) => name),
        tests: [{
          interval: `${world.scrapeSeconds}s`,
          external_labels: story.externalLabels ?? {},
          input_series: world.inputSeries(),
          promql_expr_test: world.expectations.map(({ atSeconds, firing }) => ({
            expr: 'ALERTS{alertstate="firing"}',
            eval_time: `${atSeconds}s`,
            exp_samples: firing.map((labels) => ({
              labels: `ALERTS${selector({ ...labels, alertstate: "firing" })}`,
              value: 1,
            })),
          })),
          alert_rule_test: world.expectations.flatMap(({ atSeconds, summaries }) =>
            summaries.map(({ labels: { alertname, ...labels }, summary }) => ({
              eval_time: `${atSeconds}s`,
              alertname,
              exp_alerts: [{
                exp_labels: labels,
                exp_annotations: expand(
                  alerts.find(({ alert }) => alert === alertname)!,
                  labels,
                  summary,
                ),
              }],
            }))
          ),
        }],
      });
    },
  });
}

Deno.test("each alert is seen firing, not firing though it nearly does, and recovering", async () => {
  const seen = {
    firing: new Set<string>(),
    recovering: new Set<string>(),
    said: new Set<string>(),
  };
  for (const story of STORIES) {
    const world = await tell(story);
    let before = new Set<string>();
    for (const { firing, summaries } of world.expectations) {
      const now = new Set(firing.map(({ alertname }) => alertname));
      for (const name of now) seen.firing.add(name);
      for (const name of before) if (!now.has(name)) seen.recovering.add(name);
      for (const { labels } of summaries) seen.said.add(labels.alertname);
      before = now;
    }
    // What nearly fires has a moment of the story at which it does not.
    for (const name of story.nearly) {
      const quiet = world.expectations.some(({ firing }) =>
        firing.every(({ alertname }) => alertname !== name)
      );
      assert(quiet, `${story.name}: ${name}`);
    }
  }
  const all = rulesOf(OBJECTIVES).alerts.map(({ alert }) => alert).sort();
  assertEquals([...seen.firing].sort(), all);
  assertEquals([...seen.recovering].sort(), all);
  assertEquals([...seen.said].sort(), all);
  assertEquals([...new Set(STORIES.flatMap(({ nearly }) => nearly))].sort(), all);
});

function selector(labels: Labels): string {
  return `{${Object.entries(labels).map(([name, value]) => `${name}=${JSON.stringify(value)}`)}}`;
}

/** The annotations as Prometheus sends them, with a summary that the test knows. */
function expand({ annotations }: AlertingRule, labels: Labels, summary: string) {
  const fill = (text: string) =>
    text.replace(/\{\{ \$labels\.(\w+) \}\}/g, (_, name: string) => labels[name] ?? "");
  const { description, runbook } = annotations;
  return { summary, description: fill(description), runbook: fill(runbook) };
}
