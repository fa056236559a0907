/** Requests the page again and changes the document into it. */
import { drawChart } from "./chart/chart.ts";
import {
  isConnected,
  isStale,
  setRefreshed,
  setTitle,
  showConnection,
} from "./connection_state.ts";
import {
  IDLE_REFRESH_MS,
  MAX_BUSY_SHARE,
  MIN_REFRESH_MS,
  pause,
  retryDelayMs,
  SILENCE_MS,
} from "./delays.ts";
import { find } from "./dom.ts";
import { morph } from "./morph.ts";
import { localizeTimes } from "./times.ts";

/** The probe responds, but the address is not one of its pages. */
class PageNotFound extends Error {}

const version = document.body.dataset.version;
const announcement = find("#announcement");

/** The number of the newest request for the page: responses to older ones are dropped. */
let requests = 0;
let newest = Promise.resolve();
let nextRefreshMs = 0;
let requestedMs = 0;
let refreshedMs = 0;

/**
 * Shows the page at the current address. A probe that does not respond is shown as lost; a response
 * of 4xx throws. When a later request makes this one obsolete, its outcome is this one's too.
 */
export function showPage(timeoutMs = SILENCE_MS): Promise<void> {
  return newest = show(++requests, timeoutMs);
}

async function show(request: number, timeoutMs: number): Promise<void> {
  const startMs = requestedMs = performance.now();
  try {
    const page = await fetchPage(timeoutMs);
    const endMs = performance.now();
    nextRefreshMs = endMs + Math.max(MIN_REFRESH_MS, (endMs - startMs) / MAX_BUSY_SHARE);
    if (request !== requests) return await newest;
    // Another version may have another script.
    if (page.body.dataset.version !== version) return location.reload();
    replaceWith(page);
    refreshedMs = endMs;
    setRefreshed(true);
  } catch (error) {
    nextRefreshMs = performance.now() + retryDelayMs();
    const isObsolete = request !== requests;
    // A newer request is under way. Its result decides, but it may time out too, which takes as long
    // again: so this failure is shown, unless a response came since.
    if (isObsolete && (error instanceof PageNotFound || refreshedMs > startMs)) return await newest;
    if (error instanceof PageNotFound) throw error;
    setRefreshed(false);
  }
  showConnection();
}

async function fetchPage(timeoutMs: number): Promise<Document> {
  const response = await fetch(location.href, {
    // The document already has script and style.
    headers: { accept: "text/html", prefer: "return=minimal" },
    cache: "no-store",
    signal: AbortSignal.timeout(timeoutMs),
  });
  if (response.status >= 400 && response.status < 500) throw new PageNotFound();
  if (!response.ok) throw new Error(`status ${response.status}`);
  return new DOMParser().parseFromString(await response.text(), "text/html");
}

function replaceWith(page: Document): void {
  localizeTimes(page);
  const before = find("h1").textContent;
  // The script draws the chart: the server sends an empty element.
  morph(find("main"), find("main", page), ({ id }) => id === "chart");
  setTitle(page.title);
  // The dashboard with the choices of this address.
  const dashboard = document.querySelector<HTMLAnchorElement>("#dashboard");
  if (dashboard) dashboard.href = find<HTMLAnchorElement>("#dashboard", page).href;
  find<HTMLLinkElement>("link[rel=icon]", document.head).href =
    find<HTMLLinkElement>("link[rel=icon]", page.head).href;
  const after = find("h1").textContent;
  if (after !== before) announcement.textContent = `${after} ${find(".summary p").textContent}`;
  drawChart();
}

/** Refreshes the page; an address that is not a page any more counts as a lost probe. */
export async function refresh(timeoutMs = SILENCE_MS): Promise<void> {
  try {
    await showPage(timeoutMs);
  } catch {
    setRefreshed(false);
    showConnection();
  }
}

let isRefreshing = false;
let isRefreshDue = false;

/** Refreshes as soon as the limits allow; a request during a refresh causes one more. */
export async function refreshSoon(): Promise<void> {
  if (document.hidden && !isIdle()) return;
  isRefreshDue = true;
  if (isRefreshing) return;
  isRefreshing = true;
  while (isRefreshDue) {
    await pause(nextRefreshMs - performance.now());
    isRefreshDue = false;
    await refresh();
  }
  isRefreshing = false;
}

/** Whether the last request is long ago. Counted from its start: a slow response is no idleness. */
function isIdle(): boolean {
  return performance.now() - requestedMs >= IDLE_REFRESH_MS;
}

/** Refreshes without events: when the tab is shown again, and when the page has grown old. */
export function refreshWhenIdle(): void {
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) void refreshSoon();
  });
  setInterval(() => {
    // Nothing has changed that the refresh under way would miss.
    if (isRefreshing || !isConnected()) return;
    if (isIdle() || isStale()) void refreshSoon();
  }, MIN_REFRESH_MS);
}
