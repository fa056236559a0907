import { burns, fails, oneIn, type Story } from "./story.ts";

/** All is well, or a dataset fails. */
export const DATASET_STORIES: Story[] = [
  {
    name: "no alert fires when all is well and the probe restarts",
    nearMisses: ["DatasetFails", "ProbeStalled", "ProbeDown"],
    async run(world) {
      const one = world.start();
      await world.expectFor(10);
      one.stop();
      await world.advance(1.5);
      world.expect();
      world.start();
      await world.expectFor(10);
    },
  },
  {
    name: "DatasetFails fires while every task of a dataset fails",
    nearMisses: ["DatasetFails"],
    async run(world) {
      const one = world.start({ datasets: ["a", "b"] });
      await world.advance(5);
      one.behave({ slot: (_, id) => id === "a" ? "server_error" : "fast" });
      await world.advance(1.75);
      world.expect(...burns());
      await world.advance(0.75);
      const summary = "Every task of dataset a fails: server_error";
      world.expect({ ...fails("server_error"), summary }, ...burns());
      one.behave("fast");
      await world.advance(0.5);
      world.expect(...burns());
    },
  },
  {
    name: "two environments in one Prometheus hide no outage of each other, and dev wakes nobody",
    nearMisses: ["DatasetFails"],
    async run(world) {
      const [dev, prod] = ["dev", "prod"].map((environment) =>
        world.start({ labels: { environment }, instance: `${environment}:8000` })
      );
      await world.advance(5);
      world.expect();
      prod?.behave("server_error");
      await world.advance(2.5);
      const labels = { environment: "prod" };
      const summary = "Every task of dataset a in prod fails: server_error";
      world.expect({ ...fails("server_error", labels), summary }, ...burns(labels));
      prod?.behave("fast");
      dev?.behave("server_error");
      await world.advance(5);
      const inDev = { environment: "dev" };
      const tickets = [fails("server_error", inDev), ...burns(inDev)]
        .map((alert) => ({ ...alert, severity: "ticket" }));
      world.expect(...tickets, ...burns(labels));
    },
  },
  {
    name: "DatasetFails stays silent when a task succeeds now and then",
    nearMisses: ["DatasetFails"],
    async run(world) {
      const one = world.start();
      await world.advance(5);
      one.behave({ slot: (slot) => slot % 6 === 5 ? "fast" : "timeout" });
      await world.advance(5);
      world.expect(...burns());
    },
  },
  {
    name: "DatasetFails names the most frequent reason and the location",
    nearMisses: [],
    async run(world) {
      const labels = { location: "oslo" };
      const one = world.start({ labels });
      one.behave({ slot: (slot) => slot % 3 === 0 ? "timeout" : "server_error" });
      await world.advance(3);
      const summary = "Every task of dataset a (probed from oslo) fails: server_error";
      world.expect({ ...fails("server_error", labels), summary }, ...burns(labels));
    },
  },
  {
    name: "DatasetFails names the location of Prometheus itself",
    nearMisses: [],
    externalLabels: { location: "bergen" },
    async run(world) {
      const one = world.start();
      one.behave("tls");
      await world.advance(3);
      const summary = "Every task of dataset a (probed from bergen) fails: tls";
      world.expect({ ...fails("tls"), summary }, ...burns());
    },
  },
  ...["probe:8000", "other:8000"].map((instance): Story => ({
    name: `DatasetFails lasts through a restart that comes back at ${instance}`,
    nearMisses: [],
    async run(world) {
      const one = world.start();
      await world.advance(10);
      one.behave("connect");
      await world.advance(3);
      world.expect(fails("connect"), ...burns());
      one.vanish();
      await world.advance(0.25);
      world.expect(fails("connect"), ...burns());
      const two = world.start({ instance });
      two.behave("connect");
      await world.expectFor(5, fails("connect"), ...burns());
      two.behave("fast");
      await world.advance(0.5);
      world.expect(...burns());
    },
  })),
  {
    name: "DatasetFailsFromSeveralLocations fires when a second location fails",
    nearMisses: ["DatasetFailsFromSeveralLocations"],
    async run(world) {
      const [oslo, bergen] = ["oslo", "bergen"].map((location) => ({ location }));
      const one = world.start({ labels: oslo });
      const two = world.start({ labels: bergen, instance: "b:8000" });
      await world.advance(5);
      one.behave("not_found");
      two.behave({ slot: oneIn(3, "not_found") });
      await world.advance(6);
      world.expect(fails("not_found", oslo), ...burns(oslo), ...burns(bergen));
      two.behave("not_found");
      await world.advance(3);
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
      two.behave("fast");
      await world.advance(3);
      world.expect(fails("not_found", oslo), ...burns(oslo), ...burns(bergen));
    },
  },
];
