/** When certificates end: those of the probed hosts, and the probe's own. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { createAuthority, type Issued } from "../../support/certificates.ts";
import {
  eventually,
  isAvailable,
  type Program,
  sharingTest,
  startLoop,
} from "../../support/program.ts";
import {
  intermediateOf,
  leafOf,
  listen,
  TLS_FAULTS,
  type TlsServer,
} from "../../support/tls_faults.ts";

const hasOpenssl = await isAvailable("openssl version", "a client certificate that is wanted");

const NAME = "probe_tls_certificate_expiry_timestamp_seconds";

async function metricsOf(url: string, options = {}): Promise<string> {
  return await (await fetch(`${url}/metrics`, options)).text();
}

/** The sample for a host, in milliseconds; null when there is none. */
function expiryIn(exposition: string, host: string): number | null {
  const line = exposition.split("\n")
    .find((each) => each.startsWith(NAME) && each.includes(`host="${host}"`));
  return line === undefined ? null : Number(line.split(" ").at(-1)) * 1e3;
}

/** The end that a probe without any trust tells of what this server presents. */
async function expiryOf(server: TlsServer): Promise<number | null> {
  try {
    const env = { OKDATA_API_URL: `https://localhost:${server.port}`, RETRIES: "0" };
    await using probe = await startLoop({ env });
    return await eventually("the end of the certificate is a metric", async () => {
      return expiryIn(await metricsOf(probe.url), `localhost:${server.port}`);
    });
  } finally {
    server.close();
  }
}

sharingTest("the end of a certificate that is not trusted is a metric", async () => {
  const leaf = await (await createAuthority()).issue("localhost");
  assertEquals(await expiryOf(listen([leaf])), leaf.endsMs);
});

sharingTest("the end of a certificate that ended before the start is a metric", async () => {
  const leaf = await (await createAuthority()).issue("localhost", -1);
  assertEquals(await expiryOf(listen([leaf])), leaf.endsMs);
});

sharingTest(
  "the end of an intermediate certificate is the metric when it comes first",
  async () => {
    const { root } = await createAuthority();
    const intermediate = await intermediateOf(root, { endsInDays: 2 });
    const leaf = await leafOf(intermediate, { endsInDays: 3 });
    assertEquals(await expiryOf(listen([leaf, intermediate])), intermediate.endsMs);
  },
);

for (const version of ["1.2", "1.3"]) {
  sharingTest(
    `the end of a certificate is a metric where TLS ${version} wants a client's`,
    async () => {
      const authority = await createAuthority();
      const folder = await Deno.makeTempDir();
      const name = `a server that wants a client certificate, in TLS ${version}`;
      const fault = TLS_FAULTS.find((each) => each.name === name);
      assert(fault);
      const endsMs = await expiryOf(await fault.start({ authority, folder }));
      assert(endsMs !== null && endsMs > Date.now());
    },
    { ignore: !hasOpenssl },
  );
}

/** A probe with HTTPS whose files a test replaces. */
async function startSecure(first: Issued, env: Record<string, string> = {}) {
  const folder = await Deno.makeTempDir();
  const paths = { cert: `${folder}/cert.pem`, key: `${folder}/key.pem`, token: `${folder}/token` };
  const write = async (pair: { cert: string; key: string }, token: string) => {
    await Deno.writeTextFile(paths.cert, pair.cert);
    await Deno.writeTextFile(paths.key, pair.key);
    await Deno.writeTextFile(paths.token, token);
  };
  await write(first, "0ld-token");
  const probe = await startLoop({
    env: {
      OKDATA_API_URL: "http://127.0.0.1:1",
      TLS_CERT_FILE: paths.cert,
      TLS_KEY_FILE: paths.key,
      HTTP_BEARER_TOKEN_FILE: paths.token,
      ...env,
    },
  });
  return { probe, write };
}

/** What a client that trusts only this authority gets. */
async function statusFor(
  probe: { url: string },
  pem: string,
  token: string,
): Promise<number | null> {
  using client = Deno.createHttpClient({ caCerts: [pem] });
  try {
    const headers = { authorization: `Bearer ${token}` };
    const response = await fetch(`${probe.url}/tasks`, { client, headers });
    await response.body?.cancel();
    return response.status;
  } catch {
    return null;
  }
}

async function ownExpiry(probe: { url: string }, pem: string, token: string) {
  using client = Deno.createHttpClient({ caCerts: [pem] });
  const headers = { authorization: `Bearer ${token}` };
  return expiryIn(await metricsOf(probe.url, { client, headers }), "self");
}

const logged = (probe: Program, text: string) =>
  eventually(`the log says: ${text}`, () => probe.stderr.includes(text));

sharingTest(
  "SIGHUP serves a new certificate and token on the same port, and keeps them when new files are wrong",
  async () => {
    const [old, renewed] = [await createAuthority(), await createAuthority()];
    const [first, second] = [await old.issue("localhost"), await renewed.issue("localhost", 9)];
    const { probe, write } = await startSecure(first);
    await using _ = probe;
    assertEquals(await ownExpiry(probe, old.pem, "0ld-token"), first.endsMs);

    await write(second, "new-token");
    probe.kill("SIGHUP");
    await logged(probe, "files again: certificate, key, bearer token changed");
    await eventually(
      "the port is open again",
      async () => await statusFor(probe, renewed.pem, "new-token") === 200,
    );
    assertEquals(await statusFor(probe, renewed.pem, "0ld-token"), 401);
    assertEquals(await statusFor(probe, old.pem, "new-token"), null);
    assertEquals(await ownExpiry(probe, renewed.pem, "new-token"), second.endsMs);

    // The certificate of one and the key of the other.
    await write({ cert: first.cert, key: second.key }, "newest-token");
    probe.kill("SIGHUP");
    await logged(probe, "nothing changed: TLS_CERT_FILE, TLS_KEY_FILE: expected a certificate and");
    assertEquals(await statusFor(probe, renewed.pem, "new-token"), 200);
    probe.kill("SIGTERM");
    assertEquals((await probe.ended()).code, 0);
  },
);

sharingTest(
  "a client of HTTP/2 goes on reading, and asks again, after SIGHUP has opened the port anew",
  async () => {
    const authority = await createAuthority();
    const { probe, write } = await startSecure(await authority.issue("localhost"), {
      TASK_INTERVAL_SECONDS: "0.5",
      RETRIES: "0",
    });
    await using _ = probe;
    using client = Deno.createHttpClient({ caCerts: [authority.pem], http1: false, http2: true });
    const headers = { authorization: "Bearer 0ld-token" };
    const events = await fetch(`${probe.url}/events`, { client, headers });
    let received = 0;
    const reading = (async () => {
      for await (const part of events.body ?? []) received += part.length;
    })().catch(() => {/* The probe ends before the client. */});

    await write(await authority.issue("localhost", 9), "0ld-token");
    probe.kill("SIGHUP");
    await logged(probe, "files again: certificate, key changed");
    await eventually("a new request has its response", async () => {
      const request = { client, headers, signal: AbortSignal.timeout(2_000) };
      const response = await fetch(`${probe.url}/healthz`, request).catch(() => null);
      await response?.body?.cancel();
      return response?.status === 200;
    });
    const receivedBefore = received;
    await eventually("the old stream goes on", () => received > receivedBefore);
    probe.kill("SIGTERM");
    assertEquals((await probe.ended()).code, 0);
    await reading;
  },
);

sharingTest("a probe whose own certificate has ended starts, with a warning", async () => {
  const { issue } = await createAuthority();
  const { probe } = await startSecure(await issue("localhost", -1));
  await using _ = probe;
  await logged(probe, "TLS_CERT_FILE: the certificate ended on");
  assertMatch(probe.stderr, /ended on \d{4}-\d\d-\d\dT\S+Z; it is served all the same/);
});
