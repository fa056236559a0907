import type { Clock } from "./clock.ts";
import type { Log } from "./log.ts";
import type { Exchange } from "./okdata/transport.ts";
import type { Output } from "./output.ts";
import type { Random } from "./random.ts";
import type { Trace } from "./tracing.ts";

/** What the program stands on: everything outside it. A simulation puts its own parts in. */
export type Ground = {
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
};

/** Opens a port and answers the requests there; throws when it cannot be had. */
export type Listen = (
  host: string,
  port: number,
  handler: (request: Request) => Response | Promise<Response>,
) => { url: string; close: () => Promise<void> };
