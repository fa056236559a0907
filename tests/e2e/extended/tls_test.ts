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
