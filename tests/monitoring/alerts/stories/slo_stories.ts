import { fast, first, oneIn, slowly, type Story } from "./story.ts";
import type { Slot } from "../world.ts";

/** Error budgets burn. */
export const SLO_STORIES: Story[] = [
  ...(["Availability", "Latency"] as const).flatMap((title): Story[] => {
    const bad: Slot = title === "Latency" ? "slow" : "server_error";
    const what = title === "Latency" ? "successes took more than 1 s" : "tasks failed";
    const name = title.toLowerCase();
    const summary = (speed: string, [first, ...others]: string[]) =>
      `Dataset a: ${first?.replace(" in ", ` of the ${what} in `)}, ${others.join(", ")}. ` +
      `Its ${name} budget burns ${speed}` +
      (title === "Latency" ? "" : ". Most frequent reasons: server_error 100 %");
    const lately = [
      "20 % in the last 5m",
      "3.33 % in the last 1h",
      "1.44 % in the last 6h",
    ];
    const forDays = [
      "1.67 % in the last 2h",
      "1.44 % in the last 1d",
      "1.44 % in the last 3d",
    ];
    const [burnsFast, burnsSlowly] = [fast({}, title), slowly({}, title)];
    return [
      {
        name: `${burnsFast.alert} fires on one bad task in five, and recovers`,
        nearMisses: [],
        options: { scrapeSeconds: 60 },
        async run(world) {
          const one = world.start();
          await world.advance(130);
          one.behave({ slot: oneIn(5, bad) });
          await world.advance(10);
          world.expect(
            { ...burnsFast, summary: summary("fast", lately) },
            { ...burnsSlowly, summary: summary("slowly", forDays) },
          );
          one.behave("fast");
          await world.advance(25);
          world.expect(burnsFast, burnsSlowly);
          await world.advance(13);
          world.expect(burnsSlowly);
          await world.advance(5.5 * 60);
          world.expect();
        },
      },
      {
        name: `${burnsFast.alert} lasts through a restart`,
        nearMisses: [],
        options: { scrapeSeconds: 60 },
        async run(world) {
          const one = world.start();
          await world.advance(130);
          one.behave({ slot: oneIn(5, bad) });
          await world.advance(10);
          world.expect(burnsFast, burnsSlowly);
          one.stop();
          const two = world.start();
          two.behave({ slot: oneIn(5, bad) });
          await world.expectFor(10, burnsFast, burnsSlowly);
        },
      },
      {
        name: `${burnsFast.alert} lasts while a steady 1.5 % of tasks is bad`,
        nearMisses: [burnsFast.alert],
        options: { scrapeSeconds: 60 },
        async run(world) {
          const one = world.start();
          await world.advance(60);
          one.behave({ slot: oneIn(67, bad) });
          await world.advance(75);
          await world.expectFor(45, burnsFast, burnsSlowly);
          one.behave("fast");
          await world.advance(40);
          world.expect(burnsSlowly);
        },
      },
      {
        name: `${burnsSlowly.alert} fires alone on one bad task in 500`,
        nearMisses: [burnsFast.alert],
        options: { scrapeSeconds: 60 },
        async run(world) {
          const one = world.start();
          await world.advance(60);
          one.behave({ slot: oneIn(500, bad) });
          await world.advance(6 * 60);
          world.expect(burnsSlowly);
        },
      },
      {
        name: `${burnsFast.alert} stays silent for two bad tasks in a row`,
        nearMisses: [burnsFast.alert, burnsSlowly.alert],
        async run(world) {
          const one = world.start();
          await world.advance(3);
          one.behave({ slot: first(2, bad) });
          await world.expectFor(10);
        },
      },
      ...[60, 3600].map((taskIntervalSeconds): Story => ({
        name:
          `${burnsFast.alert} stays silent for one bad task, with a task in ${taskIntervalSeconds} s`,
        nearMisses: [burnsFast.alert, burnsSlowly.alert],
        objectives: { taskIntervalSeconds },
        options: { taskIntervalSeconds, scrapeSeconds: taskIntervalSeconds === 60 ? 60 : 240 },
        async run(world) {
          const one = world.start();
          await world.advance(4 * taskIntervalSeconds / 60);
          one.behave({ slot: first(1, bad) });
          await world.expectFor(10 * taskIntervalSeconds / 60);
        },
      })),
    ];
  }),
  {
    name: "DatasetLatencyBudgetBurnsFast counts slow tasks under Prometheus 3",
    nearMisses: [],
    options: { prometheus3: true },
    async run(world) {
      const one = world.start();
      await world.advance(12);
      world.expect();
      one.behave("slow");
      await world.advance(3);
      world.expect(fast({}, "Latency"));
    },
  },
  {
    name: "DatasetAvailabilityBudgetBurnsFast fires for an hour between tasks of which half fail",
    nearMisses: ["DatasetAvailabilityBudgetBurnsFast", "DatasetFails"],
    objectives: { taskIntervalSeconds: 3600 },
    options: { taskIntervalSeconds: 3600, scrapeSeconds: 240 },
    async run(world) {
      const one = world.start();
      await world.advance(8 * 60);
      one.behave({ slot: oneIn(2, "reset") });
      await world.expectFor(4 * 60);
      await world.advance(8 * 60);
      await world.expectFor(60, fast());
    },
  },
  {
    name: "a probe that is restarted for another latency before the rules has no slow success",
    nearMisses: ["DatasetLatencyBudgetBurnsFast", "DatasetLatencyBudgetBurnsSlowly"],
    objectives: { latencySeconds: 1.5 },
    options: { scrapeSeconds: 30 },
    async run(world) {
      const one = world.start({ latencySeconds: 1.5 });
      await world.advance(60);
      one.stop();
      await world.advance(0.5);
      const two = world.start({ latencySeconds: 2 });
      await world.expectFor(30);
      two.stop();
      await world.advance(0.5);
      world.start({ latencySeconds: 1.5 }).behave("slow");
      await world.advance(20);
      world.expect(fast({}, "Latency"));
    },
  },
];
