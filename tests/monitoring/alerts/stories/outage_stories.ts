import { fails, fast, first, JOB, oneIn, PROVIDER_FAILS, type Story } from "./story.ts";

const PROBE_DOWN = { alert: "ProbeDown", labels: { job: JOB } };

/** An outage begins when a whole window has failed, and ends when the dataset has recovered. */
export const OUTAGE_STORIES: Story[] = [
  {
    name: "a probe that comes back into an outage has seen two minutes of it before it pages, once",
    nearMisses: ["DatasetFails"],
    async run(world) {
      const one = world.start();
      await world.advance(10);
      one.stop();
      await world.advance(3);
      world.expect(PROBE_DOWN);
      world.start().behave("server_error");
      await world.expectFor(1.5);
      await world.advance(1);
      await world.expectFor(6, fails());
    },
  },
  {
    name: "a probe that comes back before its network does wakes nobody",
    nearMisses: ["DatasetFails"],
    async run(world) {
      const one = world.start();
      await world.advance(45);
      one.stop();
      await world.advance(2.75);
      world.expect(PROBE_DOWN);
      const two = world.start();
      two.behave({ slot: first(3, "dns") });
      await world.expectFor(8);
    },
  },
  {
    name:
      "DatasetFails lasts whenever the rules are evaluated, and one success is alone in a scrape",
    nearMisses: ["DatasetAvailabilityBudgetBurnsFast"],
    options: { evaluatedBeforeSeconds: 5 },
    async run(world) {
      const one = world.start();
      await world.advance(10);
      one.behave("server_error");
      await world.advance(3);
      const succeeds = oneIn(10, "server_error");
      one.behave({ slot: (slot) => succeeds(slot) === "fast" ? "server_error" : "fast" });
      await world.expectFor(20, fails());
      one.behave("fast");
      await world.advance(1);
      await world.expectFor(10);
    },
  },
  {
    name: "DatasetFails lasts while nine tasks in ten fail, and ends when they succeed",
    nearMisses: ["DatasetAvailabilityBudgetBurnsFast"],
    async run(world) {
      const one = world.start();
      await world.advance(10);
      one.behave("server_error");
      await world.advance(3);
      world.expect(fails());
      const succeeds = oneIn(10, "server_error");
      one.behave({ slot: (slot) => succeeds(slot) === "fast" ? "server_error" : "fast" });
      await world.expectFor(19.5, fails());
      await world.advance(0.5);
      const summary =
        "Dataset a has failed since at least 1970-01-01 00:09 UTC, 91 % of its tasks in the last " +
        "2m: server_error 100 % (status 5xx)";
      world.expect({ ...fails(), summary });
      one.behave("fast");
      await world.advance(0.75);
      await world.expectFor(10);
    },
  },
  {
    name: "an outage of which half is left becomes a budget that burns",
    nearMisses: ["DatasetFails"],
    async run(world) {
      const one = world.start();
      await world.advance(10);
      one.behave("server_error");
      await world.advance(3);
      world.expect(fails());
      one.behave({ slot: (slot) => slot % 5 < 3 ? "fast" : "server_error" });
      await world.advance(5);
      await world.expectFor(8, fast());
    },
  },
  {
    name: "DatasetFails outlives the probe, which has seen no end of the outage",
    nearMisses: [],
    async run(world) {
      const one = world.start();
      await world.advance(5);
      one.behave("server_error");
      await world.advance(3);
      one.stop();
      await world.expectFor(1.75, fails());
      await world.advance(1);
      const summary = "Dataset a has failed since at least 1970-01-01 00:04 UTC: " +
        "nobody has looked since, as the probe is away";
      world.expect({ ...fails(), summary }, PROBE_DOWN);
      await world.expectFor(5, fails(), PROBE_DOWN);
      world.start();
      await world.advance(1);
      await world.expectFor(5);
    },
  },
  {
    name: "DatasetFails ends an hour after the last probe of its location",
    nearMisses: ["DatasetFails"],
    options: { scrapeSeconds: 60 },
    async run(world) {
      const one = world.start();
      await world.advance(6);
      one.behave("server_error");
      await world.advance(4);
      world.expect(fails());
      one.stop();
      await world.advance(50);
      world.expect(fails(), PROBE_DOWN);
      await world.advance(15);
      world.expect(PROBE_DOWN);
    },
  },
  {
    name: "DatasetFails ends with a dataset that is not probed any more",
    nearMisses: ["DatasetFails"],
    async run(world) {
      const one = world.start({ datasets: ["a", "b"] });
      await world.advance(5);
      one.behave({ slot: (_, id) => id === "a" ? "not_found" : "fast" });
      await world.advance(3);
      world.expect(fails());
      one.stop();
      world.start({ datasets: ["b"] });
      await world.advance(0.5);
      await world.expectFor(5);
    },
  },
  {
    name: "IdentityProviderFails outlives the probe, which has seen no end of it",
    nearMisses: [],
    async run(world) {
      const one = world.start();
      one.behave({ token: "unreachable" });
      await world.advance(5);
      world.expect(PROVIDER_FAILS);
      one.stop();
      await world.expectFor(1.75, PROVIDER_FAILS);
      await world.advance(3);
      world.expect(PROVIDER_FAILS, PROBE_DOWN);
      world.start();
      await world.advance(1);
      await world.expectFor(5);
    },
  },
  {
    name: "DatasetFails lasts while the probe stands still, and does not say that it is away",
    nearMisses: [],
    async run(world) {
      const one = world.start();
      await world.advance(5);
      one.behave("server_error");
      await world.advance(3);
      one.behave("nothing");
      await world.advance(3);
      const summary = "Dataset a has failed since at least 1970-01-01 00:04 UTC: " +
        "no task has ended in the last 2m";
      world.expect({ ...fails(), summary });
    },
  },
];
