import { fails, first, JOB, probe, STALLED, type Story } from "./story.ts";

/** The probe is gone, stands still or loses its heartbeats. */
export const PROBE_STORIES: Story[] = [
  {
    name: "ProbeStalled and DatasetFails fire with an hour between tasks",
    nearMisses: ["ProbeStalled"],
    objectives: { taskIntervalSeconds: 3600 },
    options: { taskIntervalSeconds: 3600, scrapeSeconds: 240 },
    async run(world) {
      const one = world.start();
      await world.advance(7 * 60);
      world.expect();
      one.behave("http");
      await world.advance(5 * 60);
      world.expect();
      await world.advance(3 * 60);
      world.expect(fails());
      one.behave("nothing");
      await world.advance(8 * 60);
      // Nothing says that the outage is over.
      world.expect(fails(), STALLED);
    },
  },
  {
    name: "ProbeStalled stays silent when Prometheus discovers a probe that creates a task an hour",
    nearMisses: ["ProbeStalled"],
    objectives: { taskIntervalSeconds: 3600 },
    options: { taskIntervalSeconds: 3600, scrapeSeconds: 240 },
    async run(world) {
      const one = world.start();
      one.vanish();
      await world.advance(7.5 * 60);
      one.appear();
      await world.advance(20);
      world.expect();
      await world.advance(7 * 60);
      world.expect();
    },
  },
  {
    name: "ProbeDown fires while a probe does not respond",
    nearMisses: ["ProbeDown"],
    async run(world) {
      const one = world.start();
      await world.advance(5);
      one.stop();
      await world.advance(2);
      world.expect();
      await world.advance(0.5);
      const summary =
        "The probe at probe:8000 cannot be scraped: nobody notices an outage from there";
      world.expect({ alert: "ProbeDown", labels: { job: JOB }, summary });
      world.start();
      await world.advance(0.25);
      world.expect();
    },
  },
  {
    name: "ProbeDown fires while no probe is scraped",
    nearMisses: ["ProbeDown"],
    async run(world) {
      const one = world.start();
      await world.advance(5);
      one.vanish();
      await world.advance(2);
      world.expect();
      await world.advance(0.5);
      const summary = "No probe is scraped: nobody notices an outage from there";
      world.expect({ alert: "ProbeDown", labels: { job: JOB }, summary });
      world.start();
      await world.advance(0.25);
      world.expect();
    },
  },
  {
    name: "ProbeDown fires for a location that loses its probe while another has one",
    nearMisses: ["ProbeDown"],
    async run(world) {
      const environment = "prod";
      const labels = { location: "bergen" };
      const lost = world.start({ environment, labels });
      world.start({ environment, labels: { location: "oslo" }, instance: "other:8000" });
      await world.advance(5);
      lost.vanish();
      await world.advance(2);
      world.expect();
      await world.advance(0.5);
      const summary =
        "No probe in prod (location bergen) is scraped: nobody notices an outage from there";
      world.expect({ alert: "ProbeDown", labels: { job: JOB, environment, ...labels }, summary });
      world.start({ environment, labels });
      await world.advance(0.25);
      world.expect();
    },
  },
  {
    name: "ProbeDown fires for an environment that loses its probe while another has one",
    nearMisses: ["ProbeDown"],
    async run(world) {
      const lost = world.start({ environment: "prod" });
      world.start({ environment: "dev", instance: "other:8000" });
      await world.advance(5);
      lost.vanish();
      await world.advance(2);
      world.expect();
      await world.advance(0.5);
      const summary = "No probe in prod is scraped: nobody notices an outage from there";
      world.expect({ alert: "ProbeDown", labels: { job: JOB, environment: "prod" }, summary });
      world.start({ environment: "prod", instance: "new:8000" });
      await world.advance(0.25);
      world.expect();
    },
  },
  {
    name: "ProbeDown of a rollout that fails is one alert, of the environment that lost its probe",
    nearMisses: ["ProbeDown"],
    async run(world) {
      const old = world.start({ environment: "dev", instance: "old:8000" });
      await world.advance(5);
      old.vanish();
      const next = world.start({ environment: "dev", instance: "next:8000" });
      next.stop();
      await world.advance(2.5);
      const summary =
        "The probe at next:8000 in dev cannot be scraped: nobody notices an outage from there";
      const labels = { job: JOB, environment: "dev" };
      world.expect({ alert: "ProbeDown", severity: "ticket", labels, summary });
      next.appear();
      await world.advance(0.25);
      world.expect();
      world.start({ instance: "unknown:8000" }).stop();
      await world.advance(2.5);
      world.expect({ alert: "ProbeDown", labels: { job: JOB } });
    },
  },
  {
    name: "ProbeDown of dev wakes nobody, however long it lasts",
    nearMisses: [],
    options: { scrapeSeconds: 240 },
    async run(world) {
      const [dev, prod] = ["dev", "prod"].map((environment) =>
        world.start({ environment, instance: `${environment}:8000` })
      );
      await world.advance(12);
      dev?.stop();
      await world.advance(8);
      const down = (environment: string) => ({
        alert: "ProbeDown",
        labels: { job: JOB, environment },
      });
      const summary =
        "The probe at dev:8000 in dev cannot be scraped: nobody notices an outage from there";
      world.expect({ ...down("dev"), summary, severity: "ticket" });
      await world.advance(26 * 60);
      world.expect({ ...down("dev"), summary, severity: "ticket" });
      prod?.stop();
      await world.advance(8);
      world.expect({ ...down("dev"), severity: "ticket" }, down("prod"));
    },
  },
  {
    name: "ProbeDown stays silent for a probe that changes its environment",
    nearMisses: [],
    async run(world) {
      const one = world.start({ environment: "dev" });
      await world.advance(5);
      one.stop();
      await world.advance(0.5);
      world.start({ environment: "prod" });
      await world.expectFor(5);
    },
  },
  {
    name: "ProbeStalled fires while the loop stands still",
    nearMisses: ["ProbeStalled"],
    async run(world) {
      const one = world.start();
      await world.advance(6);
      one.behave("nothing");
      await world.advance(4.75);
      world.expect();
      await world.advance(0.75);
      const summary = "The probe at probe:8000 responds, but has created no task for 5m: " +
        "it does not notice an outage";
      world.expect({ ...STALLED, summary });
      one.behave("fast");
      await world.advance(0.5);
      world.expect();
    },
  },
  {
    name: "ProbeStalled fires for a probe that never creates a task, restarted or not",
    nearMisses: ["ProbeStalled"],
    async run(world) {
      const one = world.start();
      one.behave("nothing");
      await world.advance(5);
      world.expect();
      await world.advance(0.5);
      world.expect(STALLED);
      one.stop();
      const two = world.start();
      two.behave("nothing");
      await world.advance(5);
      world.expect();
      await world.advance(0.5);
      world.expect(STALLED);
    },
  },
  ...(["late", "in_flight"] as const).map((cause): Story => ({
    name: `ProbeSlotsSkipped fires for slots that are skipped as ${cause}`,
    nearMisses: ["ProbeSlotsSkipped"],
    async run(world) {
      const one = world.start();
      await world.advance(10);
      one.behave({ slot: first(2, cause) });
      await world.advance(2);
      world.expect();
      one.behave({ slot: first(2, cause) });
      await world.advance(18);
      const skipped = {
        alert: "ProbeSlotsSkipped",
        severity: "ticket",
        labels: probe(),
        summary: "2.235% of the slots of the probe at probe:8000 got no task in the last 30m: " +
          `${cause} 100 %`,
      };
      world.expect(skipped);
      await world.advance(15);
      world.expect();
    },
  })),
  {
    name: "ProbeHeartbeatFails fires while heartbeats are not received",
    nearMisses: ["ProbeHeartbeatFails"],
    async run(world) {
      const one = world.start();
      one.behave({ heartbeat: "ok" });
      await world.advance(6);
      one.behave({ heartbeat: "failed" });
      await world.advance(4.75);
      world.expect();
      await world.advance(0.75);
      world.expect({
        alert: "ProbeHeartbeatFails",
        severity: "ticket",
        labels: { job: JOB },
        summary: "The heartbeats of the probe are not received",
      });
      one.behave({ heartbeat: "ok" });
      await world.advance(0.5);
      world.expect();
    },
  },
];
