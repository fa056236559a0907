import { assert, assertEquals } from "@std/assert";
import type { AlertingRule, RuleGroup } from "../../../src/prometheus/rules/rule_file.ts";
import { testRules, WITHOUT_PROMTOOL } from "../../support/prometheus_tools.ts";
import { OBJECTIVES, rulesOf } from "../../prometheus/rules/rules_of.ts";
import { CREDENTIAL_STORIES } from "./stories/credential_stories.ts";
import { DATASET_STORIES } from "./stories/dataset_stories.ts";
import { NETWORK_STORIES } from "./stories/network_stories.ts";
import { OUTAGE_STORIES } from "./stories/outage_stories.ts";
import { PROBE_STORIES } from "./stories/probe_stories.ts";
import { SLO_STORIES } from "./stories/slo_stories.ts";
import type { Story } from "./stories/story.ts";
import { type Labels, World } from "./world.ts";

const STORIES = [
  ...DATASET_STORIES,
  ...OUTAGE_STORIES,
  ...SLO_STORIES,
  ...PROBE_STORIES,
  ...CREDENTIAL_STORIES,
  ...NETWORK_STORIES,
];

/** Each story runs once, for its own test and for the test of all of them. */
const worlds = new Map<Story, Promise<World>>();

function worldOf(story: Story): Promise<World> {
  const known = worlds.get(story);
  if (known) return known;
  const world = new World({ latencySeconds: OBJECTIVES.latencySeconds, ...story.options });
  const running = story.run(world).then(() => world);
  worlds.set(story, running);
  return running;
}

for (const story of STORIES) {
  Deno.test({
    name: story.name,
    ignore: WITHOUT_PROMTOOL,
    async fn() {
      const world = await worldOf(story);
      assert(world.expectations.length > 0);
      const groups = groupsOfAlerts(story);
      // JSON is YAML.
      const rules = JSON.stringify({ groups });
      await testRules(rules, unitTests(story, world, rules, groups));
    },
  });
}

Deno.test("each alert fires, does not fire though it nearly does, and recovers in a story", async () => {
  const seen = {
    firing: new Set<string>(),
    recovering: new Set<string>(),
    summarized: new Set<string>(),
  };
  for (const story of STORIES) {
    const { expectations } = await worldOf(story);
    let before = new Set<string>();
    for (const { firing, summaries } of expectations) {
      const now = new Set(firing.map(nameOf));
      for (const name of now) seen.firing.add(name);
      for (const name of before.difference(now)) seen.recovering.add(name);
      for (const { labels, summary } of summaries) {
        seen.summarized.add(nameOf(labels));
        assert(summary.length < 300, summary);
      }
      before = now;
    }
    for (const name of story.nearMisses) {
      const isSilent = expectations.some(({ firing }) => !firing.map(nameOf).includes(name));
      assert(isSilent, `${story.name}: ${name} fires all the time`);
    }
  }
  const all = rulesOf(OBJECTIVES).alerts.map(({ alert }) => alert).sort();
  for (const [what, names] of Object.entries(seen)) assertEquals([...names].sort(), all, what);
  assertEquals([...new Set(STORIES.flatMap(({ nearMisses }) => nearMisses))].sort(), all);
});

/** The groups that some alert depends on: promtool takes as long for the others. */
function groupsOfAlerts({ objectives }: Story): RuleGroup[] {
  const { groups } = rulesOf({ ...OBJECTIVES, ...objectives });
  return groups.filter((group) =>
    group.rules.some((rule) =>
      "alert" in rule ||
      groups.some((other) => other !== group && JSON.stringify(other).includes(rule.record))
    )
  );
}

/** What `promtool test rules` checks: which alerts fire when, and their annotations. */
function unitTests(
  { objectives, externalLabels = {} }: Story,
  world: World,
  rules: string,
  groups: readonly RuleGroup[],
): object {
  const { alerts } = rulesOf({ ...OBJECTIVES, ...objectives });
  const interval = `${world.scrapeSeconds}s`;
  return {
    evaluation_interval: interval,
    group_eval_order: groups.map(({ name }) => name),
    tests: [{
      interval: `${world.valueSeconds}s`,
      external_labels: externalLabels,
      // Of no other can a rule know, and promtool takes long to store them.
      input_series: world.inputSeries().filter(({ series }) =>
        rules.includes(series.slice(0, series.indexOf("{")))
      ),
      promql_expr_test: world.expectations.map(({ atSeconds, firing }) => ({
        expr: 'ALERTS{alertstate="firing"}',
        eval_time: `${atSeconds}s`,
        exp_samples: firing.map((labels) => ({
          labels: `ALERTS${selector({ ...labels, alertstate: "firing" })}`,
          value: 1,
        })),
      })),
      alert_rule_test: world.expectations.flatMap(({ atSeconds, summaries }) =>
        [...Map.groupBy(summaries, ({ labels }) => nameOf(labels))].map(([alertname, some]) => ({
          eval_time: `${atSeconds}s`,
          alertname,
          exp_alerts: some.map(({ labels: { alertname: _, ...labels }, summary }) => ({
            exp_labels: labels,
            exp_annotations: annotationsOf(
              alerts.find(({ alert }) => alert === alertname),
              labels,
              summary,
            ),
          })),
        }))
      ),
    }],
  };
}

function nameOf({ alertname = "" }: Labels): string {
  return alertname;
}

function selector(labels: Labels): string {
  return `{${Object.entries(labels).map(([name, value]) => `${name}=${JSON.stringify(value)}`)}}`;
}

/** The annotations as Prometheus sends them, with a summary that the story names. */
function annotationsOf(rule: AlertingRule | undefined, labels: Labels, summary: string) {
  assert(rule, `no alert has the summary ${summary}`);
  const fill = (text: string) =>
    text.replace(/\{\{ \$labels\.(\w+) \}\}/g, (_, name: string) => labels[name] ?? "");
  const filled = Object.entries(rule.annotations).map(([name, text]) => [name, fill(text)]);
  return { ...Object.fromEntries(filled), summary };
}
