import { fails, failsFrom, fast, JOB, oneIn, PROVIDER_FAILS, type Story } from "./story.ts";
import type { Labels } from "../world.ts";

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
    name: "DatasetFails is the only alert of an outage, whose end leaves none",
    nearMisses: ["DatasetFails", "DatasetAvailabilityBudgetBurnsFast"],
    options: { scrapeSeconds: 30 },
    async run(world) {
      const one = world.start({ datasets: ["a", "b"] });
      await world.advance(35);
      one.behave({ slot: (_, id) => id === "a" ? "server_error" : "fast" });
      await world.expectFor(1.75);
      await world.advance(0.75);
      const summary =
        "Dataset a has failed since at least 1970-01-01 00:34 UTC, 100 % of its tasks in the last " +
        "2m: server_error 100 % (status 5xx)";
      world.expect({ ...fails(), summary });
      await world.expectFor(10, fails());
      one.behave("fast");
      await world.advance(0.25);
      await world.expectFor(32);
    },
  },
  {
    name: "an outage of half an hour leaves no ticket behind, with hours of history",
    nearMisses: ["DatasetAvailabilityBudgetBurnsSlowly"],
    options: { scrapeSeconds: 60 },
    async run(world) {
      const one = world.start();
      await world.advance(6.5 * 60);
      one.behave("timeout");
      await world.advance(30);
      world.expect(fails());
      one.behave("fast");
      await world.advance(1);
      await world.expectFor(6.5 * 60);
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
      const summary =
        "Dataset a in prod has failed since at least 1970-01-01 00:04 UTC, 100 % of its tasks in the " +
        "last 2m: server_error 100 % (status 5xx)";
      world.expect({ ...fails(labels), summary });
      prod?.behave("fast");
      dev?.behave("server_error");
      await world.advance(5);
      world.expect({ ...fails({ environment: "dev" }), severity: "ticket" });
    },
  },
  {
    name: "a dataset that succeeds now and then is no outage, but burns its budget",
    nearMisses: ["DatasetFails"],
    async run(world) {
      const one = world.start();
      await world.advance(12);
      one.behave({ slot: (slot) => slot % 6 === 5 ? "fast" : "timeout" });
      await world.expectFor(2);
      await world.advance(3);
      await world.expectFor(3, fast());
    },
  },
  {
    name: "DatasetFails keeps its labels while reasons alternate, and names them with their shares",
    nearMisses: [],
    async run(world) {
      const labels = { location: "oslo" };
      const one = world.start({ labels });
      await world.advance(5);
      one.behave({ slot: (slot) => slot % 3 === 0 ? "timeout" : "server_error" });
      await world.advance(3.5);
      const summary =
        "Dataset a (probed from oslo) has failed since at least 1970-01-01 00:04 UTC, 100 % of its " +
        "tasks in the last 2m: server_error 67 % (status 5xx), timeout 33 % (no complete response in time)";
      world.expect({ ...fails(), summary });
      for (const reason of ["dns", "server_error", "reset", "not_found"] as const) {
        one.behave(reason);
        await world.expectFor(3, fails());
      }
      one.behave({ slot: (slot) => slot % 2 === 0 ? "connect" : "http" });
      await world.expectFor(3, fails());
      // A scrape that fails is no end.
      one.stop();
      await world.expectFor(0.5, fails());
      one.appear();
      await world.expectFor(3, fails());
      one.behave("fast");
      await world.advance(0.25);
      await world.expectFor(10);
    },
  },
  {
    name: "DatasetFails lasts alone when the token ends in the outage",
    nearMisses: ["IdentityProviderFails", "ProbeCredentialsRefused"],
    async run(world) {
      const one = world.start();
      await world.advance(5);
      one.behave({ slot: () => "server_error" });
      await world.advance(3);
      world.expect(fails());
      // The token ends at minute nine.
      one.behave({ token: "refused" });
      await world.expectFor(4, fails());
      one.behave({ token: "unreachable" });
      await world.expectFor(3, fails());
      const two = world.start({ instance: "other:8000", datasets: ["b"] });
      two.behave({ token: "unreachable" });
      await world.advance(4);
      world.expect(fails(), PROVIDER_FAILS);
    },
  },
  {
    name: "DatasetFails names the location of Prometheus itself",
    nearMisses: [],
    externalLabels: { location: "bergen" },
    async run(world) {
      const one = world.start();
      await world.advance(5);
      one.behave("tls");
      await world.advance(3);
      const summary =
        "Dataset a (probed from bergen) has failed since at least 1970-01-01 00:04 UTC, 100 % of its " +
        "tasks in the last 2m: tls 100 % (no trusted TLS connection could be made)";
      world.expect({ ...fails(), summary });
    },
  },
  {
    name: "a Prometheus that has just started judges no window that it has not seen",
    nearMisses: ["DatasetFails", "DatasetAvailabilityBudgetBurnsFast"],
    async run(world) {
      const one = world.start({ datasets: ["a", "b"] });
      one.behave({ slot: (slot, id) => id === "a" || slot % 2 === 0 ? "server_error" : "fast" });
      await world.expectFor(2);
      await world.advance(0.5);
      await world.expectFor(2.5, fails());
      await world.advance(5);
      world.expect(fails(), fast({ dataset_id: "b" }));
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
      world.expect(fails());
      one.vanish();
      await world.advance(0.25);
      world.expect(fails());
      const two = world.start({ instance });
      two.behave("connect");
      await world.expectFor(5, fails());
      two.behave("fast");
      await world.advance(0.5);
      await world.expectFor(10);
    },
  })),
  {
    name: "an outage in all locations is one alert, however far apart they notice it",
    nearMisses: ["DatasetFailsFromOneLocation"],
    async run(world) {
      const [oslo, bergen] = ["oslo", "bergen"].map((location) =>
        world.start({ labels: { location }, instance: `${location}:8000` })
      );
      await world.advance(5);
      oslo?.behave("not_found");
      await world.expectFor(0.75);
      bergen?.behave("not_found");
      await world.expectFor(1.75);
      await world.advance(0.5);
      const summary =
        "Dataset a (probed from bergen, oslo) has failed since at least 1970-01-01 00:05 UTC, 100 % of " +
        "its tasks in the last 2m: not_found 100 % (status 404)";
      world.expect({ ...fails(), summary });
      await world.expectFor(5, fails());
      oslo?.behave("fast");
      await world.advance(0.5);
      world.expect();
      bergen?.behave("fast");
      await world.expectFor(5);
    },
  },
  {
    name: "a dataset that fails from one location alone makes the network there suspect",
    nearMisses: ["DatasetFailsFromOneLocation", "DatasetFails"],
    async run(world) {
      const places: Labels[] = [{ location: "oslo" }, { location: "bergen" }, {}];
      const [oslo, bergen] = places.map((labels, i) =>
        world.start({ labels, environment: "prod", instance: `${i}:8000` })
      );
      await world.advance(5);
      oslo?.behave("connect");
      await world.expectFor(2.75);
      await world.advance(0.75);
      const alert = failsFrom("oslo");
      const labels = { ...alert.labels, environment: "prod" };
      const summary =
        "Dataset a in prod has failed from oslo alone since at least 1970-01-01 00:04 UTC, 100 % of " +
        "its tasks in the last 2m: connect 100 % (no connection could be made). Not seen from a probe " +
        "without a location, bergen: suspect the network of oslo first";
      world.expect({ ...alert, labels, summary });
      bergen?.behave("connect");
      await world.advance(2.5);
      world.expect(fails({ environment: "prod" }));
      bergen?.behave("fast");
      oslo?.behave("fast");
      await world.advance(0.5);
      await world.expectFor(5);
    },
  },
  {
    name: "a budget that burns in one location alone makes the network there suspect",
    nearMisses: [],
    async run(world) {
      const [oslo] = ["oslo", "bergen"].map((location) =>
        world.start({ labels: { location }, instance: `${location}:8000` })
      );
      await world.advance(35);
      oslo?.behave({ slot: oneIn(4, "reset") });
      await world.advance(12);
      const summary =
        "Dataset a (probed from oslo): 23.3 % of the tasks failed in the last 5m, 6.41 % in " +
        "the last 1h, 6.41 % in the last 6h. Its availability budget burns fast. Most frequent " +
        "reasons: reset 100 %. Not seen from bergen: suspect the network of oslo first";
      world.expect({ ...fast({ location: "oslo" }), summary });
    },
  },
  {
    name: "a probe that is redeployed elsewhere does not make an outage of one location one of all",
    nearMisses: ["DatasetFails"],
    async run(world) {
      const start = (location: string, instance: string) =>
        world.start({ labels: { location }, instance });
      const [oslo, bergen] = [start("oslo", "oslo:8000"), start("bergen", "bergen:8000")];
      await world.advance(5);
      oslo.behave("connect");
      await world.advance(4);
      world.expect(failsFrom("oslo"));
      bergen.vanish();
      await world.expectFor(1.75, failsFrom("oslo"));
      const down = { alert: "ProbeDown", labels: { job: JOB, location: "bergen" } };
      await world.advance(0.5);
      await world.expectFor(2, failsFrom("oslo"), down);
      start("bergen", "next:8000");
      await world.expectFor(4, failsFrom("oslo"));
      oslo.behave("fast");
      await world.advance(0.5);
      await world.expectFor(3);
    },
  },
];
