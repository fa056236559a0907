/**
 * Makes the README's picture of the status page: runs emulator and probe, makes the emulator fail
 * for some tasks, and takes a screenshot. Needs Debian's chromium.
 */
import { chromium } from "npm:playwright-core@1.65.1";
import { startHttpServer } from "../http_server/http_server.ts";

const WIDTH = 1280;
const HEIGHT = 1080;

const HEALTHY = { fixed_delay_seconds: 0.08, delay_percent: 40, delay_max_seconds: 0.08 };

/** The faults of the platform, each for a number of tasks. */
const STORY = [
  { tasks: 50, faults: HEALTHY },
  { tasks: 1, faults: { ...HEALTHY, status: 404 } },
  { tasks: 40, faults: HEALTHY },
  { tasks: 14, faults: { ...HEALTHY, status: 503, status_percent: 80 } },
  { tasks: 50, faults: HEALTHY },
  { tasks: 8, faults: { ...HEALTHY, body: "broken_json" } },
] as const;

const out = new URL("../../docs/images/page.png", import.meta.url);
const root = new URL("../..", import.meta.url).pathname;

const emulator = startHttpServer({ seed: 5, faults: { unauthorized_percent: 0 } });
const probe = new Deno.Command(Deno.execPath(), {
  args: ["run", "--quiet", "-A", "main.ts"],
  cwd: root,
  env: {
    DATASET_ID: "abc123",
    LOCAL_SERVICES_ONLY: "true",
    OKDATA_API_URL: `${emulator.url}/metadata`,
    TASK_INTERVAL_SECONDS: "0.5",
    RETRIES: "1",
    PORT: "0",
    APP_ID: "0a1b2c3d",
    LOG_FORMAT: "json",
  },
  stdin: "null",
  stdout: "null",
  stderr: "piped",
}).spawn();

/** The URL in the probe's start message; the rest of the log is read and dropped. */
async function startedUrl(log: ReadableStream<Uint8Array>): Promise<string> {
  const found = Promise.withResolvers<string>();
  let text = "";
  const reading = log.pipeThrough(new TextDecoderStream()).pipeTo(
    new WritableStream({
      write(part) {
        text += part;
        const [, url] = text.match(/see (http:\/\/[^\s"]+)/) ?? [];
        if (url) found.resolve(url);
      },
    }),
  );
  reading.finally(() => found.reject(new Error(`the probe did not start: ${text}`)));
  return await found.promise;
}

/** Waits until the probe has settled that many tasks. */
async function untilSettled(url: string, count: number): Promise<void> {
  for (;;) {
    const { tracked } = await (await fetch(`${url}/tasks?limit=1`)).json();
    if (tracked.SUCCEEDED + tracked.FAILED >= count) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

const browser = await chromium.launch({
  executablePath: "/usr/bin/chromium",
  args: ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"],
});
try {
  const url = (await startedUrl(probe.stderr)).replace("0.0.0.0", "localhost");
  let settled = 0;
  for (const { tasks, faults } of STORY) {
    emulator.setFaults(faults);
    settled += tasks;
    await untilSettled(url, settled);
  }
  const page = await browser.newPage({
    viewport: { width: WIDTH, height: HEIGHT },
    timezoneId: "Europe/Oslo",
  });
  await page.goto(url);
  await page.locator("html.live").waitFor();
  await page.screenshot({ path: out.pathname });
  const { size } = await Deno.stat(out);
  console.log(`written: ${out.pathname.slice(root.length)}, ${Math.round(size / 1e3)} kB`);
} finally {
  await browser.close();
  probe.kill("SIGTERM");
  await probe.status;
  await emulator.shutdown();
}
