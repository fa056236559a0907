import { assertEquals } from "@std/assert";
import { changesBetween, servedUntilMs } from "../../src/config/endpoint_files.ts";
import { createAuthority } from "../support/certificates.ts";
import { intermediateOf, leafOf } from "../support/tls_faults.ts";

const NOTHING = { credentials: { bearer: null, basic: null }, tls: null };
const EVERYTHING = {
  credentials: { bearer: "t0ken", basic: { user: "user", password: "pass" } },
  tls: { cert: "cert", key: "key" },
};

Deno.test("changesBetween names what differs, and shows none of it", () => {
  assertEquals(changesBetween(EVERYTHING, structuredClone(EVERYTHING)), []);
  const all = ["certificate", "key", "bearer token", "user", "password"];
  assertEquals(changesBetween(NOTHING, EVERYTHING), all);
  assertEquals(changesBetween(EVERYTHING, NOTHING), all);
});

Deno.test("servedUntilMs is the earliest end of the chain, null without a certificate", async () => {
  const { root } = await createAuthority();
  const intermediate = await intermediateOf(root, { endsInDays: 2 });
  const leaf = await leafOf(intermediate, { endsInDays: 3 });
  const tls = { cert: `${leaf.cert}\n${intermediate.cert}`, key: leaf.key };
  assertEquals(servedUntilMs({ ...NOTHING, tls }), intermediate.endsMs);
  assertEquals([servedUntilMs(NOTHING), servedUntilMs(EVERYTHING)], [null, null]);
});
