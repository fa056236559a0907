/** Responses that public bug reports of probes and HTTP clients are about. */
import { assertEquals } from "@std/assert";
import { concat } from "@std/bytes/concat";
import { createAuthority } from "../../support/certificates.ts";
import { DATASET_ID, run, sharingTest } from "../../support/program.ts";
import { readHead, startRawServer, type Target, write } from "../../support/targets.ts";

const BODY = JSON.stringify({ Id: DATASET_ID });

/** Probes once; returns what the only task shows. */
async function taskOf(apiUrl: string, env: Record<string, string> = {}) {
  const settings = { DATASET_ID, RETRIES: "0", OKDATA_API_URL: apiUrl };
  const { stdout } = await run({ args: ["--once", "--json"], env: { ...settings, ...env } });
  const { tasks: [{ state, reason, message = null }] } = JSON.parse(stdout);
  return { state, reason: reason ?? null, message };
}

const SUCCEEDED = { state: "SUCCEEDED", reason: null, message: null };

const failed = (reason: string, message: string) => ({ state: "FAILED", reason, message });

const LENGTH = `content-length: ${BODY.length}\r\n`;

for (
  const [what, sent, task] of [
    // https://github.com/helidon-io/helidon/issues/9646
    ["no reason phrase", `HTTP/1.1 200\r\n${LENGTH}\r\n${BODY}`, SUCCEEDED],
    // https://github.com/urllib3/urllib3/pull/5063
    [
      "a header over two lines",
      `HTTP/1.1 200 OK\r\nx: a\r\n\tb\r\n${LENGTH}\r\n${BODY}`,
      SUCCEEDED,
    ],
    // https://github.com/tempesta-tech/tempesta/issues/816
    [
      "status 204 and a body",
      `HTTP/1.1 204 No Content\r\n${LENGTH}\r\n${BODY}`,
      failed("http", "status 204"),
    ],
    // https://github.com/hahwul/gori/issues/1207
    [
      "a status that is no number",
      `HTTP/1.1 200x Odd\r\n${LENGTH}\r\n${BODY}`,
      failed("invalid_response", "the response is not HTTP/1: Invalid response status"),
    ],
    [
      "a reason phrase of 70 kB",
      `HTTP/1.1 200 ${"O".repeat(70_000)}\r\n${LENGTH}\r\n${BODY}`,
      failed("invalid_response", "the headers are larger than 65536 bytes"),
    ],
    // https://github.com/prometheus/blackbox_exporter/issues/1453
    ["no bytes at all", "", failed("reset", "the connection ended before a response")],
  ] as const
) {
  sharingTest(`a response with ${what} is read as what it is`, async () => {
    await using server = startRawServer(async (connection) => {
      await readHead(connection);
      await write(connection, sent);
      connection.close();
    });
    assertEquals(await taskOf(server.url), task);
  });
}

/**
 * Forwards TLS to a port, and closes the connection after the record that holds a response of this
 * length: before the server can say that it has ended (`close_notify`).
 */
function startCutting(port: number, length: number): Target {
  return startRawServer(async (client) => {
    const server = await Deno.connect({ hostname: "127.0.0.1", port });
    client.readable.pipeTo(server.writable).catch(() => {});
    let rest = new Uint8Array();
    for await (const chunk of server.readable) {
      rest = concat([rest, chunk]);
      for (let size; rest.length >= 5 && rest.length >= (size = recordSize(rest));) {
        const record = rest.subarray(0, size);
        rest = rest.slice(size);
        await client.write(record);
        // TLS 1.3 adds a byte for its type and 16 for the tag.
        if (record[0] === APPLICATION_DATA && size === HEADER + length + 17) {
          client.close();
          server.close();
          return;
        }
      }
    }
  });
}

const APPLICATION_DATA = 23;
const HEADER = 5;

function recordSize(bytes: Uint8Array): number {
  return HEADER + ((bytes[3] ?? 0) << 8) + (bytes[4] ?? 0);
}

for (
  const [what, sent, task] of [
    // https://github.com/seanmonstar/reqwest/issues/2802
    [
      "chunked response",
      `transfer-encoding: chunked\r\n\r\n${BODY.length.toString(16)}\r\n${BODY}\r\n0\r\n\r\n`,
      SUCCEEDED,
    ],
    ["response of known length", `${LENGTH}\r\n${BODY}`, SUCCEEDED],
    // https://github.com/httprb/http/pull/845
    [
      "response without a length",
      `\r\n${BODY}`,
      failed(
        "reset",
        `the connection ended after ${BODY.length} bytes of the body, without the end of TLS`,
      ),
    ],
    [
      "response that is cut",
      `content-length: 500\r\n\r\n${BODY}`,
      failed("reset", `the connection ended after ${BODY.length} of 500 bytes of the body`),
    ],
  ] as const
) {
  sharingTest(
    `a ${what} over TLS that ends without close_notify is read as what it is`,
    async () => {
      const response = `HTTP/1.1 200 OK\r\n${sent}`;
      const { pem, issue } = await createAuthority();
      await using server = startRawServer(async (connection) => {
        await readHead(connection);
        await write(connection, response);
      }, await issue("localhost"));
      await using cutting = startCutting(Number(new URL(server.url).port), response.length);
      const file = await Deno.makeTempFile({ suffix: ".pem" });
      await Deno.writeTextFile(file, pem);
      const url = `https://localhost:${new URL(cutting.url).port}`;
      assertEquals(await taskOf(url, { DENO_CERT: file }), task);
    },
  );
}
