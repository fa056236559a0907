/**
 * Asks for `/healthz` again and again, over one connection and with a pause of a millisecond, and says
 * for each window that passes how long a response took. Arguments: URL, window in milliseconds.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { median } from "../figure.ts";

const [url = "", windowMs] = Deno.args;
const { hostname, port } = new URL(url);
const connection = await Deno.connect({ hostname, port: Number(port) });
connection.setNoDelay(true);
const request = new TextEncoder().encode(`GET /healthz HTTP/1.1\r\nhost: ${hostname}\r\n\r\n`);
const part = new Uint8Array(4096);

async function responseMs(): Promise<number> {
  const startMs = performance.now();
  await connection.write(request);
  for (let text = ""; !text.endsWith("}");) {
    const length = await connection.read(part);
    if (length === null) throw new Error("the connection was closed");
    text += new TextDecoder().decode(part.subarray(0, length));
  }
  return performance.now() - startMs;
}

for (;;) {
  const endMs = performance.now() + Number(windowMs);
  const tookMs: number[] = [];
  while (performance.now() < endMs) {
    tookMs.push(await responseMs());
    await sleep(1);
  }
  console.log(JSON.stringify({ p50: median(tookMs), max: Math.max(...tookMs) }));
}
