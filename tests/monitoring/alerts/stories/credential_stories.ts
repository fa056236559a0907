import { burns, fails, JOB, NO_TOKEN, type Story, TOKEN_ENDS } from "./story.ts";

/** Tokens and certificates come to their end. */
export const CREDENTIAL_STORIES: Story[] = [
  {
    name: "ProbeTokenNearExpiry fires until the next token comes in time",
    nearMisses: ["ProbeTokenRequestsFail", "DatasetFails", "ProbeNetworkSuspect"],
    async run(world) {
      const one = world.start();
      await world.advance(5.25);
      one.behave({ token: "refused" });
      await world.advance(3.25);
      // Requested from minute eight on; the current one ends at minute nine.
      world.expect();
      await world.advance(0.5);
      const summary = "The token of the probe at probe:8000 ends in 15s, and it gets no new one";
      world.expect({ ...TOKEN_ENDS, summary });
      one.behave({ token: "ok" });
      await world.advance(0.25);
      world.expect();
    },
  },
  {
    name: "ProbeTokenNearExpiry stays silent while a token still lasts",
    nearMisses: ["ProbeTokenNearExpiry"],
    options: { tokenLifeSeconds: 1200 },
    async run(world) {
      const one = world.start();
      await world.advance(5);
      one.behave({ token: "refused" });
      // Requested from minute 16 on; the current one ends at minute 20.
      await world.advance(13.5);
      world.expect(NO_TOKEN);
      await world.advance(1.5);
      world.expect(NO_TOKEN, TOKEN_ENDS);
    },
  },
  {
    name: "ProbeTokenNearExpiry stays silent for one refused token",
    nearMisses: ["ProbeTokenNearExpiry", "ProbeTokenRequestsFail"],
    async run(world) {
      const one = world.start();
      await world.advance(4);
      one.behave({ token: "refused" });
      await world.advance(0.25);
      one.behave({ token: "ok" });
      await world.expectFor(5);
    },
  },
  {
    name: "ProbeTokenRequestsFail and ProbeTokenNearExpiry fire when no token comes",
    nearMisses: ["ProbeNetworkSuspect"],
    async run(world) {
      const one = world.start();
      await world.advance(5.25);
      one.behave({ token: "refused" });
      await world.advance(8);
      world.expect(
        {
          ...TOKEN_ENDS,
          summary: "The token of the probe at probe:8000 has ended, and it gets no new one",
        },
        { ...NO_TOKEN, summary: "The probe at probe:8000 gets no token" },
        fails("auth"),
        ...burns(),
      );
      one.behave({ token: "ok" });
      await world.advance(0.5);
      world.expect(...burns());
    },
  },
  {
    name: "ProbeTokenRequestsFail fires for a probe that never had a token",
    nearMisses: ["ProbeTokenNearExpiry", "ProbeNetworkSuspect"],
    async run(world) {
      const one = world.start();
      one.behave({ token: "refused" });
      await world.advance(4);
      world.expect(NO_TOKEN, fails("auth"), ...burns());
    },
  },
  {
    name: "CertificateNearExpiry fires when a certificate comes to its end",
    nearMisses: ["CertificateNearExpiry"],
    async run(world) {
      const days = 86_400;
      const one = world.start();
      const two = world.start({ instance: "b:8000" });
      one.certificate("api.example", 14.1 * days);
      two.certificate("api.example", 14.1 * days);
      await world.advance(1);
      world.expect();
      one.certificate("api.example", 13.5 * days);
      await world.advance(1);
      const alert = {
        alert: "CertificateNearExpiry",
        severity: "ticket",
        labels: { job: JOB, host: "api.example" },
      };
      const summary = "The certificate of api.example ends in 13d 11h 58m 15s";
      world.expect({ ...alert, summary });
      one.certificate("api.example", -1);
      await world.advance(1);
      world.expect({ ...alert, summary: "The certificate of api.example has ended" });
      one.certificate("api.example", 90 * days);
      await world.advance(1);
      world.expect();
    },
  },
  ...["api.example", "self"].map((host): Story => ({
    name: `CertificateNearExpiry fires for a certificate of ${host} that ended before the start`,
    nearMisses: [],
    async run(world) {
      world.start().certificate(host, -86_400);
      await world.advance(1);
      world.expect({
        alert: "CertificateNearExpiry",
        severity: "ticket",
        labels: { job: JOB, host },
        summary: `The certificate of ${host} has ended`,
      });
    },
  })),
];
