import { burns, fails, NETWORK_SUSPECT, NO_TOKEN, probe, type Story, TOKEN_ENDS } from "./story.ts";

/** The probe's own network fails, or seems to. */
export const NETWORK_STORIES: Story[] = [
  {
    name: "ProbeNetworkSuspect fires while the probe's own network fails",
    nearMisses: [],
    async run(world) {
      const one = world.start({ datasets: ["a", "b"] });
      const both = (reason: string) =>
        ["a", "b"].flatMap((id) => {
          const labels = { dataset_id: id };
          return [fails(reason, labels), ...burns(labels)];
        });
      await world.advance(5.25);
      one.behave({ slot: () => "dns", token: "unreachable" });
      await world.advance(2.5);
      // The provider has not been asked for a new token yet.
      world.expect(...both("dns"));
      await world.advance(1.25);
      const summary = "Neither a dataset nor the identity provider can be reached: " +
        "suspect the probe's own network";
      world.expect(...both("dns"), TOKEN_ENDS, { ...NETWORK_SUSPECT, summary });
      // The token has ended: the platform gets no request any more.
      await world.advance(6);
      world.expect(...both("identity_provider"), TOKEN_ENDS, NO_TOKEN, NETWORK_SUSPECT);
      one.stop();
      const two = world.start({ datasets: ["a", "b"] });
      two.behave({ slot: () => "dns", token: "unreachable" });
      await world.advance(5);
      world.expect(...both("identity_provider"), NO_TOKEN, NETWORK_SUSPECT);
      two.behave({ slot: () => "fast", token: "ok" });
      await world.advance(0.5);
      world.expect(...burns(), ...burns({ dataset_id: "b" }));
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
      world.expect(
        fails("timeout"),
        ...burns(),
        TOKEN_ENDS,
        NETWORK_SUSPECT,
      );
      one.behave({ token: "ok" });
      await world.advance(0.5);
      world.expect(fails("timeout"), ...burns());
    },
  },
  {
    name: "ProbeNetworkSuspect does not outlive the probe",
    nearMisses: ["ProbeNetworkSuspect"],
    async run(world) {
      const one = world.start();
      await world.advance(5.25);
      one.behave({ slot: () => "reset", token: "unreachable" });
      await world.advance(3.75);
      world.expect(fails("reset"), ...burns(), TOKEN_ENDS, NETWORK_SUSPECT);
      one.stop();
      await world.advance(6);
      world.expect({ alert: "ProbeDown", labels: probe() }, ...burns());
      // A probe that never had a token never used its network for the platform.
      const two = world.start();
      two.behave({ slot: () => "reset", token: "unreachable" });
      await world.advance(4);
      world.expect(fails("identity_provider"), ...burns(), NO_TOKEN);
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
      world.expect(fails("connect"), ...burns());
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
      const labels = { dataset_id: "b" };
      world.expect(
        fails("timeout"),
        ...burns(),
        TOKEN_ENDS,
        ...other === "fast" ? [] : [fails(other, labels), ...burns(labels)],
      );
    },
  })),
];
