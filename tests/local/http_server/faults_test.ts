import { assert, assertEquals, assertMatch, assertRejects, assertThrows } from "@std/assert";
import { type Faults, InvalidFaultsError, NO_FAULTS } from "../../../local/http_server/faults.ts";
import { startHttpServer } from "../../../local/http_server/http_server.ts";
import type { Problem } from "../../../local/http_server/settings.ts";
import { startEmulator } from "../../support/targets.ts";
import {
  assertBetween,
  countsWith,
  durationMs,
  faultsOf,
  putFaults,
  requestToken,
  statusesOf,
  statusOf,
  until,
} from "./requests.ts";

const DEFAULT_FAULTS: Faults = {
  ...NO_FAULTS,
  delay_percent: 10,
  delay_max_seconds: 3,
  unauthorized_percent: 5,
};

Deno.test("PUT /faults sets the given faults and resets the others", async () => {
  const emulator = startHttpServer();
  try {
    const { url } = emulator;
    assertEquals(await faultsOf(url), DEFAULT_FAULTS);

    await putFaults(url, '{"status":500,"delay_percent":0}');
    assertEquals(await faultsOf(url), { ...DEFAULT_FAULTS, status: 500, delay_percent: 0 });

    const response = await putFaults(url, '{"body":"html"}');
    const expected: Faults = { ...DEFAULT_FAULTS, body: "html" };
    assertEquals([response.status, await response.json()], [200, expected]);
    assertEquals(await faultsOf(url), expected);
  } finally {
    await emulator.shutdown();
  }
});

Deno.test("PUT /faults accepts the document of GET /faults", async () => {
  await using emulator = startEmulator({ faults: { status: 500, body: "html" } });
  const faults = await faultsOf(emulator.url);
  const response = await putFaults(emulator.url, JSON.stringify(faults));

  assertEquals([response.status, await response.json()], [200, faults]);
});

Deno.test("DELETE /faults returns to the faults of the start", async () => {
  await using emulator = startEmulator({ faults: { status: 418 } });
  emulator.setFaults({ status: 500, token_status: 503 });
  const response = await fetch(`${emulator.url}/faults`, { method: "DELETE" });

  assertEquals([response.status, await response.json()], [200, { ...NO_FAULTS, status: 418 }]);
  assertEquals(await statusOf(`${emulator.url}/metadata/a`), 418);
});

Deno.test("PUT /faults reports all invalid values at once and changes nothing", async () => {
  await using emulator = startEmulator();
  const response = await putFaults(
    emulator.url,
    '{"status":"500","body":"xml","delay_percent":101,"reset":1}',
  );

  assertEquals(response.status, 400);
  const { errors }: { errors: Problem[] } = await response.json();
  assertEquals(errors.toSorted((a, b) => a.field < b.field ? -1 : 1), [
    {
      field: "body",
      expected: "null or one of html, broken_json, other_id, empty",
      given: "xml",
    },
    { field: "delay_percent", expected: "a percentage from 0 to 100", given: 101 },
    {
      field: "reset",
      expected: `the name of a fault (${Object.keys(NO_FAULTS).join(", ")})`,
      given: 1,
    },
    { field: "status", expected: "null or an HTTP status from 201 to 599", given: "500" },
  ]);
  assertEquals(await faultsOf(emulator.url), NO_FAULTS);
});

Deno.test("PUT /faults rejects a body that is not a JSON object", async () => {
  await using emulator = startEmulator();
  for (const body of ["", "status=500", "[]", "null", '"x"', "{"]) {
    const response = await putFaults(emulator.url, body);
    assertEquals(response.status, 400, body);
    const { errors: [{ field, expected }] } = await response.json();
    assertEquals([field, expected], ["body", "a JSON object"], body);
  }
});

const INVALID: Partial<Record<keyof Faults, unknown[]>> = {
  delay_percent: [-1, 100.1, "5", null],
  delay_max_seconds: [-1, 3601],
  unauthorized_percent: [-1, 101],
  fixed_delay_seconds: [-0.1, 3601],
  status: [100, 200, 600, 404.5],
  status_percent: [-1, 101],
  reset_percent: [-1, 101],
  hang_percent: [-1, 101],
  body: ["HTML", 1],
  token_status: [100, 200, 600],
};

Deno.test("PUT /faults rejects values outside of their range", async () => {
  await using emulator = startEmulator();
  for (const [field, values] of Object.entries(INVALID)) {
    for (const given of values) {
      const response = await putFaults(emulator.url, JSON.stringify({ [field]: given }));
      const { errors }: { errors: Problem[] } = await response.json();
      const found = errors.map((each) => [each.field, each.given]);
      assertEquals({ status: response.status, found }, { status: 400, found: [[field, given]] });
    }
  }
});

Deno.test("setFaults throws for an invalid value and names it", async () => {
  await using emulator = startEmulator();
  assertThrows(
    () => emulator.setFaults({ status: 1000 }),
    InvalidFaultsError,
    "status: expected null or an HTTP status from 201 to 599, got 1000",
  );
});

Deno.test("status replaces every response to a dataset request", async () => {
  await using emulator = startEmulator({ missingDatasets: ["gone"] });
  emulator.setFaults({ status: 503, unauthorized_percent: 100, body: "html" });

  const response = await fetch(`${emulator.url}/metadata/gone`);
  assertEquals(response.status, 503);
  assertEquals(await response.json(), { message: "Status 503 on demand" });
  assertEquals(await statusesOf(emulator.url, 20), Array(20).fill(503));
});

Deno.test("status may be one without a body", async () => {
  await using emulator = startEmulator({ faults: { status: 204 } });
  const response = await fetch(`${emulator.url}/metadata/a`);

  assertEquals([response.status, await response.text()], [204, ""]);
});

Deno.test("a redirect leads to a response that is not a dataset", async () => {
  await using emulator = startEmulator({ faults: { status: 302 } });
  const url = `${emulator.url}/metadata/a`;

  assertEquals(await statusOf(url, { redirect: "manual" }), 302);
  assertEquals(await (await fetch(url)).json(), { status: "ok" });
});

Deno.test("status_percent is the share of requests that get the status", async () => {
  await using emulator = startEmulator({ seed: 3, faults: { status: 500, status_percent: 30 } });
  await statusesOf(emulator.url, 500);

  const { by_status } = emulator.counts();
  // Five standard deviations. With this seed the number is always the same.
  assertBetween(by_status["500"] ?? 0, 150 - 51, 150 + 51);
  assertEquals(Object.keys(by_status), ["200", "500"]);
});

Deno.test("fixed_delay_seconds delays every request", async () => {
  await using emulator = startEmulator({ faults: { fixed_delay_seconds: 0.02 } });
  for (let i = 0; i < 3; i++) {
    const elapsedMs = await durationMs(() => statusOf(`${emulator.url}/metadata/a`));
    assert(elapsedMs >= 19, `${elapsedMs} ms`);
  }
});

Deno.test("reset_percent closes the connection in the body, but not of a HEAD", async () => {
  await using emulator = startEmulator({ faults: { reset_percent: 100 } });
  const response = await fetch(`${emulator.url}/metadata/a`);
  assertEquals(response.status, 200);
  await assertRejects(() => response.text(), TypeError);
  assertEquals(emulator.counts(), countsWith({ requests: 1, aborted: 1 }));

  assertEquals(await statusOf(`${emulator.url}/metadata/a`, { method: "HEAD" }), 200);
  const expected = countsWith({ requests: 2, aborted: 1, by_status: { "200": 1 } });
  assertEquals(emulator.counts(), expected);
});

Deno.test("hang_percent leaves a request without a response", async () => {
  await using emulator = startEmulator({ faults: { hang_percent: 100 } });
  const client = new AbortController();
  const hanging = fetch(`${emulator.url}/metadata/a`, { signal: client.signal });
  await until(() => emulator.counts().requests === 1);
  // A hundred responses later this one has still not come.
  for (let i = 0; i < 100; i++) await statusOf(`${emulator.url}/heartbeat`);
  assertEquals(emulator.counts(), countsWith({ requests: 1 }));

  client.abort();
  await assertRejects(() => hanging, DOMException);
  await until(() => emulator.counts().aborted === 1);
  assertEquals(emulator.counts(), countsWith({ requests: 1, aborted: 1 }));
});

const BODIES = [
  ["html", "text/html", /^<!doctype html>/],
  ["broken_json", "application/json", /^\{"Type":"Dataset","Id":"a",.*[^}]$/],
  ["other_id", "application/json", /^\{"Type":"Dataset","Id":"a-other",.*\}$/],
  ["empty", "application/json", /^$/],
] as const;

for (const [body, contentType, content] of BODIES) {
  Deno.test(`body ${body} replaces the body of a response of status 200`, async () => {
    await using emulator = startEmulator({ faults: { body } });
    const response = await fetch(`${emulator.url}/metadata/a`);

    assertEquals(response.status, 200);
    assertEquals(response.headers.get("content-type"), contentType);
    const text = await response.text();
    assertMatch(text, content);
    if (body !== "other_id") assertThrows(() => JSON.parse(text));
  });
}

Deno.test("token_status is the status of token responses only", async () => {
  await using emulator = startEmulator();
  for (const status of [204, 429, 503]) {
    emulator.setFaults({ token_status: status });
    const response = await requestToken(emulator.url);
    assertEquals(response.status, status);
    await response.body?.cancel();
  }
  assertEquals(await statusOf(`${emulator.url}/metadata/a`), 200);
});
