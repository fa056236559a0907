/** Answers every request for a dataset at once. Its argument is the port. */

const HEADERS = { "content-type": "application/json" };

const bodies = new Map<string, string>();
const arrivalsMs = new Map<string, number[]>();
let count = 0;

function answer({ url }: Request): Response {
  const nowMs = performance.now();
  const [, , , path, id] = url.split("/");
  if (path === "count") return new Response(String(count));
  if (path === "arrivals") {
    const times = arrivalsMs.get(id) ?? [];
    arrivalsMs.delete(id);
    return Response.json(times);
  }
  count++;
  note(id, nowMs);
  return new Response(bodyOf(id), { headers: HEADERS });
}

/** Keeps the first thousands: nobody asks for more. */
function note(id: string, nowMs: number): void {
  const times = arrivalsMs.get(id) ?? [];
  if (times.length < 10_000) times.push(nowMs);
  arrivalsMs.set(id, times);
}

function bodyOf(id: string): string {
  const known = bodies.get(id);
  if (known) return known;
  const body = JSON.stringify({
    Type: "Dataset",
    Id: id,
    title: "A dataset",
    description: "As long as the description of a dataset of the platform may be. ".repeat(6),
    keywords: ["bench", "probe"],
    accessRights: "public",
    confidentiality: "green",
    state: "active",
  });
  bodies.set(id, body);
  return body;
}

Deno.serve({ hostname: "127.0.0.1", port: Number(Deno.args[0]), onListen() {} }, answer);
