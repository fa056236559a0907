/** A real browser: Debian's Chromium, driven by playwright. */
import {
  type Browser,
  type BrowserContextOptions,
  chromium,
  type Page,
} from "npm:playwright-core@1.65.1";
import { pagePolicy } from "../../src/status_page/files.ts";
import { startServer } from "../support/targets.ts";
import { type Program, sharingTest, startLoop } from "../support/program.ts";

/** Debian's two builds of it; that without windows takes half of the time. */
const BUILDS = ["/usr/bin/chromium-headless-shell", "/usr/bin/chromium"];

const ARGUMENTS = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** How long a test waits for the page to change: a busy machine is slow. */
const MAX_WAIT_MS = 20_000;

const executablePath = await firstExisting(BUILDS);
const isMissing = Deno.env.get("CI") !== "true" && executablePath === undefined;
if (isMissing) console.warn("chromium is not installed: the browser tests are skipped");

/** The tests of a file share a browser, whose start takes longer than most of them. */
let browser: Promise<Browser> | undefined;

if (!isMissing) Deno.test.afterAll(async () => await (await browser)?.close());

/** A test in a browser, which is skipped where Chromium is missing, except in CI. */
export function browserTest(name: string, body: () => Promise<void>): void {
  sharingTest(name, body, { ignore: isMissing });
}

/** A page with the requests and errors that it caused. */
export type Opened = AsyncDisposable & {
  page: Page;
  /** URLs of all requests, in order. */
  requests: string[];
  /** Warnings and errors of the console, and uncaught errors. */
  problems: string[];
};

/**
 * Opens `url` in a browser context of its own, with cache, cookies and credentials of its own, in the
 * time zone of Oslo unless `options` name another.
 */
export async function open(url: string, options: BrowserContextOptions = {}): Promise<Opened> {
  browser ??= launch();
  const context = await (await browser).newContext({ timezoneId: "Europe/Oslo", ...options });
  try {
    context.setDefaultTimeout(MAX_WAIT_MS);
    const page = await context.newPage();
    const requests: string[] = [];
    const problems: string[] = [];
    page.on("request", (request) => requests.push(request.url()));
    // A violation of the Content-Security-Policy is an error of the console too.
    page.on("console", (message) => {
      if (["error", "warning"].includes(message.type())) problems.push(message.text());
    });
    page.on("pageerror", (error) => problems.push(String(error)));
    await page.goto(url);
    return { page, requests, problems, [Symbol.asyncDispose]: () => context.close() };
  } catch (error) {
    await context.close();
    throw error;
  }
}

/** Waits until the page is connected to its probe. */
export async function untilLive(page: Page): Promise<void> {
  await page.locator("html.live").waitFor();
}

/** Waits until the headline contains `text`. */
export async function untilHeadline(page: Page, text: string): Promise<void> {
  await page.locator("h1", { hasText: text }).waitFor();
}

/** What the page says about its connection to the probe. */
export function connectionText(page: Page): Promise<string> {
  return page.getByRole("status").first().innerText();
}

export async function newestSeqno(page: Page): Promise<number> {
  return Number(await page.locator("#tasks tbody tr").first().locator("a").textContent());
}

export function focusedText(page: Page): Promise<string> {
  return page.evaluate("document.activeElement.textContent");
}

/** Where the first element that matches is on the screen. */
export async function boxOf(page: Page, selector: string) {
  const box = await page.locator(selector).first().boundingBox();
  if (!box) throw new Error(`${selector} has no box`);
  return box;
}

/** Serves pages that no probe has made, with their policy and without events. */
export function startPageServer(pageOf: (query: URLSearchParams) => string) {
  return startServer(({ path, query }) =>
    path === "/"
      ? new Response(pageOf(query), {
        headers: { "content-type": "text/html", "content-security-policy": pagePolicy() },
      })
      : new Response("event: none\n\n", { headers: { "content-type": "text/event-stream" } })
  );
}

/** Makes the page believe that its tab is hidden, or shown again. */
export function setHidden(page: Page, hidden: boolean): Promise<void> {
  return page.evaluate(
    `Object.defineProperty(document, "hidden", { value: ${hidden}, configurable: true });` +
      'document.dispatchEvent(new Event("visibilitychange"))',
  );
}

/** Starts a probe that settles a task several times a second. */
export function startFastProbe(apiUrl: string, env: Record<string, string> = {}) {
  return startLoop({
    env: { OKDATA_API_URL: apiUrl, TASK_INTERVAL_SECONDS: "0.3", RETRIES: "0", ...env },
  });
}

/** Keeps the first tasks among those that the page lists, also on a busy machine. */
export const UNHURRIED = { TASK_INTERVAL_SECONDS: "1" };

/** How many tasks the probe at `url` has settled and still tracks. */
export async function countSettled(url: string): Promise<number> {
  const { tracked } = await (await fetch(`${url}/tasks?limit=1`)).json();
  return tracked.SUCCEEDED + tracked.FAILED;
}

/** Kills the program and waits for its end, so that its port is free. */
export async function kill(program: Program): Promise<void> {
  program.kill("SIGKILL");
  await program.ended();
}

function launch(): Promise<Browser> {
  return chromium.launch({ executablePath, args: ARGUMENTS });
}

async function firstExisting(paths: readonly string[]): Promise<string | undefined> {
  for (const path of paths) {
    if (await Deno.stat(path).then(() => true, () => false)) return path;
  }
}
