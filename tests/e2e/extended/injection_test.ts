/** Text of a target or an identity provider is shown as text everywhere, and never acts. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { respondsAndCloses } from "../../faults/behaviours.ts";
import { FaultyTarget } from "../../faults/faulty_target.ts";
import { eventually, linesOf, run, startLoop, test } from "../../support/program.ts";
import { scrape } from "../../support/scrape.ts";
import { startServer } from "../../support/targets.ts";

/** Text that would act in headers, a page, a log, a terminal, a stream of events, or metrics. */
const HOSTILE = [
  "x\r\nX-Evil: yes\r\n\r\n<script>alert(1)</script>",
  '\n12:00:00.000 error   FORGED\n{"level":"error","message":"FORGED"}',
  "\x1b[2J\x1b]0;FORGED\x07\x9b31m\u202egnp\u2028\x00\r",
  "\n\nevent: forged\ndata: {}\n\n",
  '"}\nprobe_forged_total{a="',
].join("");

/** Control characters but the line feed, and characters that separate lines or reorder text. */
// deno-lint-ignore no-control-regex -- the expression looks for them
const CONTROL = /[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]/;

/** The response for each dataset. */
const RESPONSES: Record<string, string> = {
  "another-id": responseWith("200 OK", JSON.stringify({ Id: HOSTILE }), "application/json"),
  "failing": responseWith("500 \x9b31m<b>", HOSTILE, "\x9b31m<script>"),
  "broken-headers": responseWith("500 \x1b[2J", HOSTILE, "\x1b[2J\x07"),
};

function responseWith(status: string, body: string, header: string): string {
  const headers = ["Content-Type", "Content-Encoding", "Retry-After", "Location", "X-Request-Id"]
    .map((name) => `${name}: ${header}\r\n`);
  const length = new TextEncoder().encode(body).length;
  return `HTTP/1.1 ${status}\r\n${headers.join("")}Content-Length: ${length}\r\n\r\n${body}`;
}

const LOG_LINE = /^\d\d:\d\d:\d\d\.\d{3} (debug|info|warning|error) +\S/;

function checkLog(stderr: string): void {
  assert(!CONTROL.test(stderr), JSON.stringify(stderr));
  for (const line of linesOf(stderr)) assertMatch(line, LOG_LINE);
}

/** The names of the first `count` events of the stream; checks every line of it. */
async function eventNames(url: string, count: number): Promise<string[]> {
  const response = await fetch(`${url}/events`);
  let text = "";
  assert(response.body);
  for await (const part of response.body.pipeThrough(new TextDecoderStream())) {
    text += part;
    if (text.split("\n\n").length > count) break;
  }
  // These end a line of server-sent events.
  for (const line of text.split(/\r\n|\n|\r/)) {
    assertMatch(line, /^(retry: \d+|event: \w+|data: \{.*\}|)$/s);
  }
  return [...text.matchAll(/^event: (.*)$/gm)].map(([, name = ""]) => name);
}

test("what a target says is text in log, table, page, events, metrics and headers", async () => {
  await using target = new FaultyTarget();
  target.behaviour = respondsAndCloses(({ datasetId }) => RESPONSES[datasetId] ?? "");
  await using program = await startLoop({
    args: ["--table"],
    env: {
      OKDATA_API_URL: target.url,
      DATASET_ID: Object.keys(RESPONSES).join(","),
      TASK_INTERVAL_SECONDS: "0.3",
      TABLE_INTERVAL_SECONDS: "0.3",
      RETRIES: "0",
      LOG_FORMAT: "text",
      LOG_LEVEL: "debug",
    },
  });
  const { url } = program;
  assertEquals(new Set(await eventNames(url, 8)), new Set(["hello", "settled"]));

  const response = await fetch(`${url}/tasks?limit=6`);
  const { tasks } = await response.json();
  const bodies = new Set(tasks.map(({ body }: { body: string }) => body));
  assert(
    [...bodies].some((body) => String(body).startsWith(HOSTILE.slice(0, 40))),
    "/tasks lacks the body",
  );
  const texts = [];
  for (const { seqno } of tasks) {
    const page = await fetch(`${url}/?task=${seqno}`, { headers: { accept: "text/html" } });
    for (const [name, value] of page.headers) assert(!/evil|alert/i.test(name + value), name);
    texts.push(await page.text());
  }
  const pages = texts.join("");
  assert(
    pages.includes("&lt;script>alert(1)") || pages.includes("&lt;script&gt;alert(1)"),
    "the page lacks the body",
  );
  assert(!pages.includes("<script>alert"), "the page contains markup of the target");
  // In HTML, CR LF is a line end.
  assert(!CONTROL.test(pages.replaceAll("\r\n", "\n")), "the page contains control characters");
  assert(!response.headers.has("x-evil"));

  const { text, samples } = await scrape(url);
  assert(!/forged|evil/i.test(text), text);
  assertEquals(new Set(samples.flatMap(({ labels }) => labels.dataset_id ?? [])).size, 3);
  await eventually("a table", () => program.stdout.includes("FAILED"));
  assert(!CONTROL.test(program.stdout), JSON.stringify(program.stdout));
  assert(!/FORGED|evil/.test(program.stdout), program.stdout);
  checkLog(program.stderr);
});

test("what an identity provider says is text in the log and in results", async () => {
  await using provider = startServer(() =>
    Response.json({ error: "x\x9b31m", error_description: HOSTILE }, { status: 400 })
  );
  for (const args of [["--once"], ["--check"]]) {
    const { code, stdout, stderr } = await run({
      args,
      env: {
        DATASET_ID: "abc123",
        OKDATA_CLIENT_ID: "probe",
        OKDATA_CLIENT_SECRET: "secret",
        OKDATA_API_URL: provider.url,
        OKDATA_TOKEN_URL: provider.url,
        LOG_FORMAT: "text",
      },
    });
    assertEquals(code, 3, stderr);
    assert(!CONTROL.test(stdout), JSON.stringify(stdout));
    for (const line of linesOf(stdout)) assert(!/^(12:00|\{|event|X-Evil)/.test(line), line);
    checkLog(stderr);
  }
});
