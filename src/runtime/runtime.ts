import type { Ledger } from "../probing/ledger.ts";
import type { Backlog } from "../probing/backlog.ts";
import type { Clock } from "../core/clock.ts";
import type { Log } from "./log.ts";
import type { Exchange } from "../http_client/exchange.ts";
import type { Output } from "./output.ts";
import type { Random } from "../core/random.ts";
import type { Trace } from "./tracing.ts";

/** What the program stands on: everything outside it. A simulation puts its own parts in. */
export type Runtime = {
  clock: Clock;
  random: Random;
  trace: Trace;
  exchange: Exchange;
  listen: Listen;
  readFile: (path: string) => Promise<string>;
  /** The addresses of a name; rejects when it has none. */
  resolve: (hostname: string) => Promise<string[]>;
  log: Log;
  stdout: Output;
  /** Where a one-off run shows how far it is; null when nobody watches. */
  progress: Output | null;
  /** The terminal that tables are made for, as it is now. */
  terminal: () => { width: number; color: boolean };
  /** What the process has used up to now. */
  usage: () => { cpuSeconds: number; residentBytes: number; heapBytes: number };
  build: { deno: string; target: string };
  /** Lets a simulation look inside the main loop after each of its steps; absent otherwise. */
  witness?: (inside: Inside) => void;
};

/** What can be read of the main loop at any moment, at no cost. */
export type Inside = {
  accounts: Readonly<Ledger>;
  backlog: Pick<Backlog, "counts" | "oldestPending" | "page">;
  stalledLoops: () => string[];
};

/**
 * Opens a port and answers the requests there; throws when it cannot be had. When the system later
 * takes the port away it is opened again: `onChange` hears of that with the error, and with null
 * when it is back.
 */
export type Listen = (
  address: { host: string; port: number; tls: { cert: string; key: string } | null },
  handler: (request: Request) => Response | Promise<Response>,
  onChange: (error: unknown) => void,
) => { url: string; close: () => Promise<void> };
