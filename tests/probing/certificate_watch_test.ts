import { assertEquals } from "@std/assert";
import { RequestError } from "../../src/http_client/errors.ts";
import { CertificateWatch } from "../../src/probing/certificate_watch.ts";
import { FakeClock } from "../support/clock.ts";
import { failed, pending } from "../support/tasks.ts";

const HOUR_MS = 3_600_000;
const TLS = new RequestError("tls", "certificate expired");

/** A watch of these URLs whose reads wait for the test. */
function watching(...urls: string[]) {
  const clock = new FakeClock();
  const stop = new AbortController();
  const reads: { host: string; signal: AbortSignal; end: (ms: number) => void }[] = [];
  const told: (readonly [host: string, what: number | string])[] = [];
  const watch = new CertificateWatch({
    clock,
    urls: urls.map((url) => new URL(url)),
    readExpiryMs: ({ host }, signal) =>
      new Promise((end) => void reads.push({ host, signal, end })),
    timeoutMs: 5_000,
    signal: stop.signal,
    onExpiry: (host, expiresMs) => told.push([host, expiresMs]),
    onError: (host, error) => told.push([host, (error as Error).message]),
  });
  const fail = (error: unknown) => watch.settled(failed(pending(), "tls"), error);
  const hosts = () => reads.map(({ host }) => host);
  return { clock, stop, reads, told, watch, fail, hosts };
}

Deno.test("the watch looks at each https host once at the start, and then every hour", async () => {
  const { clock, reads, told, watch, hosts } = watching(
    "https://api.test/a",
    "https://login.test:8443/token",
    "https://api.test/b",
    "http://plain.test",
  );
  watch.start();
  assertEquals(hosts(), ["api.test", "login.test:8443"]);
  for (const [i, { end }] of reads.entries()) end(1_000 + i);
  await clock.run(HOUR_MS - 1);
  assertEquals(told, [["api.test", 1_000], ["login.test:8443", 1_001]]);
  assertEquals(reads.length, 2);
  await clock.run(1);
  assertEquals(reads.length, 4);
});

Deno.test("the watch never begins without an https host", () => {
  const { clock, reads, watch, fail } = watching("http://plain.test");
  watch.start();
  fail(TLS);
  assertEquals([reads.length, clock.waiting], [0, 0]);
});

Deno.test("the watch looks after a tls failure, at most once a minute, and an hour after that", async () => {
  const { clock, reads, watch, fail } = watching("https://api.test");
  watch.start();
  await clock.run(59_999);
  fail(TLS);
  assertEquals(reads.length, 1);
  await clock.run(1);
  fail(TLS);
  fail(TLS);
  assertEquals(reads.length, 2);
  await clock.run(HOUR_MS - 1);
  assertEquals(reads.length, 2);
  await clock.run(1);
  assertEquals(reads.length, 3);
});

Deno.test("the watch looks after a token request that failed by TLS, and after no other failure", async () => {
  const { clock, reads, watch, fail } = watching("https://api.test", "https://login.test");
  watch.start();
  await clock.run(60_000);
  fail(undefined);
  fail(new RequestError("connect", "refused"));
  fail(new Error("unexpected"));
  assertEquals(reads.length, 2);
  fail(new RequestError("auth", "no token", { cause: TLS }));
  assertEquals(reads.length, 4);
});

Deno.test("a read that takes too long is given up, and does not hold up the others", async () => {
  const { clock, reads, told, watch } = watching("https://api.test", "https://login.test");
  watch.start();
  reads[1]?.end(7);
  await clock.run(5_000);
  assertEquals(told, [["login.test", 7], ["api.test", "no TLS handshake within 5 s"]]);
  assertEquals(reads[0]?.signal.aborted, true);
});

Deno.test("the end of the probe ends the watch without a word", async () => {
  const { clock, stop, reads, told, watch, fail } = watching("https://api.test");
  watch.start();
  stop.abort();
  await clock.run(2 * HOUR_MS);
  fail(TLS);
  assertEquals([reads.length, reads[0]?.signal.aborted, told, clock.waiting], [1, true, [], 0]);
});
