import { type Clock, LoopHold } from "../core/clock.ts";
import type { StatusQuery, StatusView } from "../status_page/view.ts";
import { TurnQueue } from "./load_shedding/turn_queue.ts";

/** How long a page is reused at most: it shows times to the second. */
const MAX_PAGE_AGE_MS = 1_000;
const MAX_CACHED_PAGES = 100;

export type PageOptions = {
  clock: Clock;
  /** What a page shows: all of it is read in one instant. */
  viewStatus: (query: StatusQuery) => StatusView;
  /** Increases whenever the readers of `/events` were notified. */
  eventFlushes: () => number;
};

/** A status page, in HTML, and the Content-Security-Policy that its own script and style need. */
export type RenderedPage = { body: Uint8Array<ArrayBuffer>; policy: string };

/**
 * Renders status pages, and reuses each until the readers of `/events` are notified: browsers then
 * all request the page at once, and only the first request renders it. `minimal` leaves out script
 * and style.
 *
 * A page is rendered in parts, so that it does not delay probing, and one page after the other, so
 * that many who ask find what the first one has rendered, and as many queries need no more memory
 * than one. They resume one per event-loop turn, since each then sends a response.
 */
export function createPageRenderer({ clock, viewStatus, eventFlushes }: PageOptions) {
  const cache = new Map<string, { body: RenderedPage["body"]; viewedMs: number }>();
  const turns = new TurnQueue(clock);
  let cachedFlushes = eventFlushes();
  let last: Promise<unknown> = Promise.resolve();

  return (query: StatusQuery, minimal: boolean): Promise<RenderedPage> => {
    const page = last.catch(() => {}).then(() => nextPage(query, minimal));
    last = page;
    return page;
  };

  async function nextPage(query: StatusQuery, minimal: boolean): Promise<RenderedPage> {
    const { pagePolicy, pageParts } = await loadPage(clock);
    await turns.next();
    if (cachedFlushes !== eventFlushes() || cache.size >= MAX_CACHED_PAGES) cache.clear();
    cachedFlushes = eventFlushes();
    const policy = pagePolicy();
    const key = JSON.stringify([query, minimal]);
    const nowMs = clock.monotonic();
    const cached = cache.get(key);
    if (cached && nowMs - cached.viewedMs < MAX_PAGE_AGE_MS) return { body: cached.body, policy };
    const hold = new LoopHold(clock);
    const parts = pageParts(viewStatus(query), { minimal });
    let part: ReturnType<typeof parts.next>;
    do {
      if (hold.isLong) await hold.release();
      part = parts.next();
    } while (!part.done);
    if (hold.isLong) await hold.release();
    const body = new TextEncoder().encode(part.value);
    cache.set(key, { body, viewedMs: nowMs });
    return { body, policy };
  }
}

type PageModules =
  & typeof import("../status_page/files.ts")
  & typeof import("../status_page/page.tsx");

let modules: PageModules | undefined;

/**
 * Loads the page's modules with the first request for it, with pauses in between: they are most of the
 * program's text, and many probes never need them. Rejects when one cannot be loaded; the
 * next caller tries again.
 */
export async function loadPage(clock: Clock): Promise<PageModules> {
  if (modules) return modules;
  const hold = new LoopHold(clock);
  await hold.release();
  const files = await import("../status_page/files.ts");
  files.pagePolicy();
  await hold.release();
  const page = await import("../status_page/page.tsx");
  await hold.release();
  return modules = { ...files, ...page };
}
