/** Filters, links and the task details of the page. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { eventually } from "../support/program.ts";
import { respondWithDataset, startEmulator, startServer } from "../support/targets.ts";
import {
  browserTest,
  connectionText,
  focusedText,
  kill,
  newestSeqno,
  open,
  startFastProbe,
  UNHURRIED,
  untilHeadline,
  untilLive,
} from "./browser.ts";
import { durationText } from "../../src/status_page/words.ts";

browserTest(
  "filters select tasks by state, dataset and reason, and history returns to them",
  async () => {
    await using target = startServer(({ path }) =>
      path.endsWith("bad")
        ? new Response("gone", { status: 404 })
        : Response.json({ Id: path.split("/").at(-1), Type: "Dataset" })
    );
    await using probe = await startFastProbe(`${target.url}/metadata`, { DATASET_ID: "good,bad" });
    await using opened = await open(probe.url);
    const { page, problems } = opened;
    await untilLive(page);
    await untilHeadline(page, "1 of 2 failing");
    const words = (column: number) =>
      page.locator(`#tasks tbody td:nth-child(${column})`).allInnerTexts();

    await page.getByLabel("State", { exact: true }).selectOption("failed");
    await page.waitForURL(/state=failed/);
    await eventually("failed tasks alone", async () => {
      const states = await words(3);
      return states.length > 1 && states.every((state) => state.includes("not_found"));
    });
    assertEquals(new Set(await words(2)), new Set(["bad"]));

    await page.getByLabel("State", { exact: true }).selectOption("");
    await page.getByLabel("Dataset", { exact: true }).selectOption("good");
    await page.waitForURL(/dataset_id=good/);
    await eventually("the good dataset's tasks alone", async () => {
      const states = await words(2);
      return states.length > 1 && states.every((state) => /succeeded|pending/.test(state));
    });
    assert(!page.url().includes("state"), page.url());

    await page.goBack();
    await page.goBack();
    await page.waitForURL(/state=failed/);
    await eventually("failed tasks again", async () => (await words(3))[0]?.includes("not_found"));

    const chosen = () =>
      page.locator("#filters select").evaluateAll((all) =>
        all.map((select) => (select as unknown as { value: string }).value)
      );
    await eventually("the form shows it", async () => (await chosen()).join() === "failed,,");

    await page.getByLabel("Reason", { exact: true }).selectOption("dns");
    await page.waitForURL(/state=failed&reason=dns/);
    await page.getByText("No tracked task matches.").waitFor();
    await page.getByRole("link", { name: "Show all", exact: true }).click();
    await eventually("all tasks", async () => new Set(await words(2)).size === 2);
    assertEquals(problems, []);
  },
);

browserTest(
  "a task's details show attempts, phases, trace id and the body as text",
  async () => {
    const body =
      `<script>document.title = "broken"</script><img src=x onerror="alert(1)">&lt;b&gt;`;
    let isDown = true;
    await using target = startServer((request) =>
      isDown ? new Response(body, { status: 503 }) : respondWithDataset(request)
    );
    await using probe = await startFastProbe(`${target.url}/metadata`);
    await using opened = await open(`${probe.url}/?state=failed`);
    const { page, problems } = opened;
    await untilLive(page);
    await untilHeadline(page, "Failing");
    const seqno = await newestSeqno(page);
    await page.locator(`#t${seqno}`).click();
    await page.waitForURL(`**/?state=failed&task=${seqno}#detail`);
    const detail = page.locator("#detail");
    await detail.waitFor();
    assertEquals(await page.evaluate("document.activeElement.id"), "detail-heading");
    const json = await (await fetch(`${probe.url}/tasks?before=${seqno + 1}&limit=1`)).json();
    const text = await detail.innerText();
    const { trace_id, attempts: [attempt] } = json.tasks[0];
    const connect = `connect ${durationText(attempt.phases.connect)}`;
    for (
      const shown of [trace_id, "server_error", "attempt 1: status 503 after", connect, "UTC"]
    ) {
      assert(text.includes(shown === "UTC" ? "+0" : shown), `${shown} in ${text}`);
    }
    assertEquals(await detail.locator("pre").textContent(), body);
    assertEquals(await page.locator("main img, main pre *").count(), 0);
    assertMatch(await page.title(), /^FAILING/);

    // The details stay when the list moves on, and after a reload.
    await eventually("the page shows newer tasks", async () => await newestSeqno(page) > seqno);
    // From here on the task keeps its place in the list.
    isDown = false;
    assertEquals(await detail.locator("pre").textContent(), body);
    await page.reload();
    assertEquals(await detail.locator("pre").textContent(), body);
    await untilLive(page);
    await page.getByRole("link", { name: "Close" }).click();
    await detail.waitFor({ state: "detached" });
    assertEquals(await focusedText(page), String(seqno));
    assertEquals(problems, []);
  },
);

browserTest("a click while the connection is lost takes effect after it is back", async () => {
  await using emulator = startEmulator();
  await using first = await startFastProbe(emulator.apiUrl, UNHURRIED);
  const { port } = new URL(first.url);
  await using opened = await open(first.url);
  const { page } = opened;
  await untilLive(page);
  await page.locator("#t2").waitFor();
  await page.evaluate("document.documentElement.dataset.mark = 'kept'");
  await page.locator("#t1 a").click();
  await page.locator("#detail", { hasText: "Trace id" }).waitFor();
  await kill(first);
  await page.locator("html.lost").waitFor();

  await page.goBack();
  await page.locator("#t2 a").click();
  await page.waitForURL(/task=2#detail/);
  assertEquals(await page.locator("#detail h3").innerText(), "Task 1");
  assertMatch(await connectionText(page), /^Connection lost/);

  await using _other = await startFastProbe(emulator.apiUrl, { PORT: port });
  await untilLive(page);
  await page.locator("#detail h3", { hasText: "Task 2" }).waitFor();
  assertEquals(await page.evaluate("document.documentElement.dataset.mark"), "kept");
});

browserTest("a click without a response shows a lost connection after 5 s", async () => {
  await using emulator = startEmulator();
  await using probe = await startFastProbe(emulator.apiUrl, UNHURRIED);
  await using opened = await open("about:blank");
  const { page } = opened;
  // The shortened timeout of a click is over long before that of a refresh.
  await page.addInitScript(`
    const timeout = AbortSignal.timeout;
    window.timeouts = [];
    AbortSignal.timeout = (ms) => (timeouts.push(ms), timeout.call(AbortSignal, ms / 10));
  `);
  await page.goto(probe.url);
  await untilLive(page);
  await page.evaluate("document.documentElement.dataset.mark = 'kept'");
  await page.locator("#t1").waitFor();
  probe.kill("SIGSTOP");
  await page.evaluate("timeouts.length = 0");
  await page.locator("#t1 a").click();
  await page.locator("html.lost").waitFor();
  assert((await page.evaluate<number[]>("timeouts")).includes(5_000));
  probe.kill("SIGCONT");
  await page.locator("#detail h3", { hasText: "Task 1" }).waitFor();
  await untilLive(page);
  assertEquals(await page.evaluate("document.documentElement.dataset.mark"), "kept");
});

browserTest("a link that is not a page of the probe is left to the browser", async () => {
  await using emulator = startEmulator();
  await using probe = await startFastProbe(emulator.apiUrl);
  await using opened = await open(probe.url);
  const { page } = opened;
  await untilLive(page);
  await page.locator("#tasks tbody a").first().waitFor();
  // In one step, since a refresh restores the link.
  await page.evaluate(
    "const link = document.querySelector('#tasks tbody a'); link.href = '?task=none'; link.click();",
  );
  await page.getByText("task: expected a seqno").waitFor();
});

browserTest(
  "the page without JavaScript shows, filters and pages tasks and opens one",
  async () => {
    await using emulator = startEmulator({ faults: { status: 404 } });
    await using probe = await startFastProbe(emulator.apiUrl, { TASK_INTERVAL_SECONDS: "0.02" });
    await eventually("more tasks than a result page holds", async () => {
      const { tracked } = await (await fetch(`${probe.url}/tasks?limit=1`)).json();
      return tracked.FAILED > 60;
    });
    await using opened = await open(probe.url, { javaScriptEnabled: false });
    const { page } = opened;
    await untilHeadline(page, "Failing");
    assertMatch(await connectionText(page), /^As of [\d:]+ UTC; reload/);
    assertEquals(await page.locator("#chart").isVisible(), false);
    assertMatch(
      await page.locator(".durations").innerText(),
      /mean .*, \d+ failed of \d+|\d+ failed of \d+/,
    );

    await page.getByLabel("State", { exact: true }).selectOption("succeeded");
    await page.getByRole("button", { name: "Show" }).click();
    await page.getByText("No tracked task matches.").waitFor();
    await page.getByRole("link", { name: "Show all", exact: true }).click();
    const newest = await newestSeqno(page);
    const rows = await page.locator("#tasks tbody tr").count();
    await page.getByRole("link", { name: "Older" }).click();
    await page.waitForURL(/before=\d+/);
    const older = await newestSeqno(page);
    assertEquals(older, newest - rows);
    await page.locator(`#t${older} a`).click();
    await page.locator("#detail h3", { hasText: `Task ${older}` }).waitFor();
  },
);

browserTest(
  "a link to another site leaves the page, and that to the dashboard follows what is chosen",
  async () => {
    await using elsewhere = startServer(({ path }) =>
      new Response(`<title>${path}</title>`, { headers: { "content-type": "text/html" } })
    );
    await using target = startServer(({ path }) =>
      path.includes("/b")
        ? new Response("gone", { status: 404 })
        : Response.json({ Id: path.split("/").at(-1), Type: "Dataset" })
    );
    await using probe = await startFastProbe(`${target.url}/metadata`, {
      DATASET_ID: "a,b",
      DASHBOARD_URL: `${elsewhere.url}/dashboard`,
      TRACE_URL: `${elsewhere.url}/trace/{trace_id}`,
    });
    await using opened = await open(`${probe.url}/?state=failed`);
    const { page, problems } = opened;
    await untilLive(page);
    await untilHeadline(page, "1 of 2 failing");
    const dashboard = () => page.locator("#dashboard").getAttribute("href");
    assertMatch(await dashboard() ?? "", /\/dashboard\?from=now-24h&to=now&var-environment=local$/);
    await page.getByLabel("Dataset", { exact: true }).selectOption("b");
    await eventually(
      "the dataset is chosen",
      async () => (await dashboard())?.endsWith("&var-dataset_id=b"),
    );

    await page.locator(`#t${await newestSeqno(page)}`).click();
    await page.locator("#detail .facts a").click();
    await page.waitForURL(`${elsewhere.url}/trace/*`);
    assertEquals(problems, []);
  },
);

browserTest("details get the focus, whatever refresh comes in between", async () => {
  await using emulator = startEmulator();
  await using probe = await startFastProbe(emulator.apiUrl);
  await using opened = await open(probe.url);
  const { page } = opened;
  await untilLive(page);
  const link = page.locator("#tasks tbody a").first();
  await link.waitFor();
  const { promise: held, resolve: release } = Promise.withResolvers<void>();
  let requests = 0;
  await page.route((url) => url.searchParams.has("task"), async (route) => {
    requests++;
    await held;
    await route.continue();
  });
  await link.click();
  await eventually("the details are requested", () => requests === 1);
  // The tab is shown again.
  await page.evaluate("document.dispatchEvent(new Event('visibilitychange'))");
  await eventually("a refresh is requested", () => requests > 1);
  release();
  await eventually(
    "the details have the focus",
    async () => /^Task \d+/.test(await focusedText(page)),
  );
});
