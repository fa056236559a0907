import { fails, JOB, NETWORK_SUSPECT, type Story } from "./story.ts";

/** The probe's own network fails, or seems to. */
export const NETWORK_STORIES: Story[] = [
  {
    name: "ProbeNetworkSuspect fires while the probe's own network fails",
    nearMisses: [],
    async run(world) {
      const one = world.start({ datasets: ["a", "b"] });
      const both = [fails(), fails({ dataset_id: "b" })];
      await world.advance(5.25);
      one.behave({ slot: () => "dns", token: "unreachable" });
      await world.advance(2.5);
      // The provider has not been asked for a new token yet.
      world.expect(...both);
      await world.advance(1.25);
      const summary =
        "No dataset has responded since at least 1970-01-01 00:05 UTC, and no token " +
        "comes: suspect the probe's own network, or platform and identity provider together";
      world.expect(...both, { ...NETWORK_SUSPECT, summary });
      // The token has ended: the platform gets no request any more.
      await world.advance(6);
      world.expect(...both, NETWORK_SUSPECT);
      one.stop();
      const two = world.start({ datasets: ["a", "b"] });
      two.behave({ slot: () => "dns", token: "unreachable" });
      await world.advance(5);
      world.expect(...both, NETWORK_SUSPECT);
      two.behave({ slot: () => "fast", token: "ok" });
      await world.advance(0.25);
      await world.expectFor(0.5);
    },
  },
  {
    name: "ProbeNetworkSuspect names other locations that reach nothing either",
    nearMisses: [],
    async run(world) {
      const [oslo, bergen] = ["oslo", "bergen"].map((location) =>
        world.start({ labels: { location }, instance: `${location}:8000` })
      );
      await world.advance(5.25);
      oslo?.behave({ slot: () => "dns", token: "unreachable" });
      bergen?.behave({ slot: () => "timeout", token: "unreachable" });
      await world.advance(3.75);
      const suspect = (location: string, other: string) => ({
        alert: "ProbeNetworkSuspect",
        labels: { job: JOB, location },
        summary: "No dataset has responded since at least 1970-01-01 00:05 UTC (probed from " +
          `${location}), and no token comes: the same from ${other}, so suspect platform and ` +
          "identity provider",
      });
      world.expect(fails(), suspect("oslo", "bergen"), suspect("bergen", "oslo"));
    },
  },
  {
    name: "ProbeNetworkSuspect ends when the identity provider responds again",
    nearMisses: ["ProbeNetworkSuspect"],
    async run(world) {
      const one = world.start();
      await world.advance(5.25);
      one.behave({ slot: () => "timeout", token: "unreachable" });
      await world.advance(3.75);
      world.expect(fails(), NETWORK_SUSPECT);
      one.behave({ token: "ok" });
      await world.advance(0.5);
      world.expect(fails());
    },
  },
  {
    name: "ProbeNetworkSuspect outlives the probe, until one responds that has no token",
    nearMisses: [],
    async run(world) {
      const one = world.start();
      await world.advance(5.25);
      one.behave({ slot: () => "reset", token: "unreachable" });
      await world.advance(3.75);
      world.expect(fails(), NETWORK_SUSPECT);
      one.stop();
      await world.advance(6);
      world.expect(fails(), NETWORK_SUSPECT, { alert: "ProbeDown", labels: { job: JOB } });
      // A probe that never had a token never used its network for the platform.
      const two = world.start();
      two.behave({ slot: () => "reset", token: "unreachable" });
      await world.advance(4);
      world.expect(fails());
    },
  },
  {
    name: "ProbeNetworkSuspect stays silent for a probe without credentials",
    nearMisses: ["ProbeNetworkSuspect"],
    async run(world) {
      const one = world.start();
      one.behave({ token: null });
      await world.advance(5);
      one.behave("connect");
      await world.advance(5);
      world.expect(fails());
    },
  },
  ...([["one response is a 503", "server_error"], ["one dataset responds", "fast"]] as const).map((
    [name, other],
  ): Story => ({
    name: `ProbeNetworkSuspect stays silent when ${name}`,
    nearMisses: ["ProbeNetworkSuspect"],
    async run(world) {
      const one = world.start({ datasets: ["a", "b"] });
      await world.advance(5.25);
      one.behave({ slot: (_, id) => id === "a" ? "timeout" : other, token: "unreachable" });
      await world.advance(3.75);
      world.expect(fails(), ...other === "fast" ? [] : [fails({ dataset_id: "b" })]);
    },
  })),
];
