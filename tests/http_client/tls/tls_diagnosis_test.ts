import { assert, assertEquals, assertRejects } from "@std/assert";
import { systemClock } from "../../../src/core/clock.ts";
import { connectionError } from "../../../src/http_client/connection/connection_error.ts";
import { RequestError } from "../../../src/http_client/errors.ts";
import { createExchange } from "../../../src/http_client/exchange.ts";
import { TlsClient } from "../../../src/http_client/tls/tls.ts";
import { newTimings } from "../../../src/http_client/timings.ts";
import type { Certificate, Presented } from "../../../src/http_client/tls/presented/certificate.ts";
import { createDiagnosis } from "../../../src/http_client/tls/tls_diagnosis.ts";
import { createSelfSigned } from "../../support/certificates.ts";
import { FakeClock, settle } from "../../support/clock.ts";
import { listen } from "../../support/tls_faults.ts";

const URL_OF_HOST = new URL("https://host.test/path");

const SELF_SIGNED: Certificate = {
  subject: "CN=host.test",
  issuer: "CN=host.test",
  startsMs: 0,
  expiresMs: 0,
  isPublic: false,
};

function failure(text: string): RequestError {
  return connectionError("TLS handshake", new Deno.errors.InvalidData(text), "host.test");
}

/** A diagnosis whose looks find what `find` returns. */
function diagnosis(find: () => Promise<Presented>) {
  const clock = new FakeClock();
  const looks: string[] = [];
  const diagnose = createDiagnosis({
    clock,
    readPresented(url) {
      looks.push(url.host);
      return find();
    },
  });
  return { clock, looks, diagnose };
}

const found = () => Promise.resolve({ certificates: [SELF_SIGNED], asksForCertificate: false });

Deno.test("a diagnosis looks at the certificates of a host once a minute", async () => {
  const { clock, looks, diagnose } = diagnosis(found);
  const unknown = failure("invalid peer certificate: UnknownIssuer");
  for (const advanceMs of [0, 59_999]) {
    clock.advance(advanceMs);
    assertEquals((await diagnose(unknown, URL_OF_HOST)).message, "self-signed certificate");
  }
  assertEquals(looks.length, 1);
  clock.advance(1);
  await diagnose(unknown, URL_OF_HOST);
  await diagnose(unknown, new URL("https://other.test"));
  assertEquals(looks, ["host.test", "host.test", "other.test"]);
});

Deno.test("a diagnosis leaves failures alone that say everything", async () => {
  const { looks, diagnose } = diagnosis(found);
  for (
    const error of [
      failure("received fatal alert: NoApplicationProtocol"),
      new RequestError("connect", "connect ECONNREFUSED 192.0.2.1:443"),
      new RequestError("tls", "the server does not present the expected certificate"),
    ]
  ) assertEquals(await diagnose(error, URL_OF_HOST), error);
  assertEquals(looks, []);
});

Deno.test("a diagnosis keeps the failure when the look fails or takes longer than 2 s", async () => {
  const unknown = failure("invalid peer certificate: UnknownIssuer");
  const failing = diagnosis(() => Promise.reject(new Error("refused")));
  assertEquals(await failing.diagnose(unknown, URL_OF_HOST), unknown);

  const hanging = diagnosis(() => new Promise(() => {}));
  let result: RequestError | undefined;
  void hanging.diagnose(unknown, URL_OF_HOST).then((error) => result = error);
  await hanging.clock.run(1_999);
  assertEquals(result, undefined);
  await hanging.clock.run(1);
  assertEquals(result, unknown);
});

Deno.test("a client certificate that is wanted is told from a cipher that is not shared", async () => {
  const refused = failure("received fatal alert: HandshakeFailure");
  const asking = diagnosis(() => Promise.resolve({ certificates: [], asksForCertificate: true }));
  const { message } = await asking.diagnose(refused, URL_OF_HOST);
  assertEquals(message, "the server requires a client certificate");
  const other = await diagnosis(found).diagnose(refused, URL_OF_HOST);
  assertEquals(other.message.startsWith("no common version of TLS or cipher"), true);
});

Deno.test("a TLS failure stays one, at its own instant, when the attempt ends during its diagnosis", async () => {
  const server = listen([await createSelfSigned("localhost")]);
  const started = Promise.withResolvers<void>();
  const timings = newTimings(0);
  const exchange = await createExchange({
    clock: systemClock,
    tls: new TlsClient(systemClock),
    resolve: () => Promise.resolve(["127.0.0.1"]),
    proxyFor: () => null,
    diagnose() {
      started.resolve();
      return new Promise(() => {});
    },
  });
  const url = new URL(`https://localhost:${server.port}`);
  const controller = new AbortController();
  const { signal } = controller;
  const result = exchange({ url, method: "GET", headers: {} }, { signal, timings });
  await started.promise;
  const endMs = systemClock.monotonic();
  controller.abort(new Error("timeout"));
  await assertRejects(() => result, Error, "timeout");
  assertEquals(timings.failure?.error.reason, "tls");
  assert(timings.failure && timings.failure.ms <= endMs);
  server.close();
  await settle();
});
