import { setTimeout as sleep } from "node:timers/promises";
import { Blackbox } from "./blackbox.ts";
import { Child, deno, freePort, script } from "./child.ts";
import { collect } from "./driver.ts";
import { programs } from "./executables.ts";
import { compared, type Figure, type Line, median, quantile, type Run } from "./figure.ts";
import { Nginx } from "./nginx.ts";
import { Probe, type Program } from "./probe.ts";
import type { TlsFiles } from "../support/tls_files.ts";
import { overTls, trustEnvironment } from "./tls.ts";
import { areHere } from "./tools.ts";

const RESPONSE_MS = 100;
/**
 * Requests come 10 ms or more before and after a response is due: the target, and a client that is one
 * process, handle one thing at a time.
 */
const INTERVAL_MS = 22;
/** Each curl is a process that starts, which takes much of the machine, over TLS most of it. */
const CURL_INTERVAL_MS = 60;
const CURL_TLS_INTERVAL_MS = 140;
const SETTLE_MS = 300;
const WARM_UP_MS = 1_000;
/** Some 110 requests, of which the second slowest is the p99. Of curl there are too few for one. */
const WINDOW_MS = 2_600;
const REPEATS = 3;

const CURL = "curl";
const BLACKBOX = "blackbox_exporter";
const BARE = "bare Deno.connect";

/** Makes requests and says how long each of a window took. */
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
  measure: (run) => overTls("time added", run, (tls) => measureAdded(run, tls)),
};

async function measureAdded(run: Run, tls: TlsFiles | null): Promise<Figure[]> {
  await using children = new AsyncDisposableStack();
  const port = freePort();
  const command = ["run", "--allow-net", script("slow_target.ts"), String(port)];
  children.use(new Child(deno(...command, String(RESPONSE_MS))));
  const front = tls && children.use(await Nginx.start({ tls, upstreamPort: port }));
  const apiUrl = front?.apiUrl ?? `http://127.0.0.1:${port}/metadata`;
  const clients = await peers(`${apiUrl}/abc123`, tls, children, run);
  clients[BARE] = driven(() => socketMs(new URL(apiUrl), tls), INTERVAL_MS);
  const ours = await programs("what is added by the probe", run);
  for (const program of ours) {
    clients[program.what] = await probeClient(program, apiUrl, tls, children);
  }

  const windows: Record<string, number[][]> = {};
  for (let repeat = 0; repeat <= REPEATS; repeat++) {
    run.say(repeat === 0 ? "warming up" : `${repeat} of ${REPEATS}`);
    for (const [what, client] of Object.entries(clients)) {
      const durationsMs = await client(repeat === 0 ? WARM_UP_MS : WINDOW_MS);
      if (repeat > 0) (windows[what] ??= []).push(durationsMs.map((each) => each - RESPONSE_MS));
    }
  }
  const { [CURL]: _, ...withoutCurl } = windows;
  const names = ours.map(({ what }) => what);
  const p99 = (added: readonly number[]) => quantile(added, 0.99);
  return [
    ...figuresOf(windows, names, "p50", median, { rival: CURL, atMost: tls ? 1.1 : 1.05 }),
    ...figuresOf(withoutCurl, names, "p99", p99, { rival: BLACKBOX, atMost: 0.8 }),
  ];
}

/** One figure for each client; ours beside that of a bare one, and bounded by their rival's. */
function figuresOf(
  windows: Record<string, number[][]>,
  ours: readonly string[],
  name: string,
  of: (addedMs: number[]) => number,
  { rival, atMost }: { rival: string; atMost: number },
): Figure[] {
  const figures = Object.entries(windows).map(([what, added]): Figure => ({
    what: `${name}, ${what}`,
    unit: "ms",
    values: added.map(of),
  }));
  const named = (what: string) => figures.find((figure) => figure.what === `${name}, ${what}`);
  const [bare, peer] = [named(BARE), named(rival)];
  return figures.map((figure) => {
    if (!ours.some((what) => figure.what === `${name}, ${what}`)) return figure;
    const besideBare = bare ? compared(figure, bare) : figure;
    return peer ? compared(besideBare, peer, { atMost }) : besideBare;
  });
}

/** A client that is asked for one request at a time. */
function driven(ask: () => Promise<number>, intervalMs: number): Client {
  return (windowMs) => collect(ask, { intervalMs, windowMs });
}

/** Those of Debian that are here; blackbox_exporter is asked as Prometheus would, but more often. */
async function peers(
  url: string,
  tls: TlsFiles | null,
  children: AsyncDisposableStack,
  run: Run,
): Promise<Record<string, Client>> {
  const clients: Record<string, Client> = {};
  if (await areHere(["curl"], "what curl adds", run)) {
    const intervalMs = tls ? CURL_TLS_INTERVAL_MS : CURL_INTERVAL_MS;
    clients[CURL] = driven(() => curlMs(url, tls), intervalMs);
  }
  if (await areHere(["prometheus-blackbox-exporter"], "what blackbox_exporter adds", run)) {
    const blackbox = children.use(await Blackbox.start(tls?.authorityFile));
    clients[BLACKBOX] = driven(async () => 1e3 * await blackbox.probe(url), INTERVAL_MS);
  }
  return clients;
}

/** What the probe says of the tasks that it has begun and ended within a window. */
async function probeClient(
  program: Program,
  apiUrl: string,
  tls: TlsFiles | null,
  children: AsyncDisposableStack,
): Promise<Client> {
  const env = { TASK_INTERVAL_SECONDS: String(INTERVAL_MS / 1e3), ...trustEnvironment(tls) };
  const probe = children.use(await Probe.start(apiUrl, { program, env }));
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

async function curlMs(url: string, tls: TlsFiles | null): Promise<number> {
  const trust = tls ? ["--cacert", tls.authorityFile] : [];
  const args = ["--silent", "--output", "/dev/null", "--write-out", "%{time_total}", ...trust, url];
  const { stdout } = await new Deno.Command("curl", { args }).output();
  return 1e3 * Number(new TextDecoder().decode(stdout));
}

/** The exchange written by hand, without any parser: the least that a probe on this runtime could add. */
async function socketMs({ hostname, port }: URL, tls: TlsFiles | null): Promise<number> {
  const startMs = performance.now();
  const tcp = await Deno.connect({ hostname, port: Number(port) });
  if (tls) tcp.setNoDelay(true);
  using connection = tls ? await Deno.startTls(tcp, { hostname, caCerts: [tls.authority] }) : tcp;
  const request = "GET /metadata/abc123 HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
  await connection.write(new TextEncoder().encode(request));
  const part = new Uint8Array(4096);
  while (await connection.read(part) !== null);
  return performance.now() - startMs;
}
