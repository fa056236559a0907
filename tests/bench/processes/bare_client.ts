/**
 * The least that a probe made with node:http or node:https could do: the same request at the same rate, over a
 * connection of its own, the body read and thrown away. Arguments: URL, interval in milliseconds, and for
 * https the file of the authority.
 */
import http from "node:http";
import https from "node:https";

const [url = "", interval, authorityFile] = Deno.args;
const intervalMs = Number(interval);
const { request: send, agent } = authorityFile
  ? {
    request: https.request,
    agent: new https.Agent({ keepAlive: false, ca: Deno.readTextFileSync(authorityFile) }),
  }
  : { request: http.request, agent: new http.Agent({ keepAlive: false }) };
const headers = {
  "accept": "application/json",
  "accept-encoding": "gzip",
  "user-agent": "dataplatform-probe/0.1.0",
  "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
};
const startMs = performance.now();
let next = 0;

function tick(): void {
  const nowMs = performance.now();
  // As the probe does it: after a stall only the newest slot runs.
  next = Math.max(next, Math.floor((nowMs - startMs) / intervalMs)) + 1;
  setTimeout(tick, Math.max(0, Math.ceil(startMs + next * intervalMs - nowMs)));
  request();
}

function request(): void {
  const sent = send(url, { agent, headers }, (response: http.IncomingMessage) => {
    const chunks: Uint8Array[] = [];
    response.on("data", (chunk) => chunks.push(chunk));
  });
  sent.on("error", (error) => console.error(error.message));
  sent.end();
}

tick();
