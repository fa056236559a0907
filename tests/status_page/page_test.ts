import { assert, assertEquals } from "@std/assert";
import { pagePolicy } from "../../src/status_page/files.ts";
import { NOTHING_YET } from "../support/server.ts";
import { pastBefore, pastIncident } from "../support/past.ts";
import {
  manyIds,
  play,
  SCENE_START_MS,
  SCENES,
  statusPage,
  withDetails,
} from "../support/status.ts";

const longIds = manyIds(200).map((id) => id.padEnd(128, "x"));

/** A day in which hardly a bar is like the one before it, after many incidents. */
const chaos = pastBefore(SCENE_START_MS, {
  dayOf: (nth) => ({ failed: [0, 9, 60][nth % 3], slow: nth % 2 * 30 }),
  incidents: Array.from(
    { length: 20 },
    (_, i) =>
      pastIncident(SCENE_START_MS - (i + 1) * 3_600_000, 30, {
        identity_provider: 7_000,
        invalid_response: 6_000,
        server_error: 5_000,
        rate_limited: 4_000,
      }),
  ),
});

Deno.test("the page is smaller than 100 kB, whatever it shows", () => {
  const scenes = {
    ...SCENES,
    longest: {
      ...SCENES.all,
      datasetIds: longIds,
      body: '"'.repeat(512),
      message: '"'.repeat(400),
      attempts: 12,
    },
    chaos: {
      ...SCENES.all,
      past: chaos,
      body: '"'.repeat(512),
      message: '"'.repeat(400),
      attempts: 12,
    },
    longestChaos: {
      ...SCENES.all,
      datasetIds: longIds,
      past: chaos,
      body: '"'.repeat(512),
      message: '"'.repeat(400),
      attempts: 12,
    },
  };
  for (const [name, scene] of Object.entries(scenes)) {
    const ask = play(scene);
    const { datasetIds } = ask();
    const [datasetId] = datasetIds;
    const asked = [
      ask(),
      withDetails(ask),
      withDetails(ask, { range: "24h", q: "1" }),
      withDetails(ask, { datasetId, reason: "server_error" }),
    ];
    for (const status of asked) {
      const { length } = new TextEncoder().encode(statusPage(status));
      assert(length < 100_000, `${name}: ${length} bytes`);
    }
  }
});

Deno.test("the policy allows only the page's own script and style", async () => {
  const policy = pagePolicy();
  const html = statusPage(NOTHING_YET);
  const [, style = ""] = html.match(/<style>(.*?)<\/style>/s) ?? [];
  const [, script = ""] = html.match(/<script>(.*?)<\/script>/s) ?? [];
  assert(policy.startsWith("default-src 'none'; "), policy);
  assert(policy.includes(`; script-src ${await hashOf(script)}; `), policy);
  assert(policy.includes(`; style-src ${await hashOf(style)}; `), policy);
  assert(!policy.includes("unsafe"), policy);
});

Deno.test("a minimal page leaves out script and style, and nothing else", () => {
  const status = play(SCENES.outage)();
  const minimal = statusPage(status, { minimal: true });
  assert(!minimal.includes("<style"));
  assertEquals(
    minimal,
    statusPage(status).replaceAll(/<(script|style)>.*?<\/\1>/gs, ""),
  );
});

Deno.test("the page has no inline style, no handler, and no link to another host", () => {
  for (const scene of Object.values(SCENES)) {
    const html = statusPage(withDetails(play(scene)))
      .replaceAll(/<(script|style)>.*?<\/\1>/gs, "");
    assertEquals(html.match(/<[^>]* (style|on\w+)=[^>]*>/g), null);
    // No address begins with a host or a path: a proxy may serve the page under another one.
    const known = /^(\?.*|#.*|metrics|tasks|data:image.*)$/;
    const addresses = [...html.matchAll(/ (?:src|href|action)="([^"]*)"/g)].map(([, to = ""]) =>
      to
    );
    assertEquals(addresses.filter((address) => !known.test(address)), []);
  }
});

Deno.test("the page shows what comes from the platform or the query as text", () => {
  const html = statusPage(withDetails(play(SCENES.outage)));
  assert(html.includes('&lt;script&gt;alert("no")&lt;/script&gt;&lt;img src=x'));
  assert(!html.includes("<img"));
  const typed = statusPage(play(SCENES.many)({ datasetId: '"><img src=x>' }));
  assert(typed.includes('value="&quot;&gt;&lt;img src=x&gt;"'));
  assert(!typed.includes("<img"));
});

Deno.test("links keep the query and change one field", () => {
  const query = { state: "FAILED", datasetId: "abc123", reason: "server_error" } as const;
  const status = play(SCENES.outage)(query);
  const html = statusPage(status).replaceAll("&amp;", "&");
  const kept = "state=failed&dataset_id=abc123&reason=server_error";
  const seqno = status.tasks[0]?.seqno;
  assert(html.includes(`href="?${kept}&task=${seqno}#detail"`), "a task");
  assert(html.includes(`href="?${kept}&before=${status.next}#tasks" rel="next"`), "older");
  assert(html.includes('<option selected="">failed<'), "the state");
  assert(html.includes('<option selected="">server_error<'), "the reason");
});

async function hashOf(text: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return `'sha256-${btoa(String.fromCharCode(...new Uint8Array(digest)))}'`;
}

Deno.test("the page leads to the dashboard where there is one", () => {
  const view = play(SCENES.one)();
  const dashboardUrl = "https://grafana.example/d/probe?orgId=1&to=now";
  const link =
    '<a id="dashboard" href="https://grafana.example/d/probe?orgId=1&amp;to=now" rel="noreferrer">';
  assert(statusPage({ ...view, dashboardUrl }).includes(`${link}Dashboard</a>`));
  assert(!statusPage(view).includes("Dashboard"));
});
