/** Responds to every request for a dataset at once. Its argument is the port. */
import { datasetBody } from "../dataset.ts";

const HEADERS = { "content-type": "application/json" };

const bodies = new Map<string, string>();
const arrivalsMs = new Map<string, number[]>();
let count = 0;

function respond({ url }: Request): Response {
  const nowMs = performance.now();
  const [, , , path, id = ""] = url.split("/");
  if (path === "count") return new Response(String(count));
  if (path === "arrivals") {
    const all = Response.json(Object.fromEntries(arrivalsMs));
    arrivalsMs.clear();
    return all;
  }
  count++;
  note(id, nowMs);
  return new Response(bodyOf(id), { headers: HEADERS });
}

/** Keeps the first 10,000 arrivals: no figure needs more. */
function note(id: string, nowMs: number): void {
  const times = arrivalsMs.get(id) ?? [];
  if (times.length < 10_000) times.push(nowMs);
  arrivalsMs.set(id, times);
}

function bodyOf(id: string): string {
  const body = bodies.get(id) ?? datasetBody(id);
  bodies.set(id, body);
  return body;
}

Deno.serve({ hostname: "127.0.0.1", port: Number(Deno.args[0]), onListen() {} }, respond);
