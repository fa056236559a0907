import { taskAtCursor } from "./chart/chart.ts";
import { NAVIGATION_TIMEOUT_MS } from "./delays.ts";
import { find } from "./dom.ts";
import { showPage } from "./refresh.ts";

/** Follows links, filters and the browser's history without loading the page again. */
export function handleNavigation(): void {
  document.addEventListener("click", (event) => {
    const link = event.target instanceof Element &&
      event.target.closest<HTMLAnchorElement>("main a");
    const isPlain = event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey;
    if (!link || !isPlain || !isOfThisPage(link)) return;
    event.preventDefault();
    void navigate(link.href);
  });

  document.addEventListener("submit", (event) => {
    if (!(event.target instanceof HTMLFormElement)) return;
    event.preventDefault();
    const given = [...new FormData(event.target)].filter(([, value]) => value !== "");
    const query = new URLSearchParams(given.map(([name, value]) => [name, String(value)]));
    void navigate(`?${query}${new URL(event.target.action).hash}`);
  });

  document.addEventListener("change", (event) => {
    if (event.target instanceof HTMLSelectElement) event.target.form?.requestSubmit();
  });

  find("main").addEventListener("click", ({ target }) => {
    if (!(target instanceof Element && target.closest("#chart"))) return;
    const seqno = taskAtCursor();
    if (seqno === undefined) return;
    const address = new URL(location.href);
    address.searchParams.set("task", String(seqno));
    address.hash = "detail";
    void navigate(address.href);
  });

  addEventListener("popstate", () => void showAddress());
}

/** Trace and dashboard are elsewhere, perhaps on the same host. */
function isOfThisPage({ origin, pathname }: HTMLAnchorElement): boolean {
  return origin === location.origin && pathname === location.pathname;
}

async function navigate(address: string): Promise<void> {
  history.pushState(null, "", address);
  await showAddress();
  const target = document.getElementById(location.hash.slice(1));
  target?.querySelector("h2")?.scrollIntoView({ block: "nearest" });
  if (target?.matches("tr, #detail")) target.querySelector<HTMLElement>("h3, a")?.focus();
}

/**
 * Shows the page at the current address. A probe that does not respond leaves the page as it is,
 * until it is found again; an address that is not a page of the probe is left to the browser.
 */
async function showAddress(): Promise<void> {
  try {
    await showPage(NAVIGATION_TIMEOUT_MS);
  } catch {
    location.reload();
  }
}
