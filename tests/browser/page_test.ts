/** The status page of the real program in a real browser. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import type { Page } from "npm:playwright-core@1.65.1";
import { eventually, type Program, startLoop } from "../support/program.ts";
import { startEmulator, startGate, startServer } from "../support/targets.ts";
import { browserTest, isLive, open } from "./browser.ts";

/** A probe that settles a task several times a second. */
function startQuick(apiUrl: string, env: Record<string, string> = {}) {
  return startLoop({
    env: { OKDATA_API_URL: apiUrl, TASK_INTERVAL_SECONDS: "0.3", RETRIES: "0", ...env },
  });
}

async function newestSeqno(page: Page): Promise<number> {
  return Number(await page.locator("tbody tr").first().locator("a").textContent());
}

async function settledTasks(url: string): Promise<number> {
  const { tracked } = await (await fetch(`${url}/tasks?limit=1`)).json();
  return tracked.SUCCEEDED + tracked.FAILED;
}

function focusedText(page: Page): Promise<string> {
  return page.evaluate("document.activeElement.textContent");
}

/** What the page says of its own connection to the probe. */
const said = (page: Page) => page.getByRole("status").first().innerText();

/** Makes the page believe that nobody sees it, or somebody does again. */
function setHidden(page: Page, hidden: boolean): Promise<void> {
  return page.evaluate(
    `Object.defineProperty(document, "hidden", { value: ${hidden}, configurable: true });` +
      'document.dispatchEvent(new Event("visibilitychange"))',
  );
}

const headline = (page: Page, text: string) => page.locator("h1", { hasText: text }).waitFor();

browserTest(
  "first paint takes one request of less than 100 kB, and no other host is asked",
  async () => {
    await using emulator = startEmulator();
    await using probe = await startQuick(emulator.apiUrl);
    const answer = await fetch(probe.url, { headers: { accept: "text/html" } });
    const html = await answer.bytes();
    assert(html.length < 100_000, `${html.length} bytes`);

    await using opened = await open(probe.url);
    const { page, requests, complaints } = opened;
    await isLive(page);
    await eventually("the page has been asked for after an event", () => requests.length >= 4);
    const [first, second] = requests.map((url) => new URL(url).pathname);
    assertEquals([first, second], ["/", "/events"]);
    for (const url of requests) assert(url.startsWith(probe.url), url);
    assertEquals(complaints, []);
  },
);

browserTest(
  "the page follows the probe without being loaded again, and says when it fails and recovers",
  async () => {
    await using emulator = startEmulator();
    await using probe = await startQuick(emulator.apiUrl);
    await using opened = await open(probe.url);
    const { page, complaints } = opened;
    await isLive(page);
    await headline(page, "Working");
    assertMatch(await page.title(), /^OK: abc123 · /);
    await page.evaluate("document.documentElement.dataset.mark = 'kept'");
    const before = await newestSeqno(page);
    await eventually("newer tasks are shown", async () => await newestSeqno(page) > before + 1);

    emulator.setFaults({ status: 500 });
    await headline(page, "Failing");
    assertMatch(await page.title(), /^FAILING: abc123 · /);
    assertMatch(await page.locator(".verdict").innerText(), /server_error: the answer was a 5xx/);
    assertMatch(await page.locator("#news").textContent() ?? "", /^Failing since /);
    const alarming = await page.locator("link[rel=icon]").getAttribute("href");
    await page.locator(".failures a", { hasText: "server_error" }).waitFor();

    emulator.setFaults({});
    await headline(page, "Working");
    assertMatch(await page.locator("#news").textContent() ?? "", /^Working since /);
    assert(await page.locator("link[rel=icon]").getAttribute("href") !== alarming);
    assertEquals(await page.evaluate("document.documentElement.dataset.mark"), "kept");
    assertEquals(complaints, []);
  },
);

browserTest(
  "a burst of tasks is shown at most once a second, and hardly to a tab that nobody sees",
  async () => {
    await using emulator = startEmulator();
    await using probe = await startQuick(emulator.apiUrl, { TASK_INTERVAL_SECONDS: "0.02" });
    await using opened = await open(probe.url);
    const { page, requests } = opened;
    await isLive(page);
    const settled = async (count: number) => {
      const before = await settledTasks(probe.url);
      await eventually(
        `${count} tasks more`,
        async () => await settledTasks(probe.url) > before + count,
      );
    };
    const [before, sinceMs] = [requests.length, performance.now()];
    await settled(200);
    const [made, seconds] = [requests.length - before, (performance.now() - sinceMs) / 1e3];
    // One may stand at either end.
    assert(made >= 1 && made <= seconds + 2, `${made} requests in ${seconds} s`);

    await setHidden(page, true);
    const whenHidden = requests.length;
    await settled(250);
    // Five seconds; what had been asked for before may still have been under way.
    assert(requests.length <= whenHidden + 1, `${requests.length - whenHidden} requests unseen`);
    const unseen = requests.length;
    await setHidden(page, false);
    await eventually("the page is asked for", () => requests.length > unseen);
  },
);

browserTest("a tab that nobody sees says in its title and icon when the probe fails", async () => {
  await using emulator = startEmulator();
  await using probe = await startQuick(emulator.apiUrl);
  await using opened = await open("about:blank");
  const { page, requests } = opened;
  await page.clock.install();
  await page.goto(probe.url);
  await isLive(page);
  await headline(page, "Working");
  const calm = await page.locator("link[rel=icon]").getAttribute("href");
  await setHidden(page, true);
  // What was asked for before must be over.
  const settled = await settledTasks(probe.url);
  await eventually("some tasks more", async () => {
    await page.clock.runFor(500);
    return await settledTasks(probe.url) > settled + 3;
  });
  emulator.setFaults({ status: 500 });
  const [before, sinceMs] = [requests.length, await page.evaluate<number>("performance.now()")];
  await eventually("the title says so", async () => {
    await page.clock.runFor(1_000);
    return /^FAILING: abc123/.test(await page.title());
  }, 20_000);
  assert(await page.locator("link[rel=icon]").getAttribute("href") !== calm);
  const seconds = (await page.evaluate<number>("performance.now()") - sinceMs) / 1e3;
  const made = requests.length - before;
  assert(made <= seconds / 15 + 2, `${made} requests in ${seconds} s`);
});

browserTest("a settled task changes nothing that a reader holds", async () => {
  await using emulator = startEmulator();
  await using probe = await startQuick(emulator.apiUrl);
  await using opened = await open(probe.url);
  const { page } = opened;
  await isLive(page);
  const seqno = await newestSeqno(page);
  const row = page.locator(`#t${seqno} a`);
  await row.focus();
  await page.evaluate(
    `getSelection().selectAllChildren(document.querySelector("#t${seqno} time"))`,
  );
  const selected = await page.evaluate<string>("String(getSelection())");
  assertMatch(selected, /^\d\d:\d\d:\d\d$/);
  await eventually("newer tasks are shown", async () => await newestSeqno(page) > seqno + 2);
  assertEquals(await focusedText(page), String(seqno));
  assertEquals(await page.evaluate("String(getSelection())"), selected);
});

browserTest("tasks are filtered by state, dataset and reason; back leads back", async () => {
  await using target = startServer(({ path }) =>
    path.endsWith("bad")
      ? new Response("gone", { status: 404 })
      : Response.json({ Id: path.split("/").at(-1), Type: "Dataset" })
  );
  await using probe = await startQuick(`${target.url}/metadata`, { DATASET_ID: "good,bad" });
  await using opened = await open(probe.url);
  const { page, complaints } = opened;
  await isLive(page);
  await headline(page, "1 of 2 failing");
  const words = (column: number) => page.locator(`tbody td:nth-child(${column})`).allInnerTexts();

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
  await eventually("the form says so", async () => (await chosen()).join() === "failed,,");

  await page.getByLabel("Reason", { exact: true }).selectOption("dns");
  await page.waitForURL(/state=failed&reason=dns/);
  await page.getByText("No tracked task fits.").waitFor();
  await page.getByRole("link", { name: "Show all", exact: true }).click();
  await eventually("all tasks", async () => new Set(await words(2)).size === 2);
  assertEquals(complaints, []);
});

browserTest(
  "a task's detail shows attempts, phases, trace id and the body, which stays text",
  async () => {
    const body =
      `<script>document.title = "broken"</script><img src=x onerror="alert(1)">&lt;b&gt;`;
    await using target = startServer(() => new Response(body, { status: 503 }));
    await using probe = await startQuick(`${target.url}/metadata`);
    await using opened = await open(`${probe.url}/?state=failed`);
    const { page, complaints } = opened;
    await isLive(page);
    await headline(page, "Failing");
    const seqno = await newestSeqno(page);
    await page.locator(`#t${seqno}`).click();
    await page.waitForURL(`**/?state=failed&task=${seqno}#detail`);
    const detail = page.locator("#detail");
    await detail.waitFor();
    assertEquals(await page.evaluate("document.activeElement.id"), "detail-heading");
    const json = await (await fetch(`${probe.url}/tasks?before=${seqno + 1}&limit=1`)).json();
    const text = await detail.innerText();
    for (const shown of [json.tasks[0].trace_id, "server_error, status 503", "processing", "UTC"]) {
      assert(text.includes(shown === "UTC" ? "+0" : shown), `${shown} in ${text}`);
    }
    assertEquals(await detail.locator("pre").textContent(), body);
    assertEquals(await page.locator("main img, main pre *").count(), 0);
    assertMatch(await page.title(), /^FAILING/);

    // It stays when the list has moved on, and when the page is loaded anew.
    await eventually("newer tasks are shown", async () => await newestSeqno(page) > seqno);
    assertEquals(await detail.locator("pre").textContent(), body);
    await page.reload();
    assertEquals(await detail.locator("pre").textContent(), body);
    await isLive(page);
    await page.getByRole("link", { name: "Close" }).click();
    await detail.waitFor({ state: "detached" });
    assertEquals(await focusedText(page), String(seqno));
    assertEquals(complaints, []);
  },
);

browserTest("the chart tells of a task under the pointer, and a click leads to it", async () => {
  await using emulator = startEmulator({ faults: { status: 500 } });
  await using probe = await startQuick(emulator.apiUrl);
  await using opened = await open(probe.url);
  const { page, complaints } = opened;
  await isLive(page);
  await eventually("several points", async () => await newestSeqno(page) > 4);
  const box = await page.locator("#chart .u-over").boundingBox();
  if (!box) throw new Error("there is no chart");
  await page.mouse.move(box.x + box.width - 3, box.y + box.height / 2);
  const tip = page.locator(".tip");
  await tip.waitFor();
  const told = await tip.innerText();
  assertMatch(told, /^#\d+ · \d\d:\d\d:\d\d · [\d.]+\sm?s · ✕ server_error$/);
  await page.mouse.down();
  await page.mouse.up();
  await page.waitForURL(/task=\d+#detail$/);
  await page.locator("#detail").waitFor();
  assertEquals(complaints, []);
});

browserTest("a lost probe is said to be lost, and is found again by itself", async () => {
  await using emulator = startEmulator();
  await using first = await startQuick(emulator.apiUrl);
  const { port } = new URL(first.url);
  await using opened = await open(first.url);
  const { page } = opened;
  await isLive(page);
  await kill(first);
  await page.locator("html.lost").waitFor();
  assertMatch(
    await said(page),
    /^Lost the probe at \d\d:\d\d:\d\d, trying again …$/,
  );
  assertMatch(await page.title(), /^\? LOST · /);
  const opacity = await page.evaluate<string>(
    "getComputedStyle(document.querySelector('main')).opacity",
  );
  assert(Number(opacity) < 1, opacity);

  await using other = await startQuick(emulator.apiUrl, { PORT: port, APP_ID: "another" });
  assertEquals(new URL(other.url).port, port);
  await isLive(page);
  assertEquals(await said(page), "Live");
  assertMatch(await page.title(), /^OK|^Starting/);
  await page.locator("#t3").waitFor();
});

browserTest(
  "answers that are errors, and a silent connection, are a lost probe too",
  async () => {
    await using emulator = startEmulator();
    await using probe = await startQuick(emulator.apiUrl);
    await using opened = await open("about:blank");
    const { page } = opened;
    let refused = 0;
    let isBroken = true;
    let isSilent = false;
    await page.clock.install();
    await page.route("**/events", async (route) => {
      if (isBroken) {
        refused++;
        return await route.fulfill({ status: 502, body: "{}" });
      }
      // Never answered: neither does the other end of a connection that is half open.
      if (!isSilent) await route.continue();
    });
    await page.route((url) => url.pathname === "/", async (route) => {
      const isFirst = !route.request().headers().prefer;
      if (isFirst || !isBroken) return await route.continue();
      await route.fulfill({ status: 502, body: "{}" });
    });
    await page.goto(probe.url);
    await page.locator("html.lost").waitFor();
    await eventually("it is tried again", async () => {
      await page.clock.runFor(2_000);
      return refused >= 2;
    });
    isBroken = false;
    await eventually("it is found", async () => {
      await page.clock.runFor(500);
      return await page.locator("html.live").count() > 0;
    });

    // From here on the probe is as good as gone, though nobody closes the connection.
    isSilent = true;
    probe.kill("SIGSTOP");
    await page.clock.runFor(20_000);
    assertEquals(await page.locator("html.lost").count(), 0);
    await page.clock.runFor(2_000);
    await page.locator("html.lost").waitFor();
    isSilent = false;
    probe.kill("SIGCONT");
    await eventually("it is found again", async () => {
      await page.clock.runFor(2_000);
      return await page.locator("html.live").count() > 0;
    });
  },
);

for (const kind of ["an error", "no network", "no answer"]) {
  browserTest(`a page that is live in name alone says that it is lost: ${kind}`, async () => {
    await using emulator = startEmulator();
    await using probe = await startQuick(emulator.apiUrl);
    await using opened = await open("about:blank");
    const { page } = opened;
    // What a reader waits for is not what a test waits for.
    await page.addInitScript(
      "const timeout = AbortSignal.timeout; AbortSignal.timeout = (ms) => timeout.call(AbortSignal, ms / 20)",
    );
    let isBroken = false;
    await page.route((url) => url.pathname === "/", async (route) => {
      if (!isBroken) return await route.continue();
      if (kind === "an error") return await route.fulfill({ status: 500, body: "{}" });
      if (kind === "no network") return await route.abort();
    });
    await page.goto(probe.url);
    await isLive(page);
    isBroken = true;
    await page.locator("html.lost:not(.live)").waitFor();
    assertMatch(await said(page), /^Lost the probe at /);
    assertMatch(await page.title(), /^\? LOST · OK/);
    isBroken = false;
    await isLive(page);
    assertEquals(await said(page), "Live");
    assertMatch(await page.title(), /^OK/);
    assertEquals(await page.locator("html.lost").count(), 0);
  });
}

browserTest("where too many listen the page asks every 15 s, and says so", async () => {
  await using emulator = startEmulator();
  await using probe = await startQuick(emulator.apiUrl);
  await using opened = await open("about:blank");
  const { page, requests } = opened;
  let areTooMany = true;
  await page.clock.install();
  await page.route("**/events", async (route) => {
    if (!areTooMany) return await route.continue();
    await route.fulfill({ status: 503, body: '{"error":"too many listen already"}' });
  });
  await page.goto(probe.url);
  await isLive(page);
  assertEquals(await said(page), "Live, every 15 s");
  const before = await newestSeqno(page);
  const [made, sinceMs] = [requests.length, await page.evaluate<number>("performance.now()")];
  await eventually("newer tasks are shown", async () => {
    await page.clock.runFor(1_000);
    return await newestSeqno(page) > before;
  }, 20_000);
  const seconds = (await page.evaluate<number>("performance.now()") - sinceMs) / 1e3;
  assert(seconds > 13, `asked again after ${seconds} s`);
  const pages = requests.slice(made).filter((url) => !url.endsWith("/events")).length;
  assert(pages <= seconds / 15 + 1, `${pages} requests in ${seconds} s`);
  areTooMany = false;
  await eventually("it listens", async () => {
    await page.clock.runFor(1_000);
    return await said(page) === "Live";
  }, 20_000);
});

browserTest("a click while the probe is lost leaves the page, and is shown later", async () => {
  await using emulator = startEmulator();
  await using first = await startQuick(emulator.apiUrl);
  const { port } = new URL(first.url);
  await using opened = await open(first.url);
  const { page } = opened;
  await isLive(page);
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
  assertMatch(await said(page), /^Lost the probe/);

  await using _other = await startQuick(emulator.apiUrl, { PORT: port });
  await isLive(page);
  await page.locator("#detail h3", { hasText: "Task 2" }).waitFor();
  assertEquals(await page.evaluate("document.documentElement.dataset.mark"), "kept");
});

browserTest("a click that is not answered is said to be so after 5 s", async () => {
  await using emulator = startEmulator();
  await using probe = await startQuick(emulator.apiUrl);
  await using opened = await open(probe.url);
  const { page } = opened;
  await isLive(page);
  await page.evaluate("document.documentElement.dataset.mark = 'kept'");
  await page.locator("#t1").waitFor();
  probe.kill("SIGSTOP");
  const sinceMs = performance.now();
  await page.locator("#t1 a").click();
  await page.locator("html.lost").waitFor();
  const seconds = (performance.now() - sinceMs) / 1e3;
  assert(seconds > 4 && seconds < 15, `${seconds} s`);
  probe.kill("SIGCONT");
  await page.locator("#detail h3", { hasText: "Task 1" }).waitFor();
  await isLive(page);
  assertEquals(await page.evaluate("document.documentElement.dataset.mark"), "kept");
});

browserTest("an address that is no page of the probe is left to the browser", async () => {
  await using emulator = startEmulator();
  await using probe = await startQuick(emulator.apiUrl);
  await using opened = await open(probe.url);
  const { page } = opened;
  await isLive(page);
  await page.locator("#t1 a").evaluate((link) => link.setAttribute("href", "?task=none"));
  await page.locator("#t1 a").click();
  await page.getByText("task: expected a seqno").waitFor();
});

browserTest("who has lost the probe comes back after 1 to 3 s, not all at once", async () => {
  await using emulator = startEmulator();
  await using probe = await startQuick(emulator.apiUrl);
  await using opened = await open("about:blank");
  const { page } = opened;
  await page.clock.install();
  await page.addInitScript(`
    const throws = [0, 0.5, 0.9];
    Math.random = () => throws[(window.thrown = (window.thrown ?? -1) + 1) % 3];
    const given = window.setTimeout;
    window.delays = [];
    window.setTimeout = (action, ms) => (window.delays.push(ms), given(action, ms));
  `);
  await page.route("**/events", (route) => route.abort());
  await page.goto(probe.url);
  // Nothing else waits so long, but for the silence, of 25 s.
  const retries = () => page.evaluate<number[]>("delays.filter((ms) => ms > 900 && ms < 10000)");
  await eventually("three more tries", async () => {
    await page.clock.runFor(1_000);
    return (await retries()).length >= 3;
  });
  assertEquals((await retries()).slice(0, 3).map(Math.round), [1_000, 2_000, 2_800]);
});

browserTest("the page works behind a proxy that puts a path before it", async () => {
  await using emulator = startEmulator();
  await using probe = await startQuick(emulator.apiUrl);
  await using proxy = startProxy("/probe/", probe.url);
  await using opened = await open(`${proxy.url}/probe/`);
  const { page, complaints } = opened;
  await isLive(page);
  await page.locator("#t1 a").click();
  await page.waitForURL(`${proxy.url}/probe/?task=1#detail`);
  await page.locator("#detail", { hasText: "Trace id" }).waitFor();
  await page.getByLabel("State", { exact: true }).selectOption("failed");
  await page.waitForURL(`${proxy.url}/probe/?state=failed#tasks`);
  await page.getByText("No tracked task fits.").waitFor();
  assertEquals(complaints, []);
  await page.getByRole("link", { name: "tasks as JSON" }).click();
  await page.waitForURL(`${proxy.url}/probe/tasks`);
});

browserTest("on a phone the loss is seen however far the page is scrolled", async () => {
  await using emulator = startEmulator();
  await using probe = await startQuick(emulator.apiUrl);
  await using opened = await open(probe.url, {
    viewport: { width: 360, height: 640 },
    isMobile: true,
  });
  const { page } = opened;
  await isLive(page);
  await kill(probe);
  await page.locator("html.lost").waitFor();
  await page.evaluate("scrollTo(0, document.documentElement.scrollHeight)");
  await eventually("it is scrolled", () => page.evaluate<boolean>("scrollY > 300"));
  const box = await page.locator("#live").boundingBox();
  if (!box) throw new Error("nothing is said");
  assert(box.y >= 0 && box.y + box.height < 300, JSON.stringify(box));
});

browserTest("while nothing is settled there is no empty chart", async () => {
  await using shedLoad = startGate();
  await using probe = await startQuick(`${shedLoad.url}/metadata`);
  await using opened = await open(probe.url);
  const { page } = opened;
  await isLive(page);
  assertEquals(await page.locator("#chart").isVisible(), false);
  await eventually("a task waits", () => shedLoad.waiting() > 0);
  shedLoad.release();
  await page.locator("#chart .u-over").waitFor();
  assert(await page.locator("#chart").isVisible());
});

browserTest(
  "without JavaScript the page shows, filters, pages and tells about a task",
  async () => {
    await using emulator = startEmulator({ faults: { status: 404 } });
    await using probe = await startQuick(emulator.apiUrl, { TASK_INTERVAL_SECONDS: "0.02" });
    await eventually("more tasks than a page shows", async () => {
      const { tracked } = await (await fetch(`${probe.url}/tasks?limit=1`)).json();
      return tracked.FAILED > 60;
    });
    await using opened = await open(probe.url, { javaScriptEnabled: false });
    const { page } = opened;
    await headline(page, "Failing");
    assertMatch(await said(page), /^As of [\d:]+ UTC; reload/);
    assertEquals(await page.locator("#chart").isVisible(), false);
    assertMatch(await page.locator(".durations").innerText(), /Of the newest \d+ tasks/);

    await page.getByLabel("State", { exact: true }).selectOption("succeeded");
    await page.getByRole("button", { name: "Show" }).click();
    await page.getByText("No tracked task fits.").waitFor();
    await page.getByRole("link", { name: "Show all", exact: true }).click();
    const newest = await newestSeqno(page);
    const rows = await page.locator("tbody tr").count();
    await page.getByRole("link", { name: "Older" }).click();
    await page.waitForURL(/before=\d+/);
    const older = await newestSeqno(page);
    assertEquals(older, newest - rows);
    await page.locator(`#t${older} a`).click();
    await page.locator("#detail h3", { hasText: `Task ${older}` }).waitFor();
  },
);

browserTest("times are in the reader's zone, with the offset", async () => {
  await using emulator = startEmulator();
  await using probe = await startQuick(emulator.apiUrl);
  await using opened = await open(probe.url, { timezoneId: "Asia/Kolkata" });
  const { page } = opened;
  await isLive(page);
  const time = page.locator("tbody time").first();
  await time.waitFor();
  const [utc, text, title] = await time.evaluate((element) => [
    element.getAttribute("datetime") ?? "",
    element.textContent ?? "",
    element.getAttribute("title") ?? "",
  ]);
  const local = new Date(Date.parse(utc) + 5.5 * 3600_000).toISOString();
  assertEquals(title, `${local.slice(0, 10)} ${local.slice(11, 19)} +05:30`);
  assert(title.includes(text), `${text} in ${title}`);
  assertEquals(await page.locator("th .zone").innerText(), "+05:30");
});

browserTest("a phone's screen is wide enough, whatever is shown", async () => {
  const ids = ["a".repeat(128), "b".repeat(128)];
  await using target = startServer(() => new Response("x".repeat(600), { status: 500 }));
  await using probe = await startQuick(`${target.url}/metadata`, { DATASET_ID: ids.join() });
  await using opened = await open(probe.url, {
    viewport: { width: 360, height: 760 },
    isMobile: true,
  });
  const { page } = opened;
  await isLive(page);
  await headline(page, "All 2 failing");
  await page.goto(`${probe.url}/?task=1`);
  await page.locator("#detail pre").waitFor();
  // The window itself grows with what does not fit.
  assertEquals(await page.evaluate("document.documentElement.scrollWidth"), 360);
});

/** Kills the program and waits until it is gone, so that its port is free. */
async function kill(program: Program): Promise<void> {
  program.kill("SIGKILL");
  await program.ended();
}

/** A proxy that takes `prefix` off what it is asked for. */
function startProxy(prefix: string, url: string): AsyncDisposable & { url: string } {
  const stop = new AbortController();
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, signal: stop.signal, onListen() {} },
    (request) => {
      const { pathname, search } = new URL(request.url);
      if (!pathname.startsWith(prefix)) return new Response(null, { status: 404 });
      const { headers, signal } = request;
      return fetch(`${url}/${pathname.slice(prefix.length)}${search}`, { headers, signal });
    },
  );
  return {
    url: `http://127.0.0.1:${server.addr.port}`,
    [Symbol.asyncDispose]() {
      stop.abort();
      return server.finished;
    },
  };
}

browserTest(
  "with a user and password the page opens, follows its probe, and is refused without",
  async () => {
    await using emulator = startEmulator();
    await using probe = await startQuick(emulator.apiUrl, {
      HTTP_BASIC_AUTH: "on-call:pässw0rd",
      // Which a browser knows nothing of.
      HTTP_BEARER_TOKEN: "t0ken",
    });
    const httpCredentials = { username: "on-call", password: "pässw0rd" };
    await using opened = await open(probe.url, { httpCredentials });
    const { page, complaints } = opened;
    await isLive(page);
    const seqno = await newestSeqno(page);
    await eventually("a newer task", async () => await newestSeqno(page) > seqno);
    // The browser tries without them first, as it does for everybody.
    assertEquals(complaints.filter((each) => !each.includes("401")), []);

    await using refused = await open(probe.url, {
      httpCredentials: { ...httpCredentials, password: "wrong" },
    });
    assertMatch(await refused.page.locator("body").innerText(), /expected credentials/);
  },
);
