import { assertEquals, assertThrows } from "@std/assert";
import { localUrl } from "../../src/probe_client/address.ts";
import { ProbeClientError } from "../../src/probe_client/errors.ts";

const CASES: [host: string, url: string][] = [
  ["0.0.0.0", "http://127.0.0.1:8000/"],
  ["::", "http://[::1]:8000/"],
  ["::0", "http://[::1]:8000/"],
  ["192.0.2.1", "http://192.0.2.1:8000/"],
  ["localhost", "http://localhost:8000/"],
];

for (const [host, url] of CASES) {
  Deno.test(`localUrl of a probe that listens on ${host} is ${url}`, () => {
    assertEquals(localUrl({ host, port: 8000, tls: null }).href, url);
  });
}

Deno.test("localUrl of a probe with a certificate is an https URL", () => {
  const tls = { certPath: "cert.pem", keyPath: "key.pem" };
  assertEquals(localUrl({ host: "::1", port: 8000, tls }).href, "https://[::1]:8000/");
});

Deno.test("localUrl throws for an address with a zone", () => {
  const error = assertThrows(
    () => localUrl({ host: "fe80::1%eth0", port: 8000, tls: null }),
    ProbeClientError,
    "HOST: expected an address without a zone",
  );
  assertEquals(error.exitCode, 2);
});
