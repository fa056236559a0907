/** What the program says of each fault of TLS. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { createAuthority } from "../../support/certificates.ts";
import { DATASET_ID, isAvailable, run, sharingTest } from "../../support/program.ts";
import { TLS_FAULTS, type TlsFault, type TlsWorld } from "../../support/tls_faults.ts";

const hasOpenssl = await isAvailable("openssl version", "some faults of TLS");

let shared: Promise<TlsWorld> | undefined;

/** The authority, made once: what differs is what the servers present. */
function sharedWorld(): Promise<TlsWorld> {
  return shared ??= (async () => ({
    authority: await createAuthority(),
    folder: await Deno.makeTempDir(),
  }))();
}

async function checkAgainst({ start }: TlsFault, env: (url: string) => Record<string, string>) {
  const world = await sharedWorld();
  const file = `${world.folder}/trusted.pem`;
  await Deno.writeTextFile(file, world.authority.pem);
  const server = await start(world);
  try {
    const url = `https://localhost:${server.port}`;
    return await run({ args: ["--check"], env: { DENO_CERT: file, DATASET_ID, ...env(url) } });
  } finally {
    server.close();
  }
}

for (const fault of TLS_FAULTS) {
  const { name, message, advice, isForTrust = false, needsOpenssl = false } = fault;
  sharingTest(`--check explains ${name}`, async () => {
    const { code, stdout, stderr } = await checkAgainst(fault, (OKDATA_API_URL) => ({
      OKDATA_API_URL,
    }));
    const [, said = "", advised = ""] =
      stdout.match(/^FAILED {2}dataset abc123: tls: (.*)\n {8}(.*)$/m) ?? [];
    assertMatch(said, message, stdout + stderr);
    assertMatch(advised, advice);
    assertEquals([code, advised.includes("DENO_CERT")], [5, isForTrust]);
  }, { ignore: needsOpenssl && !hasOpenssl });
}

sharingTest("--check gives the advice for TLS when it is the provider's that fails", async () => {
  const expired = TLS_FAULTS.find(({ name }) => name === "an expired certificate");
  assert(expired);
  const { stdout } = await checkAgainst(expired, (url) => ({
    OKDATA_API_URL: "http://127.0.0.1:1",
    OKDATA_TOKEN_URL: `${url}/token`,
    OKDATA_CLIENT_ID: "client",
    OKDATA_CLIENT_SECRET: "secret",
  }));
  assertMatch(
    stdout,
    /^FAILED {2}token: .*certificate expired 18 h ago.*\n.*renew the certificate/m,
  );
});

for (const args of [[], ["--check"], ["--once"]]) {
  const command = args[0] ?? "the main loop";
  sharingTest(
    `${command} refuses a DENO_CERT that is missing or holds no certificate`,
    async () => {
      const { folder } = await sharedWorld();
      const empty = `${folder}/no-certificate.pem`;
      await Deno.writeTextFile(empty, "not a certificate\n");
      for (
        const [path, problem] of [
          [
            `${folder}/missing.pem`,
            /^dataplatform-probe: DENO_CERT: expected a file that can be read/,
          ],
          [
            empty,
            /^dataplatform-probe: DENO_CERT: expected a certificate in PEM, got \S+ without one$/m,
          ],
        ] as const
      ) {
        const env = { DATASET_ID, LOCAL_SERVICES_ONLY: "true", DENO_CERT: path };
        const { code, stderr } = await run({ args, env });
        assertMatch(stderr, problem);
        assertEquals(code, 2);
      }
    },
  );

  sharingTest(`${command} refuses a DENO_TLS_CA_STORE that Deno does not know`, async () => {
    const env = { DATASET_ID, LOCAL_SERVICES_ONLY: "true", DENO_TLS_CA_STORE: "windows" };
    const { code, stderr } = await run({ args, env });
    assertEquals(
      stderr,
      "dataplatform-probe: DENO_TLS_CA_STORE: expected mozilla, system or both, separated by a " +
        'comma, got "windows"\n',
    );
    assertEquals(code, 2);
  });
}

sharingTest("empty variables of trust are unset, and blanks around them do not count", async () => {
  const world = await sharedWorld();
  const file = `${world.folder}/trusted.pem`;
  await Deno.writeTextFile(file, world.authority.pem);
  const { cert, key } = await world.authority.issue("localhost");
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, cert, key, onListen() {} },
    ({ url }) => Response.json({ Id: new URL(url).pathname.slice(1) }),
  );
  const OKDATA_API_URL = `https://localhost:${server.addr.port}`;
  const check = (env: Record<string, string>) =>
    run({ args: ["--check"], env: { DATASET_ID, OKDATA_API_URL, ...env } });
  const trusted = await check({ DENO_CERT: ` ${file} `, DENO_TLS_CA_STORE: " " });
  assertEquals(trusted.code, 0, trusted.stdout + trusted.stderr);
  const untrusted = await check({ DENO_CERT: "" });
  assertMatch(untrusted.stdout, /tls: certificate of Test authority, which is no known authority/);
  await server.shutdown();
});
