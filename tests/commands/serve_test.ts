import { assert, assertEquals, assertMatch } from "@std/assert";
import fc from "npm:fast-check@4.10.2";
import { createAuthority, type Issued } from "../support/certificates.ts";
import { systemClock } from "../../src/core/clock.ts";
import type { Log } from "../../src/runtime/log.ts";
import { loadPage } from "../../src/server/pages.ts";
import { samplesOf, settle, startProgram, sumOf } from "../support/fake_runtime.ts";

const OPENMETRICS = { accept: "application/openmetrics-text; version=1.0.0" };

/** The numbers of tasks in a scrape. */
function countsOf(exposition: string) {
  const samples = samplesOf(exposition);
  return {
    created: sumOf(samples, "probe_tasks_created_total"),
    succeeded: sumOf(samples, "probe_tasks_succeeded_total"),
    failed: sumOf(samples, "probe_tasks_failed_total"),
    inFlight: sumOf(samples, "probe_tasks_in_flight"),
    failures: sumOf(samples, "probe_task_failures_total"),
    durations: sumOf(samples, "probe_task_duration_seconds_count"),
    dismissed: sumOf(samples, "probe_tasks_dismissed_total"),
    tracked: sumOf(samples, "probe_tasks_tracked"),
    skipped: sumOf(samples, "probe_slots_skipped_total"),
  };
}

/** Every relation that must hold in every scrape. */
function checkCounts(exposition: string): void {
  const counts = countsOf(exposition);
  const { created, succeeded, failed, inFlight, failures, durations, dismissed, tracked } = counts;
  const shown = JSON.stringify(counts);
  assertEquals(created, succeeded + failed + inFlight, shown);
  assertEquals(failures, failed, shown);
  assertEquals(durations, succeeded + failed, shown);
  assertEquals(tracked, created - dismissed, shown);
}

/** Makes the next line of level info throw, in the middle of a settlement. */
function breakNextLine(log: Log): void {
  const { info } = log;
  log.info = () => {
    log.info = info;
    throw new Error("broken on purpose");
  };
}

const step = fc.oneof(
  fc.record({ do: fc.constant("run" as const), ms: fc.integer({ min: 0, max: 4_000 }) }),
  fc.record({ do: fc.constant("stall" as const), ms: fc.integer({ min: 0, max: 9_000 }) }),
  fc.record({
    do: fc.constantFrom("succeed" as const, "refuse" as const, "fail" as const, "reset" as const),
    which: fc.nat(50),
  }),
  fc.record({ do: fc.constantFrom("scrape" as const, "scrapeBoth" as const, "settle" as const) }),
);

Deno.test("every scrape has created = succeeded + failed + in flight, however events interleave", async () => {
  let scrapes = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { minLength: 1, maxLength: 60, size: "max" }),
      fc.boolean(),
      fc.integer({ min: 1, max: 12 }),
      async (steps, stopsInBetween, maxTracked) => {
        const program = await startProgram({
          DATASET_ID: "a,b",
          TASK_INTERVAL_SECONDS: "1",
          DISMISS_TASK_SECONDS: "5",
          CLEAN_TASKS_INTERVAL_SECONDS: "2",
          TASK_TIMEOUT_SECONDS: "6",
          REQUEST_TIMEOUT_SECONDS: "3",
          RETRIES: "1",
          MAX_IN_FLIGHT_TASKS: "5",
          MAX_TRACKED_TASKS: String(maxTracked),
        });
        const { clock, transport, get } = program;
        const scraping: Promise<void>[] = [];
        const scrape = (headers = {}) =>
          scraping.push(
            get("/metrics", headers).then((response) => response.text()).then((text) => {
              scrapes++;
              checkCounts(text);
            }),
          );
        // Without an await between them, so that settling runs in the middle of scraping.
        for (const [i, each] of steps.entries()) {
          const call = "which" in each && transport.open[each.which % transport.open.length];
          if (each.do === "run") await clock.run(each.ms);
          else if (each.do === "stall") clock.stall(each.ms);
          else if (each.do === "settle") await settle();
          else if (each.do === "scrape") scrape(i % 2 ? OPENMETRICS : {});
          else if (each.do === "scrapeBoth") scrape(), scrape(OPENMETRICS);
          else if (!call) continue;
          else if (each.do === "succeed") call.succeed();
          else if (each.do === "refuse") call.respond(401, { message: "Unauthorized" });
          else if (each.do === "fail") call.respond(200, "not a dataset");
          else call.breakOff("ECONNRESET");
          if (stopsInBetween && i === steps.length >> 1) program.stop();
        }
        scrape();
        // A scrape pauses when time has passed during it.
        await clock.run(100);
        await Promise.all(scraping);
        program.stop();
        await clock.run(8_000);
        assertEquals(await program.exitCode, 0);
        checkCounts(await (await get("/metrics")).text());
      },
    ),
    { numRuns: 60 },
  );
  assert(scrapes > 150, `only ${scrapes} scrapes`);
});

Deno.test("a stopping probe is not ready, and counts tasks that end within the grace", async () => {
  const { clock, transport, get, stop, exitCode, logged } = await startProgram();
  assertEquals((await get("/readyz")).status, 200);
  stop();
  await settle();
  assertEquals((await get("/readyz")).status, 503);
  assertEquals((await get("/healthz")).status, 200);
  await clock.run(7_900);
  transport.oldest.succeed();
  await settle();
  assertEquals(await exitCode, 0);
  const counts = countsOf(await (await get("/metrics")).text());
  assertEquals([counts.created, counts.succeeded, counts.inFlight], [1, 1, 0]);
  assert(!logged.some(({ message }) => message.startsWith("abandoned")));
});

Deno.test("a stopping probe abandons what is left after 8 s, which stays pending", async () => {
  const { clock, transport, get, stop, exitCode, logged } = await startProgram();
  stop();
  await clock.run(7_999);
  assertEquals(transport.open.length, 1);
  await clock.run(1);
  assertEquals(await exitCode, 0);
  assertEquals(transport.open.length, 0);
  await settle();
  const counts = countsOf(await (await get("/metrics")).text());
  assertEquals([counts.created, counts.failed, counts.inFlight], [1, 0, 1]);
  assertEquals(
    logged.filter(({ message }) => message.startsWith("abandoned")).map((line) => line.properties),
    [{ abandoned: 1 }],
  );
  assertEquals(clock.waiting, 0);
});

Deno.test("a slow task never delays the next slot, and a full probe counts skipped slots", async () => {
  const { clock, transport, get } = await startProgram({
    MAX_IN_FLIGHT_TASKS: "3",
    REQUEST_TIMEOUT_SECONDS: "60",
  });
  await clock.run(20_000);
  assertEquals(transport.open.length, 3);
  await clock.run(20_000);
  const samples = samplesOf(await (await get("/metrics")).text());
  assertEquals(sumOf(samples, "probe_slots_skipped_total", 'cause="in_flight"'), 2);
  assertEquals(sumOf(samples, "probe_slots_skipped_total", 'cause="late"'), 0);
  assertEquals(sumOf(samples, "probe_oldest_pending_task_age_seconds"), 40);
});

Deno.test("a stall counts as late slots and shows in the lag", async () => {
  const { clock, get } = await startProgram();
  clock.stall(35_000);
  await settle();
  const samples = samplesOf(await (await get("/metrics")).text());
  assertEquals(sumOf(samples, "probe_slots_skipped_total", 'cause="late"'), 2);
  assertEquals(sumOf(samples, "probe_tasks_created_total"), 2);
  assertEquals(sumOf(samples, "probe_schedule_lag_seconds_sum", 'loop="probe"'), 5);
});

Deno.test("a task with hanging attempts fails with `timeout` at its deadline", async () => {
  const { clock, get } = await startProgram({
    TASK_INTERVAL_SECONDS: "1000",
    TASK_TIMEOUT_SECONDS: "25",
    RETRIES: "10",
  });
  await clock.run(24_999);
  assertEquals((await (await get("/tasks")).json()).tasks[0].state, "PENDING");
  await clock.run(1);
  const [task] = (await (await get("/tasks")).json()).tasks;
  assertEquals([task.state, task.reason, task.duration_seconds], ["FAILED", "timeout", 25]);
  assertEquals(task.attempts.length, 3);
});

Deno.test("/healthz responds 503 once the loop is overdue", async () => {
  const { clock, get } = await startProgram();
  const blocked = Object.assign(clock, { after: () => () => {} });
  await blocked.run(10_000);
  assertEquals((await get("/healthz")).status, 200);
  await blocked.run(30_000);
  assertEquals((await get("/healthz")).status, 200, "overdue by two intervals, not more");
  await blocked.run(1);
  const response = await get("/healthz");
  assertEquals([response.status, await response.json()], [
    503,
    { status: "stalled", app_id: "00000000", loops: ["probe"] },
  ]);
});

Deno.test("several datasets have their slots spread evenly over the interval", async () => {
  const { clock, transport } = await startProgram({ DATASET_ID: "a,b,c,d" });
  const seen: [string, number][] = [];
  for (let ms = 0; ms < 10_000; ms += 500) {
    for (const call of [...transport.open]) {
      seen.push([call.request.url.pathname, ms]);
      call.succeed();
    }
    await clock.run(500);
  }
  assertEquals(seen, [["/a", 0], ["/b", 2_500], ["/c", 5_000], ["/d", 7_500]]);
});

Deno.test("the table follows the first settled task, then every interval, then the end", async () => {
  const { clock, transport, stdout, stop, exitCode } = await startProgram(
    { TASK_INTERVAL_SECONDS: "7", TABLE_INTERVAL_SECONDS: "10" },
    { table: true },
  );
  const tables = () => stdout.text.split("tracked:").length - 1;
  await clock.run(3_000);
  assertEquals(tables(), 0);
  transport.oldest.succeed();
  await clock.run(0);
  assertEquals(tables(), 1);
  await clock.run(9_999);
  assertEquals(tables(), 1);
  await clock.run(1);
  assertEquals(tables(), 2);
  for (const call of [...transport.open]) call.succeed();
  stop();
  await settle();
  assertEquals(await exitCode, 0);
  assertEquals(tables(), 3);
});

Deno.test("a broken invariant ends the probe with 70", async () => {
  const { transport, exitCode, logged, runtime } = await startProgram();
  breakNextLine(runtime.log);
  transport.oldest.succeed();
  await settle();
  assertEquals(await exitCode, 70);
  assert(
    logged.some(({ level, message }) => level === "error" && message.includes("broken on purpose")),
  );
});

Deno.test("an unexpected error makes a task `internal`, with its stack in the log", async () => {
  const { transport, get, logged } = await startProgram();
  transport.oldest.breakOff("EWHATEVER");
  await settle();
  const [task] = (await (await get("/tasks")).json()).tasks;
  assertEquals([task.state, task.reason, task.attempts[0].reason], [
    "FAILED",
    "internal",
    "internal",
  ]);
  const line = logged.find(({ level }) => level === "error");
  assert(line?.message.includes("at "), "no stack");
});

Deno.test("200 datasets at an interval of a second make one request every 5 ms", async () => {
  const ids = Array.from({ length: 200 }, (_, i) => `dataset-${i}`);
  const { clock, transport } = await startProgram({
    DATASET_ID: ids.join(","),
    TASK_INTERVAL_SECONDS: "1",
  });
  const seen: string[] = [];
  for (let slot = 0; slot < 400; slot++) {
    assertEquals(transport.open.length, 1, `after ${slot * 5} ms`);
    seen.push(transport.oldest.request.url.pathname.slice(1));
    transport.oldest.succeed();
    await clock.run(5);
  }
  assertEquals(seen, [...ids, ...ids]);
});

Deno.test("a broken invariant while the probe stops ends it with 70 too", async () => {
  const { transport, stop, exitCode, logged, runtime } = await startProgram();
  stop();
  await settle();
  breakNextLine(runtime.log);
  transport.oldest.succeed();
  await settle();
  assertEquals(await exitCode, 70);
  assert(logged.some(({ level }) => level === "error"));
});

Deno.test("a failure has the same words in the log, /tasks, /events and on the page", async () => {
  const { transport, clock, logged, get } = await startProgram({ RETRIES: "0" });
  const stream = (await get("/events")).body?.pipeThrough(new TextDecoderStream()).getReader();
  transport.oldest.respond(503, "upstream connect error");
  await clock.run(300);
  const message = "status 503: upstream connect error";
  const { tasks: [task] } = await (await get("/tasks?state=failed")).json();
  assertEquals([task.reason, task.message], ["server_error", message]);
  let events = "";
  while (!events.includes("event: settled")) events += (await stream?.read())?.value ?? "";
  await stream?.cancel();
  assertEquals(JSON.parse(events.match(/(?<=settled\ndata: ).*/)?.[0] ?? "").message, message);
  // Loading takes real time, which the clock does not wait for.
  await loadPage(systemClock);
  const rendering = get("/?task=1", { accept: "text/html" });
  await clock.run(100);
  const page = await (await rendering).text();
  assertEquals(page.split(message).length - 1, 3, "verdict, last task and details");
  const line = logged.find(({ level }) => level === "warn");
  assertEquals(line?.message.endsWith(`: server_error: ${message}`), true, line?.message);
});

const TLS_FILES = { TLS_CERT_FILE: "/cert.pem", TLS_KEY_FILE: "/key.pem" };

/** The main loop with HTTPS and a token, on fakes whose wall clock is at 2026-10-24 12:00. */
async function startWithFiles({ cert, key }: Issued) {
  const env = { ...TLS_FILES, HTTP_BEARER_TOKEN_FILE: "/token" };
  const files = { "/cert.pem": cert, "/key.pem": key, "/token": "0ld-token" };
  const program = await startProgram(env, {}, files);
  const statusWith = async (token: string) =>
    (await program.get("/metrics", { authorization: `Bearer ${token}` })).status;
  const ownExpiry = async (token: string) => {
    const response = await program.get("/metrics", { authorization: `Bearer ${token}` });
    const name = "probe_tls_certificate_expiry_timestamp_seconds";
    return sumOf(samplesOf(await response.text()), name, 'host="self"') * 1e3;
  };
  const lines = (level: string) =>
    program.logged.filter((line) => line.level === level).map(({ message }) => message);
  return { ...program, statusWith, ownExpiry, lines };
}

Deno.test("the certificate that the probe serves has a series, and one that has ended a warning", async () => {
  const { issue } = await createAuthority();
  const good = await issue("localhost");
  const { ownExpiry, lines, clock } = await startWithFiles(good);
  assertEquals(await ownExpiry("0ld-token"), good.endsMs);
  assertEquals(lines("warn"), []);

  const endedDays = (clock.now() - Date.now()) / 86_400_000 - 1;
  const ended = await startWithFiles(await issue("localhost", endedDays));
  const [warning = ""] = ended.lines("warn");
  assertMatch(
    warning,
    /^TLS_CERT_FILE: the certificate ended on 2026-10-2.*; it is served all the/,
  );
  assert(await ended.ownExpiry("0ld-token") < ended.clock.now());
});

Deno.test("a reload serves new files, and logs what changed without showing it", async () => {
  const { issue } = await createAuthority();
  const [first, second] = [await issue("localhost"), await issue("localhost", 8)];
  const { files, served, reload, statusWith, ownExpiry, lines, logged } = await startWithFiles(
    first,
  );
  reload();
  await settle();
  assertEquals(lines("info").at(-1), "read the endpoint's files again: nothing changed");
  assertEquals(served, [first.cert]);

  Object.assign(files, {
    "/cert.pem": second.cert,
    "/key.pem": second.key,
    "/token": "new-t0ken\n",
  });
  reload();
  await settle();
  assertEquals(
    lines("info").at(-1),
    "read the endpoint's files again: certificate, key, bearer token changed",
  );
  assertEquals(served, [first.cert, second.cert]);
  assertEquals([await statusWith("0ld-token"), await statusWith("new-t0ken")], [401, 200]);
  assertEquals(await ownExpiry("new-t0ken"), second.endsMs);
  assert(!JSON.stringify(logged).includes("t0ken"));
});

Deno.test("a reload ends the streams that were opened with other credentials, and no others", async () => {
  const { issue } = await createAuthority();
  const { files, reload, get } = await startWithFiles(await issue("localhost"));
  const { body } = await get("/events", { authorization: "Bearer 0ld-token" });
  let isEnded = false;
  const reading = body?.pipeTo(new WritableStream()).then(() => isEnded = true);
  Object.assign(
    files,
    await issue("localhost", 8).then(({ cert, key }) => ({
      "/cert.pem": cert,
      "/key.pem": key,
    })),
  );
  reload();
  await settle();
  assertEquals(isEnded, false);
  files["/token"] = "new-t0ken\n";
  reload();
  await reading;
  assertEquals((await get("/events", { authorization: "Bearer 0ld-token" })).status, 401);
});

Deno.test("a reload of a wrong file keeps everything as it was, and logs an error", async () => {
  const { issue } = await createAuthority();
  const { files, served, reload, statusWith, lines } = await startWithFiles(
    await issue("localhost"),
  );
  Object.assign(files, { "/cert.pem": "not a certificate", "/token": "new-t0ken" });
  reload();
  await settle();
  assertMatch(lines("error").at(-1) ?? "", /nothing changed: TLS_CERT_FILE: expected a certifi/);
  assertEquals([await statusWith("0ld-token"), served.length], [200, 1]);
});
