/**
 * Emulates okdata-metadata-api and its identity provider on a developer's machine. It imports
 * nothing from `src/`, so it cannot share a mistake with the probe. Deliberately
 * left out: permissions (any token may read any dataset) and a store of datasets (every dataset
 * exists, but for `MISSING_DATASETS`).
 */
import { z } from "zod";
import { type Behaviour, type Counts, createEmulator } from "./emulator.ts";
import { type Faults, mergeFaults, NO_FAULTS, percent, seconds } from "./faults.ts";
import { anySeed } from "./random.ts";
import { between, describe, flag, list, numeral, problemsOf, wholeBetween } from "./settings.ts";

const port = wholeBetween(0, 65535, "a port");
const seed = wholeBetween(0, 2 ** 32 - 1, "a whole number");
const lifetime = between(0.001, 2_592_000, "a number of seconds");

/** Environment variables and their defaults. */
const SETTINGS = z.object({
  /** The address to listen on; 0.0.0.0 is reachable from other machines. Port 0 is any free port. */
  HTTP_SERVER_HOST: z.string().default("127.0.0.1"),
  HTTP_SERVER_PORT: numeral(port).default(8081),
  /** The share of dataset requests with a random delay, and the longest delay. */
  DELAY_PERCENT: numeral(percent).default(10),
  DELAY_MAX_SECONDS: numeral(seconds).default(3),
  /** The share of dataset requests that get status 401. */
  UNAUTHORIZED_PERCENT: numeral(percent).default(5),
  /** The same seed and requests give the same responses. Random by default. */
  SEED: numeral(seed).optional(),
  /** Dataset IDs that do not exist, separated by commas. */
  MISSING_DATASETS: list().default([]),
  /** The client that gets tokens, and their lifetime. */
  CLIENT_ID: z.string().default("local-client"),
  CLIENT_SECRET: z.string().default("local-secret"),
  TOKEN_LIFETIME_SECONDS: numeral(lifetime).default(300),
  /** Whether dataset requests without a token are refused. Invalid tokens always are. */
  REQUIRE_TOKEN: flag().default(false),
  /** One line on stderr for each request. */
  LOG_REQUESTS: flag().default(false),
});

/** Options of an emulator in this process. The defaults are those of `SETTINGS`, but for the port. */
export interface HttpServerOptions extends Partial<Omit<Behaviour, "faults">> {
  hostname?: string;
  /** Default 0, any free port. */
  port?: number;
  /** Added to the random delays and 401s; `NO_FAULTS` turns these off. */
  faults?: Partial<Faults>;
}

/** A running emulator. */
export interface HttpServer {
  /** Without a slash at the end. */
  url: string;
  seed: number;
  counts(): Counts;
  /** Like `PUT /faults`: other faults are as at the start. Throws an `InvalidFaultsError`. */
  setFaults(given: Partial<Faults>): void;
  /** Closes all connections at once. */
  shutdown(): Promise<void>;
}

/** Starts an emulator in this process. Throws when it cannot listen or for invalid faults. */
export function startHttpServer(options: HttpServerOptions = {}): HttpServer {
  const defaults = { ...optionsFrom(SETTINGS.parse({})), port: 0 };
  const { hostname, port, ...behaviour } = { ...defaults, ...options };
  const seed = behaviour.seed ?? anySeed();
  const faults = mergeFaults(defaults.faults, behaviour.faults);
  const { app, ...emulator } = createEmulator({ ...behaviour, seed, faults });

  const stop = new AbortController();
  const server = Deno.serve(
    { hostname, port, signal: stop.signal, onListen() {} },
    (request) => app.fetch(request),
  );
  const shutdown = () => {
    stop.abort();
    return server.finished;
  };
  return { ...emulator, url: urlOf(hostname, server.addr.port), seed, shutdown };
}

function urlOf(hostname: string, port: number): string {
  const isIpv6 = hostname.includes(":");
  return `http://${isIpv6 ? `[${hostname}]` : hostname}:${port}`;
}

function optionsFrom(settings: z.infer<typeof SETTINGS>) {
  return {
    hostname: settings.HTTP_SERVER_HOST,
    port: settings.HTTP_SERVER_PORT,
    seed: settings.SEED,
    faults: {
      ...NO_FAULTS,
      delay_percent: settings.DELAY_PERCENT,
      delay_max_seconds: settings.DELAY_MAX_SECONDS,
      unauthorized_percent: settings.UNAUTHORIZED_PERCENT,
    },
    missingDatasets: settings.MISSING_DATASETS,
    clientId: settings.CLIENT_ID,
    clientSecret: settings.CLIENT_SECRET,
    tokenLifetimeSeconds: settings.TOKEN_LIFETIME_SECONDS,
    requireToken: settings.REQUIRE_TOKEN,
    logRequests: settings.LOG_REQUESTS,
  };
}

/** The variables that are set; a blank one counts as unset. */
function environment(): Record<string, string> {
  const names = Object.keys(SETTINGS.shape);
  const values = names.map((name) => [name, Deno.env.get(name)?.trim()]);
  return Object.fromEntries(values.filter(([, value]) => value));
}

function optionsFromEnvironment(): HttpServerOptions {
  const given = environment();
  const { data, error } = SETTINGS.safeParse(given);
  if (data) return optionsFrom(data);
  return exitWith(problemsOf(error, given).map(describe).join("\n"));
}

function startOrExit(options: HttpServerOptions): HttpServer {
  try {
    return startHttpServer(options);
  } catch (error) {
    const reason = error instanceof Error ? error.message : error;
    return exitWith(`Cannot listen on port ${options.port} of ${options.hostname}: ${reason}`);
  }
}

function exitWith(message: string): never {
  console.error(message);
  Deno.exit(2);
}

// Deno has no SIGTERM on Windows.
const STOP_SIGNALS: Deno.Signal[] = Deno.build.os === "windows"
  ? ["SIGINT"]
  : ["SIGINT", "SIGTERM"];

function main(): void {
  const { url, seed, shutdown } = startOrExit(optionsFromEnvironment());
  console.error(
    `Listening on ${url}, SEED=${seed}. ` +
      `Break it: curl -X PUT ${url}/faults -d '{"status":500}'; repair it: curl -X DELETE ${url}/faults`,
  );
  for (const signal of STOP_SIGNALS) {
    Deno.addSignalListener(signal, () => shutdown().then(() => Deno.exit(0)));
  }
}

if (import.meta.main) main();
