/** What the program asks a proxy and the server behind it for, and which replies to CONNECT it takes. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { createAuthority } from "../../support/certificates.ts";
import { DATASET_ID, eventually, sharingTest, startLoop } from "../../support/program.ts";
import { scrape } from "../../support/scrape.ts";
import { readHead, startRawServer, write } from "../../support/targets.ts";
import { leafOf } from "../../support/tls_faults.ts";

const ADDRESS = "2001:db8::1";
const ACCEPTED = "HTTP/1.1 200 OK\r\n\r\n";

/** What a proxy was asked for, and the first message of TLS that went through it. */
type Tunnel = { head: string; hello: string };

/**
 * Probes `https://HOST` once, by a proxy that replies to CONNECT with these bytes and leads to a
 * server for `api.test` and an address, with everything that the probe opens meanwhile.
 */
async function probe(host: string, reply = ACCEPTED) {
  const { pem, root } = await createAuthority();
  const leaf = await leafOf(root, { names: ["api.test", ADDRESS] });
  await using server = startRawServer(async (connection) => {
    const head = await readHead(connection);
    requests.push(head);
    const body = JSON.stringify({ Id: DATASET_ID });
    await write(connection, `HTTP/1.1 200 OK\r\ncontent-length: ${body.length}\r\n\r\n${body}`);
  }, leaf);
  const requests: string[] = [];
  const tunnels: Tunnel[] = [];
  await using proxy = startRawServer(async (client) => {
    const head = await readHead(client);
    await write(client, reply);
    const port = Number(new URL(server.url).port);
    const connection = await Deno.connect({ hostname: "127.0.0.1", port });
    const buffer = new Uint8Array(4096);
    const first = buffer.subarray(0, await client.read(buffer) ?? 0);
    tunnels.push({ head, hello: new TextDecoder("latin1").decode(first) });
    await connection.write(first);
    await Promise.allSettled([
      client.readable.pipeTo(connection.writable),
      connection.readable.pipeTo(client.writable),
    ]);
  });
  const file = await Deno.makeTempFile({ suffix: ".pem" });
  await Deno.writeTextFile(file, pem);
  const OKDATA_API_URL = `https://${host}`;
  const env = { OKDATA_API_URL, HTTPS_PROXY: proxy.url, DENO_CERT: file, RETRIES: "0" };
  await using program = await startLoop({ env });
  const task = await eventually("a task is settled", async () => {
    const { tasks } = await (await fetch(`${program.url}/tasks?limit=9`)).json();
    return tasks.find(({ state }: { state: string }) => state !== "PENDING");
  });
  const expiry = await eventually("the end of the certificate is known", async () => {
    const { value } = await scrape(program.url);
    return value("probe_tls_certificate_expiry_timestamp_seconds");
  });
  assertEquals(expiry, leaf.endsMs / 1e3);
  const { state, message = null } = task;
  return { settled: { state, message }, requests, tunnels };
}

const SUCCEEDED = { state: "SUCCEEDED", message: null };

for (
  const [what, reply] of [
    // https://github.com/curl/curl/issues/1317
    ["a length", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"],
    ["chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"],
    [
      "a length beside chunks",
      "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
    ],
    // https://github.com/curl/curl/issues/1859
    ["status 204", "HTTP/1.1 204 No Content\r\n\r\n"],
    ["an interim response before", `HTTP/1.1 100 Continue\r\n\r\n${ACCEPTED}`],
    ["no reason phrase", "HTTP/1.0 200\r\n\r\n"],
  ] as const
) {
  sharingTest(`a proxy that accepts CONNECT with ${what} is used`, async () => {
    const { settled, tunnels } = await probe("api.test", reply);
    assertEquals(settled, SUCCEEDED);
    assert(tunnels.length >= 2);
    for (const { head, hello } of tunnels) {
      assertStringIncludes(head, "CONNECT api.test:443 HTTP/1.1\r\nhost: api.test:443\r\n");
      assertStringIncludes(hello, "\x08api.test");
    }
  });
}

// https://github.com/louislam/uptime-kuma/issues/3564
sharingTest("an IPv6 address is asked for in brackets, and never as a server name", async () => {
  const { settled, requests, tunnels } = await probe(`[${ADDRESS}]`);
  assertEquals(settled, SUCCEEDED);
  assertStringIncludes(requests.join(), `\r\nhost: [${ADDRESS}]\r\n`);
  for (const { head, hello } of tunnels) {
    const target = `[${ADDRESS}]:443`;
    assertStringIncludes(head, `CONNECT ${target} HTTP/1.1\r\nhost: ${target}\r\n`);
    assert(!hello.includes(ADDRESS), hello);
  }
});

// https://github.com/curl/curl/pull/8320
sharingTest(
  "a name that ends with a dot is the server name and the certificate's without it",
  async () => {
    const { settled, requests, tunnels } = await probe("api.test.");
    assertEquals(settled, SUCCEEDED);
    assertStringIncludes(requests.join(), "\r\nhost: api.test.\r\n");
    for (const { head, hello } of tunnels) {
      assertStringIncludes(head, "CONNECT api.test.:443 HTTP/1.1\r\n");
      assertStringIncludes(hello, "\x08api.test");
      assert(!hello.includes("api.test."), hello);
    }
  },
);
