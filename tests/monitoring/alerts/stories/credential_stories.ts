import { JOB, NO_TOKEN, PROVIDER_FAILS, REFUSED, type Story } from "./story.ts";

/** Tokens and certificates come to their end. */
export const CREDENTIAL_STORIES: Story[] = [
  {
    name: "IdentityProviderFails fires alone when the token has ended, for any number of datasets",
    nearMisses: ["IdentityProviderFails", "DatasetFails", "ProbeNetworkSuspect"],
    async run(world) {
      const one = world.start({ datasets: ["a", "b"], environment: "prod" });
      await world.advance(10.25);
      one.behave({ token: "unreachable" });
      // Requested from minute twelve on; the current one ends at minute 13.
      await world.advance(4.5);
      world.expect();
      await world.advance(0.75);
      const labels = { job: JOB, environment: "prod" };
      const summary =
        "Every task of a probe in prod has failed in the last 2m, as it gets no token: the identity " +
        "provider could not be reached, timed out, or responded 429 or 5xx (identity_provider). Its " +
        "datasets have failed since at least 1970-01-01 00:13 UTC";
      world.expect({ ...PROVIDER_FAILS, labels, summary });
      one.behave({ token: "ok" });
      await world.expectFor(10);
    },
  },
  {
    name: "ProbeCredentialsRefused fires when no token comes, and lasts through a restart",
    nearMisses: ["ProbeCredentialsRefused", "DatasetFails"],
    async run(world) {
      const one = world.start();
      await world.advance(5.25);
      one.behave({ token: "refused" });
      await world.advance(6);
      const summary =
        "Every task of a probe has failed in the last 2m, as it gets no token: the identity provider " +
        "refused this client, or sent no usable token (auth). Its datasets have failed since at " +
        "least 1970-01-01 00:09 UTC";
      world.expect({ ...REFUSED, summary });
      one.vanish();
      const two = world.start({ instance: "other:8000" });
      two.behave({ token: "refused" });
      await world.expectFor(6, REFUSED);
      two.behave({ token: "ok" });
      await world.expectFor(5);
    },
  },
  {
    name: "an identity provider that fails and refuses in turn is one alert",
    nearMisses: ["ProbeCredentialsRefused"],
    async run(world) {
      const one = world.start();
      await world.advance(5);
      one.behave({ token: "mixed" });
      // The token ends at minute nine.
      await world.advance(6.5);
      await world.expectFor(1, PROVIDER_FAILS);
    },
  },
  {
    name: "ProbeTokenRequestsFail warns while a token still lasts",
    nearMisses: ["IdentityProviderFails"],
    options: { tokenLifeSeconds: 1800, scrapeSeconds: 30 },
    async run(world) {
      const one = world.start();
      await world.advance(5);
      one.behave({ token: "unreachable" });
      // Requested from minute 24 on; the current one ends at minute 30.
      await world.advance(25);
      const summary = "The probe has received no token for 5m: " +
        "its tasks fail when the one in use ends";
      world.expect({ ...NO_TOKEN, summary });
      await world.advance(3);
      world.expect(PROVIDER_FAILS);
    },
  },
  {
    name: "one refused token raises no alert",
    nearMisses: ["ProbeCredentialsRefused", "ProbeTokenRequestsFail"],
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
    name: "ProbeCredentialsRefused fires for a probe that never had a token",
    nearMisses: ["ProbeNetworkSuspect"],
    async run(world) {
      const one = world.start();
      one.behave({ token: "refused" });
      await world.expectFor(2);
      await world.advance(2);
      world.expect(REFUSED);
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
        summary: host === "self"
          ? "The probe's own certificate has ended"
          : `The certificate of ${host} has ended`,
      });
    },
  })),
  {
    name: "a probe that gets no token is told apart from another one in its location that does",
    nearMisses: ["ProbeCredentialsRefused", "IdentityProviderFails"],
    async run(world) {
      const [one, two] = ["a", "b"].map((id) =>
        world.start({ instance: `${id}:8000`, datasets: [id] })
      );
      await world.advance(5);
      world.expect();
      // Its token ends when the first one has been renewed four minutes before.
      one?.behave({ token: "refused" });
      await world.advance(8);
      world.expect(REFUSED);
      one?.behave({ token: "unreachable" });
      await world.advance(4);
      world.expect(PROVIDER_FAILS);
      one?.behave({ token: "ok" });
      await world.advance(4);
      world.expect();
      two?.behave({ token: "unreachable" });
      await world.advance(3.5);
      world.expect();
    },
  },
];
