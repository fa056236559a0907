import type { Clock } from "../core/clock.ts";
import type { Random } from "../core/random.ts";
import type { Exchange } from "../http_client/exchange.ts";
import type { Log } from "./log.ts";
import type { Output } from "./output.ts";
import type { Trace } from "./tracing.ts";

/** Everything outside the program that it depends on. Tests and simulations bring their own. */
export type Runtime = {
  clock: Clock;
  random: Random;
  trace: Trace;
  exchange: Exchange;
  /** How many connections of exchanges that are over could not be closed yet. */
  connectionsClosing: () => number;
  /**
   * When the first certificate of the chain that an https host presents expires, milliseconds since
   * the epoch; trusted or not.
   */
  readCertificateExpiryMs: (url: URL, signal: AbortSignal) => Promise<number>;
  listen: Listen;
  readFile: (path: string) => Promise<string>;
  /** Calls back each time that the process is asked to read its files again (SIGHUP). */
  onReload: (callback: () => void) => void;
  /** The addresses of a host name; rejects when it has none. */
  resolve: (hostname: string) => Promise<string[]>;
  log: Log;
  stdout: Output;
  /** Where a one-off run shows its progress; null when standard error is not a terminal. */
  progress: Output | null;
  /** The width in columns and the colours that tables are made for, as they are now. */
  terminal: () => { width: number; color: boolean };
  /** What the process has used since its start. */
  usage: () => { cpuSeconds: number; residentBytes: number; heapBytes: number };
  build: { deno: string; target: string };
};

/**
 * Opens a port and serves `handler` there; throws when the port cannot be opened. When the system
 * later takes the port away it is opened again: `onChange` is called with the error, and with null
 * when the port is back.
 */
export type Listen = (
  address: { host: string; port: number; tls: { cert: string; key: string } | null },
  handler: (request: Request) => Response | Promise<Response>,
  onChange: (error: unknown) => void,
) => Listener;

/** A port that is open. */
export type Listener = {
  /** How a client on this machine reaches it. */
  url: string;
  /** The address and port that it is bound to. */
  address: string;
  /**
   * Serves this certificate to new connections; those that are open keep the old one. Throws for a
   * certificate or key that is unusable, and then nothing changes.
   */
  replaceTls: (tls: { cert: string; key: string }) => void;
  close: () => Promise<void>;
};
