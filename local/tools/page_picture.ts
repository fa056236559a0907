/**
 * Makes the README's picture of the status page: runs emulator and probe, makes the emulator fail
 * for some minutes, and takes a screenshot after more than an hour. Needs Debian's chromium.
 */
import { chromium } from "npm:playwright-core@1.65.1";
import { startHttpServer } from "../http_server/http_server.ts";

const WIDTH = 1280;
const HEIGHT = 1080;

const HEALTHY = { fixed_delay_seconds: 0.08, delay_percent: 40, delay_max_seconds: 0.08 };

/** The faults of the platform, for so many minutes each: an outage that is an hour old at the end. */
const STORY = [
  { minutes: 5, faults: HEALTHY },
  { minutes: 4, faults: { ...HEALTHY, status: 503 } },
  { minutes: 30, faults: HEALTHY },
  { minutes: 1, faults: { ...HEALTHY, fixed_delay_seconds: 1.4 } },
  { minutes: 28, faults: HEALTHY },
  { minutes: 1.5, faults: { ...HEALTHY, body: "broken_json" } },
] as const;

const out = new URL("../../docs/images/page.png", import.meta.url);
const root = new URL("../..", import.meta.url).pathname;

const emulator = startHttpServer({ seed: 5, faults: { unauthorized_percent: 0 } });
const probe = new Deno.Command(Deno.execPath(), {
  args: ["run", "--quiet", "-A", "main.ts"],
  cwd: root,
  env: {
    DATASET_ID: "air-quality,city-bikes,parking,traffic-counts",
    LOCAL_SERVICES_ONLY: "true",
    OKDATA_API_URL: `${emulator.url}/metadata`,
    TASK_INTERVAL_SECONDS: "5",
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

const browser = await chromium.launch({
  executablePath: "/usr/bin/chromium",
  args: ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"],
});
try {
  const url = (await startedUrl(probe.stderr)).replace("0.0.0.0", "localhost");
  for (const { minutes, faults } of STORY) {
    emulator.setFaults(faults);
    await new Promise((resolve) => setTimeout(resolve, minutes * 60_000));
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
