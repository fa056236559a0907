import { type Clock, sleep } from "../core/clock.ts";
import type { StatusQuery, StatusView } from "../status_page/view.ts";

/** How long a page is reused at most: it shows times to the second. */
const MAX_PAGE_AGE_MS = 1_000;
const MAX_CACHED_PAGES = 100;

export type PageOptions = {
  clock: Clock;
  /** What a page shows. */
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
 */
export function createPageRenderer({ clock, viewStatus, eventFlushes }: PageOptions) {
  const cache = new Map<string, { body: RenderedPage["body"]; renderedMs: number }>();
  let cachedFlushes = eventFlushes();

  return async (query: StatusQuery, minimal: boolean): Promise<RenderedPage> => {
    const { pagePolicy, statusPage } = await loadPage(clock);
    if (cachedFlushes !== eventFlushes() || cache.size >= MAX_CACHED_PAGES) cache.clear();
    cachedFlushes = eventFlushes();
    const policy = pagePolicy();
    const key = JSON.stringify([query, minimal]);
    const nowMs = clock.monotonic();
    const cached = cache.get(key);
    if (cached && nowMs - cached.renderedMs < MAX_PAGE_AGE_MS) return { body: cached.body, policy };
    const body = new TextEncoder().encode(statusPage(viewStatus(query), { minimal }));
    cache.set(key, { body, renderedMs: nowMs });
    return { body, policy };
  };
}

type PageModule = typeof import("../status_page/page.tsx");

let pageModule: PageModule | undefined;
let loading: Promise<unknown> = Promise.resolve();

/**
 * Loads the page's module with the first request for it: it is most of the program's text, and many
 * probes never need it. Concurrent callers resume one per event-loop turn, since each then renders.
 * Rejects when the module cannot be loaded; the next caller tries again.
 */
export async function loadPage(clock: Clock): Promise<PageModule> {
  if (pageModule) return pageModule;
  const loaded = loading.catch(() => {}).then(async () => {
    await sleep(clock, 0);
    return pageModule ??= await import("../status_page/page.tsx");
  });
  loading = loaded;
  return await loaded;
}
