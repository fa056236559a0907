import http from "node:http";
import https from "node:https";
import { setTimeout as sleep } from "node:timers/promises";
import { Blackbox } from "./blackbox.ts";
import { Child, deno, freePort, script } from "./child.ts";
import { collect } from "./driver.ts";
import { compared, type Figure, type Line, median, quantile, type Run } from "./figure.ts";
import { Probe } from "./probe.ts";
import { createTls, serverArguments, type Tls, trustEnvironment } from "./tls.ts";
import { areHere } from "./tools.ts";

const RESPONSE_MS = 100;
/** No response is due while another request comes: the target handles one at a time. */
const INTERVAL_MS = 30;
/** With a handshake each of curl and its peers takes too long for a shorter one. */
const TLS_INTERVAL_MS = 140;
const SETTLE_MS = 300;
const WARM_UP_MS = 1_500;
const WINDOW_MS = 3_500;
const REPEATS = 4;

const PROBE = "the probe";

/** Asks for a dataset every `INTERVAL_MS` and says how long each request of a window took. */
type Client = (windowMs: number) => Promise<number[]>;

/**
 * What clients add to a response that takes 100 ms, on a fresh connection each time. Each measures by
 * itself, as its users see it; the target keeps the time so that its timers add nothing. They take
 * turns.
 */
export const overhead: Line = {
  name: "overhead",
  help: `time added to a response of ${RESPONSE_MS} ms, fresh connections, beside curl and others`,
  measure: (run) => measureAdded(run, null),
};

/** The same over TLS: a whole handshake each time, and one authority that all trust. */
export const httpsOverhead: Line = {
  name: "https overhead",
  help: "the same over TLS, with a certificate that all verify",
  measure: async (run) => measureAdded(run, await createTls()),
};

async function measureAdded(run: Run, tls: Tls | null): Promise<Figure[]> {
  await using children = new AsyncDisposableStack();
  const port = freePort();
  const command = ["run", "--allow-net", "--allow-read", script("slow_target.ts"), String(port)];
  children.use(new Child(deno(...command, String(RESPONSE_MS), ...serverArguments(tls))));
  const apiUrl = `${tls ? "https" : "http"}://127.0.0.1:${port}/metadata`;
  const bare = `bare node:${tls ? "https" : "http"} client`;
  const intervalMs = intervalOf(tls);
  const clients: Record<string, Client> = {
    ...await peers(`${apiUrl}/abc123`, tls, children, run),
    "bare Deno.connect": driven(() => socketMs(port, tls), intervalMs),
    [bare]: driven(() => bareMs(`${apiUrl}/abc123`, tls), intervalMs),
    [PROBE]: await probeClient(apiUrl, tls, children),
  };
  const windows: Record<string, number[][]> = {};
  for (let repeat = 0; repeat <= REPEATS; repeat++) {
    run.say(repeat === 0 ? "warming up" : `${repeat} of ${REPEATS}`);
    for (const [what, client] of Object.entries(clients)) {
      const durationsMs = await client(repeat === 0 ? WARM_UP_MS : WINDOW_MS);
      if (repeat > 0) (windows[what] ??= []).push(durationsMs.map((each) => each - RESPONSE_MS));
    }
  }
  const toCurl = { rival: "curl", atMost: tls ? 1.1 : 1 };
  const toBlackbox = { rival: "blackbox_exporter", atMost: 1 };
  return [
    ...figuresOf(windows, "p50", median, { bare, ...toCurl }),
    // Over TLS there are too few for more.
    ...tls
      ? []
      : figuresOf(windows, "p99", (added) => quantile(added, 0.99), { bare, ...toBlackbox }),
  ];
}

function intervalOf(tls: Tls | null): number {
  return tls ? TLS_INTERVAL_MS : INTERVAL_MS;
}

/** One figure for each client; the probe's beside that of a bare one, and bounded by its rival's. */
function figuresOf(
  windows: Record<string, number[][]>,
  name: string,
  of: (addedMs: number[]) => number,
  { bare, rival, atMost }: { bare: string; rival: string; atMost: number },
): Figure[] {
  const figures = Object.entries(windows).map(([what, added]): Figure => ({
    what: `${name}, ${what}`,
    unit: "ms",
    values: added.map(of),
  }));
  const named = (what: string) => figures.find((figure) => figure.what === `${name}, ${what}`);
  const [bareOne, peer, probe] = [named(bare), named(rival), named(PROBE)];
  if (!probe || !bareOne) throw new Error("the probe and a bare client are always measured");
  const ours = compared(probe, bareOne);
  const judged = peer ? compared(ours, peer, { atMost }) : ours;
  return figures.map((figure) => figure === probe ? judged : figure);
}

function driven(askMs: () => Promise<number>, intervalMs: number): Client {
  return (windowMs) => collect(askMs, { intervalMs, windowMs });
}

/** What a user would take instead; blackbox_exporter is asked as Prometheus would, but more often. */
async function peers(
  url: string,
  tls: Tls | null,
  children: AsyncDisposableStack,
  run: Run,
): Promise<Record<string, Client>> {
  const intervalMs = intervalOf(tls);
  const clients: Record<string, Client> = {};
  if (await areHere(["curl"], "what curl adds", run)) {
    clients["curl"] = driven(() => curlMs(url, tls), intervalMs);
  }
  if (await areHere(["prometheus-blackbox-exporter"], "what blackbox_exporter adds", run)) {
    const blackbox = children.use(await Blackbox.start(tls?.authorityFile));
    clients["blackbox_exporter"] = driven(async () => 1e3 * await blackbox.probe(url), intervalMs);
  }
  return clients;
}

/** What the probe says of the tasks that it has begun and ended within a window. */
async function probeClient(
  apiUrl: string,
  tls: Tls | null,
  children: AsyncDisposableStack,
): Promise<Client> {
  const env = { TASK_INTERVAL_SECONDS: String(intervalOf(tls) / 1e3), ...trustEnvironment(tls) };
  const probe = children.use(await Probe.start(apiUrl, { env }));
  probe.pause();
  return async (windowMs) => {
    probe.resume();
    await sleep(SETTLE_MS);
    const before = (await probe.tasks()).at(0)?.seqno ?? 0;
    await sleep(windowMs);
    const tasks = await probe.tasks();
    probe.pause();
    return tasks.flatMap(({ seqno, duration_seconds }) =>
      seqno > before && duration_seconds !== null ? [1e3 * duration_seconds] : []
    );
  };
}

async function curlMs(url: string, tls: Tls | null): Promise<number> {
  const trust = tls ? ["--cacert", tls.authorityFile] : [];
  const args = ["--silent", "--output", "/dev/null", "--write-out", "%{time_total}", ...trust, url];
  const { stdout } = await new Deno.Command("curl", { args }).output();
  return 1e3 * Number(new TextDecoder().decode(stdout));
}

const agents = {
  plain: new http.Agent({ keepAlive: false }),
  secure: new https.Agent({ keepAlive: false }),
};

function bareMs(url: string, tls: Tls | null): Promise<number> {
  const startMs = performance.now();
  return new Promise((resolve, reject) => {
    const onResponse = (response: http.IncomingMessage) => {
      response.on("data", () => {});
      response.on("end", () => resolve(performance.now() - startMs));
    };
    const request = tls
      ? https.get(url, { agent: agents.secure, ca: tls.authority }, onResponse)
      : http.get(url, { agent: agents.plain }, onResponse);
    request.on("error", reject);
  });
}

/** The same exchange written by hand, without any parser. */
async function socketMs(port: number, tls: Tls | null): Promise<number> {
  const startMs = performance.now();
  const hostname = "127.0.0.1";
  const tcp = await Deno.connect({ hostname, port });
  if (tls) tcp.setNoDelay(true);
  using connection = tls ? await Deno.startTls(tcp, { hostname, caCerts: [tls.authority] }) : tcp;
  const request = "GET /metadata/abc123 HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
  await connection.write(new TextEncoder().encode(request));
  const part = new Uint8Array(4096);
  while (await connection.read(part) !== null);
  return performance.now() - startMs;
}
