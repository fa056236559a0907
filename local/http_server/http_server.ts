/**
 * Stands in for okdata-metadata-api and its identity provider on a developer's
 * laptop. It imports nothing from `src/`, so that a mistake in the contract
 * cannot hide. It does not check who may read which dataset, and it knows every
 * dataset but `MISSING_DATASETS`.
 */
import { z } from "zod";
import { type Behaviour, type Counts, createEmulator } from "./emulator.ts";
import { type Faults, mergeFaults, NO_FAULTS, percent, seconds } from "./faults.ts";
import { anySeed } from "./random.ts";
import { between, describe, flag, list, numeral, problemsOf, wholeBetween } from "./settings.ts";

const port = wholeBetween(0, 65535, "a port");
const seed = wholeBetween(0, 2 ** 32 - 1, "a whole number");
const lifetime = between(0.001, 2_592_000, "a number of seconds");

/** Change a default here, or set the environment variable of that name. */
const SETTINGS = z.object({
  /** Where it listens; 0.0.0.0 lets other machines in. Port 0 is any free one. */
  HTTP_SERVER_HOST: z.string().default("127.0.0.1"),
  HTTP_SERVER_PORT: numeral(port).default(8081),
  /** How many dataset requests get a random delay, and the longest one. */
  DELAY_PERCENT: numeral(percent).default(10),
  DELAY_MAX_SECONDS: numeral(seconds).default(3),
  /** How many dataset requests are answered 401 for no reason. */
  UNAUTHORIZED_PERCENT: numeral(percent).default(5),
  /** Repeats an earlier run: same seed, same requests, same outcomes. Random by default. */
  SEED: numeral(seed).optional(),
  /** Dataset IDs that do not exist, separated by commas. */
  MISSING_DATASETS: list().default([]),
  /** The client that gets tokens, and how long these live. */
  CLIENT_ID: z.string().default("local-client"),
  CLIENT_SECRET: z.string().default("local-secret"),
  TOKEN_LIFETIME_SECONDS: numeral(lifetime).default(300),
  /** Whether a dataset request without a token is refused. A wrong token always is. */
  REQUIRE_TOKEN: flag().default(false),
  /** One line on stderr for each request. */
  LOG_REQUESTS: flag().default(false),
});

/** What is left out is as in `SETTINGS`, but for the port. */
export interface HttpServerOptions extends Partial<Omit<Behaviour, "faults">> {
  hostname?: string;
  /** Default 0, any free port. */
  port?: number;
  /** On top of the random delays and 401s; `NO_FAULTS` turns these off. */
  faults?: Partial<Faults>;
}

/** An emulator that is running. */
export interface HttpServer {
  /** Without a slash at the end. */
  url: string;
  seed: number;
  counts(): Counts;
  /** As `PUT /faults`: those not named are as at the start. Throws `WrongFaults`. */
  setFaults(named: Partial<Faults>): void;
  /** Drops every connection, also those that wait for an answer. */
  shutdown(): Promise<void>;
}

/** Starts an emulator in this process. Throws when it cannot listen. */
export function startHttpServer(options: HttpServerOptions = {}): HttpServer {
  const defaults = { ...optionsFrom(SETTINGS.parse({})), port: 0 };
  const { hostname, port, ...given } = { ...defaults, ...options };
  const seed = given.seed ?? anySeed();
  const faults = mergeFaults(defaults.faults, given.faults);

  const stopping = new AbortController();
  const { signal } = stopping;
  const behaviour = { ...given, seed, faults };
  const { app, ...emulator } = createEmulator(behaviour);
  const server = Deno.serve(
    { hostname, port, signal, onListen() {} },
    (request) => app.fetch(request),
  );
  const shutdown = () => {
    stopping.abort();
    return server.finished;
  };
  const url = urlOf(hostname, server.addr.port);
  return { ...emulator, url, seed, shutdown };
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

/** The variables that are set to something; a blank one is unset. */
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
    return exitWith(
      `Cannot listen on port ${options.port} of ${options.hostname}: ${reason}`,
    );
  }
}

function exitWith(message: string): never {
  console.error(message);
  Deno.exit(2);
}

// Windows has no SIGTERM to listen to.
const STOP_SIGNALS: Deno.Signal[] = Deno.build.os === "windows"
  ? ["SIGINT"]
  : ["SIGINT", "SIGTERM"];

function main(): void {
  const { url, seed, shutdown } = startOrExit(optionsFromEnvironment());
  console.error(
    `Listening on ${url}, SEED=${seed}. ` +
      `Break it: curl -X PUT ${url}/faults -d '{"status":500}'; mend it: curl -X DELETE ${url}/faults`,
  );
  for (const signal of STOP_SIGNALS) {
    Deno.addSignalListener(signal, () => shutdown().then(() => Deno.exit(0)));
  }
}

if (import.meta.main) main();
