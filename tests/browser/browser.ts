/** A real browser: Debian's Chromium, driven by playwright. */
import {
  type Browser,
  type BrowserContextOptions,
  chromium,
  type Page,
} from "npm:playwright-core@1.65.1";
import { test } from "../support/program.ts";

const CHROMIUM = "/usr/bin/chromium";

const ARGUMENTS = [
  ...["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"],
  ...["--disable-background-networking", "--disable-component-update", "--disable-sync"],
];

/** What a page may take on a busy machine to become what a test waits for. */
const MAX_WAIT_MS = 20_000;

const isMissing = Deno.env.get("CI") !== "true" && !await isThere(CHROMIUM);
if (isMissing) console.warn(`Not installed, so that no page is tested: chromium`);

/** A test in a browser; left out where there is none, but never in CI. */
export function browserTest(name: string, body: () => Promise<void>): void {
  test(name, body, { ignore: isMissing });
}

/** A page, and what went on behind it. */
export type Opened = AsyncDisposable & {
  page: Page;
  /** Addresses of all requests, in their order. */
  requests: string[];
  /** What a reader never sees: messages of the console, errors, breaches of the policy. */
  complaints: string[];
};

/** Opens `url` in a browser of its own, in the zone of Oslo unless `options` say another. */
export async function open(url: string, options: BrowserContextOptions = {}): Promise<Opened> {
  const browser = await launch();
  try {
    const context = await browser.newContext({ timezoneId: "Europe/Oslo", ...options });
    context.setDefaultTimeout(MAX_WAIT_MS);
    const page = await context.newPage();
    const requests: string[] = [];
    const complaints: string[] = [];
    page.on("request", (request) => requests.push(request.url()));
    // A policy's breach is an error of the console too.
    page.on("console", (message) => {
      if (["error", "warning"].includes(message.type())) complaints.push(message.text());
    });
    page.on("pageerror", (error) => complaints.push(String(error)));
    await page.goto(url);
    return { page, requests, complaints, [Symbol.asyncDispose]: () => browser.close() };
  } catch (error) {
    await browser.close();
    throw error;
  }
}

/** Waits until the page follows its probe. */
export async function isLive(page: Page): Promise<void> {
  await page.locator("html.live").waitFor();
}

export function launch(): Promise<Browser> {
  return chromium.launch({ executablePath: CHROMIUM, args: ARGUMENTS });
}

async function isThere(path: string): Promise<boolean> {
  try {
    await Deno.stat(path);
    return true;
  } catch {
    return false;
  }
}
