import { serve } from "../../src/commands/serve.ts";
import { parseConfig } from "../../src/config/config.ts";
import type { Runtime } from "../../src/runtime/runtime.ts";
import type { Output } from "../../src/runtime/output.ts";
// Read beforehand, since that takes real time, of which a fake clock has none.
import "../../src/terminal/table.ts";
import { plainTrace } from "../../src/runtime/tracing.ts";
import { FakeClock, settle } from "./clock.ts";
import { FakeTransport } from "./exchange.ts";

/** Output that keeps what it was given. */
export class Kept implements Output {
  text = "";
  write(text: string): void {
    this.text += text;
  }
  flush(): Promise<unknown> {
    return Promise.resolve(undefined);
  }
}

/** The same numbers each time, from 0 up to 1. */
export function seededRandom(seed = 1) {
  let state = seed >>> 0;
  const fraction = () => {
    // Mulberry32.
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  const digit = () => Math.floor(fraction() * 16).toString(16);
  return { fraction, hex: (bytes: number) => Array.from({ length: 2 * bytes }, digit).join("") };
}

/** The runtime of a program that stands on fakes: no socket, no clock, no chance. */
export function createFakeRuntime() {
  const clock = new FakeClock();
  const transport = new FakeTransport();
  const stdout = new Kept();
  const logged: { level: string; message: string; properties: Record<string, unknown> }[] = [];
  const line = (level: string) => (message: string, properties = {}) =>
    void logged.push({ level, message, properties });
  let handler: Parameters<Runtime["listen"]>[1] = () => new Response(null, { status: 503 });
  const random = seededRandom();
  const files: Record<string, string> = {};
  const served: string[] = [];
  let onReload = () => {};
  const runtime: Runtime = {
    clock,
    random,
    trace: plainTrace(random),
    exchange: transport.exchange,
    connectionsClosing: () => 0,
    readCertificateExpiryMs: () => Promise.resolve(Date.UTC(2030, 0, 1)),
    listen({ port, tls }, handle) {
      handler = handle;
      if (tls) served.push(tls.cert);
      return {
        url: `http://localhost:${port}`,
        address: `0.0.0.0:${port}`,
        replaceTls: ({ cert }) => void served.push(cert),
        close: () => Promise.resolve(),
      };
    },
    readFile(path) {
      const text = files[path];
      return text === undefined
        ? Promise.reject(new Error(`no file ${path}`))
        : Promise.resolve(text);
    },
    onReload: (callback) => onReload = callback,
    resolve: () => Promise.resolve(["192.0.2.1"]),
    log: { debug: line("debug"), info: line("info"), warn: line("warn"), error: line("error") },
    stdout,
    progress: null,
    terminal: () => ({ width: 80, color: false }),
    usage: () => ({ cpuSeconds: 0, residentBytes: 0, heapBytes: 0 }),
    build: { deno: "0.0.0", target: "test" },
  };
  const get = async (path: string, headers: Record<string, string> = {}) =>
    await handler(new Request(`http://localhost:8000${path}`, { headers }));
  /** The process is asked to read its files again. */
  const reload = () => onReload();
  return { runtime, clock, transport, stdout, logged, get, files, served, reload };
}

/** A checked configuration from environment variables. */
export function configOf(env: Record<string, string>) {
  const given: Record<string, string> = {
    DATASET_ID: "abc123",
    OKDATA_API_URL: "http://api",
    LOCAL_SERVICES_ONLY: "true",
    ...env,
  };
  const configured = parseConfig({ flags: {}, env: (name) => given[name] }, () => "00000000");
  if (!configured.ok) throw new Error(configured.problems.join("\n"));
  return configured.config;
}

/** Starts the main loop on fakes. */
export async function startProgram(
  env: Record<string, string> = {},
  view = {},
  files: Record<string, string> = {},
) {
  const fakes = createFakeRuntime();
  Object.assign(fakes.files, files);
  const stop = new AbortController();
  const exitCode = serve(
    configOf(env),
    { table: false, rows: 20, utc: true, ...view },
    fakes.runtime,
    stop.signal,
  );
  await fakes.clock.run(0);
  return { ...fakes, exitCode, stop: () => stop.abort("SIGTERM") };
}

export { settle };

/** The samples of a text exposition, by name and labels as they are written. */
export function samplesOf(exposition: string): Map<string, number> {
  const lines = exposition.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  return new Map(lines.map((line) => {
    const [, series = "", value] = line.match(/^(.*?\}|\S+) (\S+)/) ?? [];
    return [series, Number(value)];
  }));
}

/** The sum of all samples of a metric whose labels contain `labels`. */
export function sumOf(samples: Map<string, number>, name: string, labels = ""): number {
  return [...samples]
    .filter(([series]) => series.split("{")[0] === name && series.includes(labels))
    .reduce((sum, [, value]) => sum + value, 0);
}
