import { type Clock, systemClock } from "../core/clock.ts";
import { shedLoad } from "./load_shedding/load_shedding.ts";
import type { Listen } from "../runtime/runtime.ts";

/** How long requests that are being answered get when the port is closed; then they are left. */
const GRACE_MS = 1_000;

const FIRST_BACKOFF_MS = 100;
const MAX_BACKOFF_MS = 5_000;

/** How often it is looked whether descriptors are left. A port that is open at one look is back. */
const LOOK_MS = 5_000;

/**
 * Descriptors that are held back while connections are taken, so that the probe's own requests have
 * some when strangers have used up all others. As many more must be free before a port is opened.
 */
const HELD_BACK = 16;

/** The port or the certificate could not be had; the message says which and why, in one line. */
export class PortError extends Error {
  override name = "PortError";
}

/** The part of Deno that is listened with; a test puts another in its place. */
export type System = {
  clock: Clock;
  serve: (
    options: Deno.ServeTcpOptions | (Deno.ServeTcpOptions & Deno.TlsCertifiedKeyPem),
    handler: (request: Request) => Response | Promise<Response>,
  ) => { addr: Deno.NetAddr; finished: Promise<void>; shutdown: () => Promise<void> };
  /** Takes a descriptor until it is closed; throws when there is none. */
  openDescriptor: () => Descriptor;
};

type Descriptor = { close: () => void };

/**
 * Listens on a real port. Throws a `PortError` when it is in use or forbidden, and when the
 * certificate or its key is none.
 *
 * `Deno.serve` gives a port up for good when descriptors run out; it is closed too when they have
 * run out without that. It is opened again as soon as there are enough of them, while those that
 * were held back serve the probe's own requests.
 */
export const listen: Listen = listenWith({
  clock: systemClock,
  serve: Deno.serve,
  openDescriptor: () => Deno.openSync("/dev/null"),
});

/** Listens with another system than Deno's own. */
export function listenWith({ clock, serve, openDescriptor }: System): Listen {
  return ({ host: hostname, port, tls }, handler, onChange) => {
    if (tls) checkPair(tls);
    const guarded = shedLoad(handler, clock);
    let heldBack: Descriptor[] = [];
    let backoffMs = FIRST_BACKOFF_MS;
    let isDown = false;
    let isClosed = false;
    let cancel = () => {};

    let server = openFirst();
    const { port: bound } = server.addr;
    watch();

    const shown = ["0.0.0.0", "::"].includes(hostname) ? "localhost" : hostname;
    return {
      url: `${tls ? "https" : "http"}://${shown.includes(":") ? `[${shown}]` : shown}:${bound}`,
      async close() {
        isClosed = true;
        cancel();
        letGo(heldBack);
        const grace = Promise.withResolvers<void>();
        const cancelGrace = clock.after(GRACE_MS, grace.resolve);
        await Promise.race([server.shutdown().catch(() => {}), grace.promise]);
        cancelGrace();
      },
    };

    function openFirst() {
      try {
        return open(port);
      } catch (error) {
        throw new PortError(`port ${port} on ${hostname} cannot be had: ${reasonOf(error)}`);
      }
    }

    function open(wanted: number) {
      const free = take(2 * HELD_BACK);
      try {
        const opened = serve({ hostname, port: wanted, ...tls, onListen() {} }, guarded);
        heldBack = free.splice(0, HELD_BACK);
        return opened;
      } finally {
        letGo(free);
      }
    }

    /** So many descriptors; throws when there are fewer. */
    function take(count: number): Descriptor[] {
      const taken: Descriptor[] = [];
      try {
        while (taken.length < count) taken.push(openDescriptor());
        return taken;
      } catch (error) {
        letGo(taken);
        throw error;
      }
    }

    function watch(): void {
      const own = server;
      const onEnd = (error: unknown) => own === server && lose(error);
      own.finished.then(() => onEnd(new Error("the port was closed by nobody")), onEnd);
      look();
    }

    function look(): void {
      cancel = clock.after(LOOK_MS, () => {
        try {
          letGo(take(1));
        } catch (error) {
          server.shutdown().catch(() => {});
          return lose(error);
        }
        backoffMs = FIRST_BACKOFF_MS;
        if (isDown) onChange(null);
        isDown = false;
        look();
      });
    }

    function lose(error: unknown): void {
      letGo(heldBack);
      if (isClosed) return;
      cancel();
      if (!isDown) onChange(error);
      isDown = true;
      comeBack();
    }

    function comeBack(): void {
      cancel = clock.after(backoffMs, () => {
        try {
          server = open(bound);
        } catch {
          return comeBack();
        }
        watch();
      });
      backoffMs = Math.min(MAX_BACKOFF_MS, backoffMs * 2);
    }
  };
}

function letGo(descriptors: Descriptor[]): void {
  for (const descriptor of descriptors.splice(0)) descriptor.close();
}

/** Refuses what is no pair on a port that everybody has, so that nothing else can be the cause. */
function checkPair(pair: { cert: string; key: string }): void {
  try {
    Deno.listenTls({ hostname: "127.0.0.1", port: 0, ...pair }).close();
  } catch (error) {
    throw new PortError(
      `TLS_CERT_FILE, TLS_KEY_FILE: expected a certificate and its key as PEM: ${reasonOf(error)}`,
    );
  }
}

function reasonOf(error: unknown): string {
  if (error instanceof Deno.errors.AddrInUse) return "it is in use";
  if (error instanceof Deno.errors.AddrNotAvailable) return "this machine has no such address";
  if (error instanceof Deno.errors.PermissionDenied) return "it is not permitted";
  return error instanceof Error ? error.message : String(error);
}
