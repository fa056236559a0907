import {
  assert,
  assertEquals,
  assertMatch,
  assertNotEquals,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import type { Counts } from "../../local/http_server/emulator.ts";
import { drawFate, type Faults, NO_FAULTS, WrongFaults } from "../../local/http_server/faults.ts";
import {
  type HttpServer,
  type HttpServerOptions,
  startHttpServer,
} from "../../local/http_server/http_server.ts";
import { mulberry32 } from "../../local/http_server/random.ts";
import { IssuedTokens, TOKEN_PATH } from "../../local/http_server/token.ts";

const START_FAULTS: Faults = {
  delay_percent: 10,
  delay_max_seconds: 3,
  unauthorized_percent: 5,
  fixed_delay_seconds: 0,
  status: null,
  status_percent: 100,
  reset_percent: 0,
  hang_percent: 0,
  body: null,
  token_status: null,
};

// ---------------------------------------------------------------- datasets

for (const path of ["/metadata/my-data", "/metadata/datasets/my-data"]) {
  Deno.test(`GET ${path} answers the dataset`, () =>
    withCalmServer({}, async ({ url }) => {
      const response = await fetch(url + path);

      assertEquals(response.status, 200);
      assertEquals(response.headers.get("content-type"), "application/json");
      const { contactPoint, ...dataset } = await response.json();
      assertEquals(Object.keys(contactPoint), ["name", "email", "phone"]);
      assertEquals(dataset, {
        Type: "Dataset",
        Id: "my-data",
        title: "Testdata my-data",
        description: "A dataset that only exists on this machine",
        keywords: ["test", "probe"],
        accessRights: "public",
        confidentiality: "green",
        publisher: "Origo",
        frequency: "daily",
        objective: "Something to ask for",
        source: { type: "file" },
        state: "active",
        _links: { self: { href: "/datasets/my-data" } },
      });
    }));
}

Deno.test("an escaped id is the id that it stands for", () =>
  withCalmServer({}, async ({ url }) => {
    const dataset = await (await fetch(`${url}/metadata/a%20b%2Fc`)).json();

    assertEquals(dataset.Id, "a b/c");
    assertEquals(dataset._links.self.href, "/datasets/a%20b%2Fc");
  }));

Deno.test("HEAD answers as GET, without the body", () =>
  withCalmServer({ missingDatasets: ["gone"] }, async ({ url }) => {
    const found = await fetch(`${url}/metadata/a`, { method: "HEAD" });
    const missing = await fetch(`${url}/metadata/gone`, { method: "HEAD" });

    assertEquals([found.status, missing.status], [200, 404]);
    assertEquals(found.headers.get("content-type"), "application/json");
    assertEquals(await found.text(), "");
  }));

Deno.test("only missing datasets are not found", () =>
  withCalmServer({ missingDatasets: ["one", "two"] }, async ({ url }) => {
    for (const path of ["/metadata/two", "/metadata/datasets/two"]) {
      const response = await fetch(url + path);
      assertEquals(response.status, 404);
      assertEquals(await response.json(), {
        message: "Dataset two does not exist",
      });
    }
    assertEquals(await viewOf(`${url}/metadata/three`), 200);
  }));

Deno.test("what is not there is 404 in JSON, and is not counted", () =>
  withCalmServer({}, async (server) => {
    const response = await fetch(`${server.url}/faults`, { method: "POST" });

    assertEquals(response.status, 404);
    assertEquals(await response.json(), {
      message: "There is no POST /faults here",
    });
    assertEquals(server.counts().requests, 0);
  }));

Deno.test("the heartbeat beats through every fault", () =>
  withCalmServer({ requireToken: true }, async ({ url, setFaults }) => {
    setFaults({ status: 500, hang_percent: 100, reset_percent: 100 });

    const response = await fetch(`${url}/heartbeat`);
    assertEquals(response.status, 200);
    assertEquals(await response.json(), { status: "ok" });
    const head = await fetch(`${url}/heartbeat`, { method: "HEAD" });
    assertEquals(head.status, 200);
  }));

// -------------------------------------------------------------- randomness

Deno.test("by default 5 % of the requests are unauthorized", () =>
  withServer(
    { seed: 1, faults: { delay_max_seconds: 0 } },
    async ({ url, counts }) => {
      await statusesOf(url, 2000);

      const { "401": unauthorized, ...others } = counts().by_status;
      // Five standard deviations: with this seed it is always the same number.
      assertBetween(unauthorized, 100 - 49, 100 + 49);
      assertEquals(others, { "200": 2000 - unauthorized });
      const response = await firstAnswer(`${url}/metadata/a`, 401);
      assertEquals(await response.json(), { message: "Unauthorized" });
    },
  ));

Deno.test("by default 10 % of the requests are delayed, up to 3 s", async () => {
  const faults = await withServer({}, ({ url }) => faultsOf(url));
  const random = mulberry32(1);
  const delaysMs = Array.from(
    { length: 5000 },
    () => drawFate(faults, random).delayMs,
  );
  const delayedMs = delaysMs.filter((delayMs) => delayMs > 0);

  // Five standard deviations around a tenth, and around a mean of 1.5 s.
  assertBetween(delayedMs.length, 500 - 106, 500 + 106);
  assertBetween(mean(delayedMs), 1500 - 194, 1500 + 194);
  assertBetween(Math.max(...delayedMs), 2900, 3000);
});

Deno.test("the drawn delays are the ones that the client sees", () =>
  withServer(
    { seed: 7, faults: { delay_percent: 100, delay_max_seconds: 0.1 } },
    async ({ url }) => {
      const faults = await faultsOf(url);
      const random = mulberry32(7);
      const waits: number[] = [];
      for (let nth = 0; nth < 12; nth++) {
        const { delayMs } = drawFate(faults, random);
        const waitMs = await durationMs(() => viewOf(`${url}/metadata/a`));
        assert(waitMs >= delayMs - 1, `${waitMs} ms, but drew ${delayMs} ms`);
        waits.push(waitMs);
      }
      assert(Math.min(...waits) < 100, "every delay was the longest one");
    },
  ));

Deno.test("the same seed gives the same outcomes, another seed others", async () => {
  const run = (seed: number) =>
    withCalmServer(
      { seed, faults: { unauthorized_percent: 50 } },
      ({ url }) => statusesOf(url, 200),
    );
  const [first, again, other] = [await run(42), await run(42), await run(43)];

  assertEquals(again, first);
  assertNotEquals(other, first);
  assertBetween(first.filter((status) => status === 401).length, 65, 135);
});

Deno.test("slow answers do not change the sequence of outcomes", async () => {
  const faults = { unauthorized_percent: 50 };
  const alone = await withCalmServer(
    { seed: 5, faults },
    ({ url }) => statusesOf(url, 50),
  );
  const together = await withCalmServer(
    {
      seed: 5,
      faults: { ...faults, delay_percent: 100, delay_max_seconds: 0.05 },
    },
    async ({ url, counts }) => {
      const answers: Promise<number>[] = [];
      for (let nth = 1; nth <= 50; nth++) {
        answers.push(viewOf(`${url}/metadata/a`));
        await until(() => counts().requests === nth);
      }
      return Promise.all(answers);
    },
  );

  assertEquals(together, alone);
});

Deno.test("a fault that came and went does not change what follows", async () => {
  const options = { seed: 9, faults: { unauthorized_percent: 50 } };
  const calm = await withCalmServer(options, ({ url }) => statusesOf(url, 60));
  const rough = await withCalmServer(options, async ({ url, setFaults }) => {
    setFaults({ status: 503, delay_percent: 50, status_percent: 100 });
    await statusesOf(url, 30);
    setFaults({});
    return statusesOf(url, 30);
  });

  assertEquals(rough, calm.slice(30));
});

Deno.test("two emulators at once have their own ports and seeds", () =>
  withServer({}, (one) =>
    withServer({}, async (other) => {
      assertNotEquals(one.url, other.url);
      assertNotEquals(one.seed, other.seed);
      await viewOf(`${one.url}/metadata/a`);
      assertEquals([one.counts().requests, other.counts().requests], [1, 0]);
    })));

// ------------------------------------------------------------------ faults

Deno.test("PUT sets the faults it names and resets the others", () =>
  withServer({}, async ({ url }) => {
    assertEquals(await faultsOf(url), START_FAULTS);

    await putFaults(url, '{"status":500,"delay_percent":0}');
    assertEquals(await faultsOf(url), {
      ...START_FAULTS,
      status: 500,
      delay_percent: 0,
    });

    const answer = await putFaults(url, '{"body":"html"}');
    const expected: Faults = { ...START_FAULTS, body: "html" };
    assertEquals([answer.status, await answer.json()], [200, expected]);
    assertEquals(await faultsOf(url), expected);
  }));

Deno.test("the faults that GET shows are good for PUT", () =>
  withServer({}, async ({ url }) => {
    const answer = await putFaults(url, JSON.stringify(await faultsOf(url)));

    assertEquals([answer.status, await answer.json()], [200, START_FAULTS]);
  }));

Deno.test("DELETE returns to the faults of the start", () =>
  withCalmServer({ faults: { status: 418 } }, async ({ url, setFaults }) => {
    setFaults({ status: 500, token_status: 503 });
    const answer = await fetch(`${url}/faults`, { method: "DELETE" });

    const expected = { ...NO_FAULTS, status: 418 };
    assertEquals([answer.status, await answer.json()], [200, expected]);
    assertEquals(await viewOf(`${url}/metadata/a`), 418);
  }));

Deno.test("wrong faults are refused, all of them at once, and change nothing", () =>
  withCalmServer({}, async ({ url }) => {
    const answer = await putFaults(
      url,
      '{"status":"500","body":"xml","delay_percent":101,"reset":1}',
    );

    assertEquals(answer.status, 400);
    const { errors } = await answer.json();
    const names = Object.keys(NO_FAULTS).join(", ");
    assertEquals(sortedByField(errors), [
      {
        field: "body",
        expected: "null or one of html, broken_json, other_id, empty",
        given: "xml",
      },
      {
        field: "delay_percent",
        expected: "a percentage from 0 to 100",
        given: 101,
      },
      {
        field: "reset",
        expected: `the name of a fault (${names})`,
        given: 1,
      },
      {
        field: "status",
        expected: "null or an HTTP status from 201 to 599",
        given: "500",
      },
    ]);
    assertEquals(await faultsOf(url), NO_FAULTS);
  }));

for (const body of ["", "status=500", "[]", "null", '"x"', "{"]) {
  Deno.test(`a body that is no JSON object is refused: ${body || "(empty)"}`, () =>
    withCalmServer({}, async ({ url }) => {
      const answer = await putFaults(url, body);

      assertEquals(answer.status, 400);
      const { errors: [{ field, expected }] } = await answer.json();
      assertEquals([field, expected], ["body", "a JSON object"]);
    }));
}

const WRONG: Partial<Record<keyof Faults, unknown[]>> = {
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

for (const [field, values] of Object.entries(WRONG)) {
  Deno.test(`${field} refuses ${JSON.stringify(values)}`, () =>
    withCalmServer({}, async ({ url }) => {
      for (const given of values) {
        const answer = await putFaults(url, JSON.stringify({ [field]: given }));
        const { errors } = await answer.json();
        assertEquals([answer.status, errors.length], [400, 1]);
        assertEquals([errors[0].field, errors[0].given], [field, given]);
      }
    }));
}

Deno.test("setFaults throws on a wrong value, and says which", () =>
  withCalmServer({}, ({ setFaults }) => {
    assertThrows(
      () => setFaults({ status: 1000 }),
      WrongFaults,
      "status: expected null or an HTTP status from 201 to 599, got 1000",
    );
    return Promise.resolve();
  }));

Deno.test("status is what every dataset request is answered", () =>
  withCalmServer({ missingDatasets: ["gone"] }, async ({ url, setFaults }) => {
    setFaults({ status: 503, unauthorized_percent: 100, body: "html" });

    const response = await fetch(`${url}/metadata/gone`);
    assertEquals(response.status, 503);
    assertEquals(await response.json(), { message: "StatusView 503 on demand" });
    assertEquals(await statusesOf(url, 20), Array(20).fill(503));
  }));

Deno.test("status may be one that has no body", () =>
  withCalmServer({ faults: { status: 204 } }, async ({ url }) => {
    const response = await fetch(`${url}/metadata/a`);

    assertEquals([response.status, await response.text()], [204, ""]);
  }));

Deno.test("a redirect leads to an answer that is no dataset", () =>
  withCalmServer({ faults: { status: 302 } }, async ({ url }) => {
    const stayed = await fetch(`${url}/metadata/a`, { redirect: "manual" });
    const followed = await fetch(`${url}/metadata/a`);

    assertEquals(stayed.status, 302);
    await stayed.body?.cancel();
    assertEquals(await followed.json(), { status: "ok" });
  }));

Deno.test("status_percent is how many get that status", () =>
  withCalmServer(
    { seed: 3, faults: { status: 500, status_percent: 30 } },
    async ({ url, counts }) => {
      await statusesOf(url, 500);

      // Five standard deviations: with this seed it is always the same number.
      assertBetween(counts().by_status["500"], 150 - 51, 150 + 51);
      assertEquals(Object.keys(counts().by_status), ["200", "500"]);
    },
  ));

Deno.test("fixed_delay_seconds delays every request", () =>
  withCalmServer(
    { faults: { fixed_delay_seconds: 0.02 } },
    async ({ url }) => {
      for (let nth = 0; nth < 3; nth++) {
        const elapsedMs = await durationMs(() => viewOf(`${url}/metadata/a`));
        assert(elapsedMs >= 19, `${elapsedMs} ms`);
      }
    },
  ));

Deno.test("reset_percent cuts the connection in the body, and spares a HEAD", () =>
  withCalmServer({ faults: { reset_percent: 100 } }, async (server) => {
    const response = await fetch(`${server.url}/metadata/a`);
    assertEquals(response.status, 200);
    await assertRejects(() => response.text(), TypeError);
    assertEquals(server.counts(), countsOf({ requests: 1, aborted: 1 }));

    const head = await fetch(`${server.url}/metadata/a`, { method: "HEAD" });
    assertEquals(head.status, 200);
    const by_status = { "200": 1 };
    assertEquals(
      server.counts(),
      countsOf({ requests: 2, aborted: 1, by_status }),
    );
  }));

Deno.test("hang_percent never answers, until the client leaves", () =>
  withCalmServer({ faults: { hang_percent: 100 } }, async (server) => {
    const client = new AbortController();
    const { signal } = client;
    const hanging = fetch(`${server.url}/metadata/a`, { signal });
    await until(() => server.counts().requests === 1);
    // A hundred answers later, this one still has none.
    for (let nth = 0; nth < 100; nth++) {
      await viewOf(`${server.url}/heartbeat`);
    }
    assertEquals(server.counts(), countsOf({ requests: 1 }));

    client.abort();
    await assertRejects(() => hanging, DOMException);
    await until(() => server.counts().aborted === 1);
    assertEquals(server.counts(), countsOf({ requests: 1, aborted: 1 }));
  }));

const BODIES = {
  html: ["text/html", /^<!doctype html>/],
  broken_json: ["application/json", /^\{"Type":"Dataset","Id":"a",.*[^}]$/],
  other_id: ["application/json", /^\{"Type":"Dataset","Id":"a-other",.*\}$/],
  empty: ["application/json", /^$/],
} as const;

for (const body of ["html", "broken_json", "other_id", "empty"] as const) {
  Deno.test(`body ${body} spoils an answer of 200`, () =>
    withCalmServer({ faults: { body } }, async ({ url }) => {
      const [contentType, content] = BODIES[body];
      const response = await fetch(`${url}/metadata/a`);

      assertEquals(response.status, 200);
      assertEquals(response.headers.get("content-type"), contentType);
      const text = await response.text();
      assertMatch(text, content);
      if (body !== "other_id") assertThrows(() => JSON.parse(text));
    }));
}

Deno.test("token_status is what the token endpoint answers, and nothing else does", () =>
  withCalmServer({}, async ({ url, setFaults }) => {
    for (const status of [204, 429, 503]) {
      setFaults({ token_status: status });
      const response = await requestToken(url, {});
      assertEquals(response.status, status);
      await response.body?.cancel();
    }
    assertEquals(await viewOf(`${url}/metadata/a`), 200);
  }));

// ------------------------------------------------------------------ tokens

Deno.test("the right client gets a token, as Keycloak gives it", () =>
  withCalmServer({}, async ({ url }) => {
    const response = await requestToken(url, {});

    assertEquals(response.status, 200);
    assertEquals(response.headers.get("cache-control"), "no-store");
    const { access_token, ...rest } = await response.json();
    assertMatch(access_token, /^\S{20,}$/);
    assertEquals(rest, {
      expires_in: 300,
      refresh_expires_in: 0,
      token_type: "Bearer",
      "not-before-policy": 0,
      scope: "email profile",
    });
    assertNotEquals(await tokenOf(url), access_token);
  }));

const BASIC = {
  plain: "local-client:local-secret",
  "form-encoded": "local%2Dclient:local%2Dsecret",
};

for (const [name, credentials] of Object.entries(BASIC)) {
  Deno.test(`the client may authenticate by Basic, ${name}`, () =>
    withCalmServer({}, async ({ url }) => {
      const authorization = `Basic ${btoa(credentials)}`;
      const body = new URLSearchParams({ grant_type: "client_credentials" });
      const headers = { authorization };
      const status = await viewOf(url + TOKEN_PATH, {
        method: "POST",
        body,
        headers,
      });

      assertEquals(status, 200);
    }));
}

const REFUSED_BASIC = ["local-client:wrong", "no colon", "local-client:%", ":"];

for (const credentials of REFUSED_BASIC) {
  Deno.test(`Basic credentials are refused: ${credentials}`, () =>
    withCalmServer({}, async ({ url }) => {
      const response = await requestToken(url, {}, {
        authorization: `Basic ${btoa(credentials)}`,
      });

      assertEquals(response.status, 401);
      await response.body?.cancel();
    }));
}

const REFUSED_FORMS = {
  "a wrong secret": { client_secret: "wrong" },
  "a wrong client": { client_id: "wrong" },
  "no secret": { client_secret: "" },
};

for (const [name, fields] of Object.entries(REFUSED_FORMS)) {
  Deno.test(`${name} is refused as Keycloak does`, () =>
    withCalmServer({}, async ({ url }) => {
      const response = await requestToken(url, fields);

      assertEquals(response.status, 401);
      assertEquals(await response.json(), {
        error: "unauthorized_client",
        error_description: "Invalid client or Invalid client credentials",
      });
    }));
}

Deno.test("another grant type, or another kind of body, is refused", () =>
  withCalmServer({}, async ({ url }) => {
    const password = await requestToken(url, { grant_type: "password" });
    assertEquals(password.status, 400);
    assertEquals((await password.json()).error, "unsupported_grant_type");

    const json = await requestToken(url, {}, {
      "content-type": "application/json",
    });
    assertEquals(json.status, 415);
    await json.body?.cancel();
  }));

Deno.test("the client and the lifetime can be chosen", () =>
  withCalmServer(
    { clientId: "me", clientSecret: "s3cr:t", tokenLifetimeSeconds: 60 },
    async ({ url }) => {
      const chosen = { client_id: "me", client_secret: "s3cr:t" };
      const response = await requestToken(url, chosen);
      assertEquals((await response.json()).expires_in, 60);

      const byDefault = await requestToken(url, {});
      assertEquals(byDefault.status, 401);
      await byDefault.body?.cancel();
    },
  ));

Deno.test("a token opens a dataset, anything else that is presented does not", () =>
  withCalmServer({}, async ({ url }) => {
    const token = await tokenOf(url);
    const statusWith = (authorization: string) =>
      viewOf(`${url}/metadata/a`, { headers: { authorization } });

    assertEquals(await statusWith(`Bearer ${token}`), 200);
    assertEquals(await statusWith(`bearer ${token}`), 200);
    assertEquals(await statusWith(`Bearer ${token}x`), 401);
    assertEquals(await statusWith("Bearer "), 401);
    assertEquals(await statusWith(token), 401);
    assertEquals(await statusWith(`Basic ${token}`), 401);
    assertEquals(await viewOf(`${url}/metadata/a`), 200);
  }));

Deno.test("with requireToken a request needs one", () =>
  withCalmServer({ requireToken: true }, async ({ url }) => {
    const response = await fetch(`${url}/metadata/a`);
    assertEquals(response.status, 401);
    assertEquals(await response.json(), { message: "Unauthorized" });

    const authorization = `Bearer ${await tokenOf(url)}`;
    const headers = { authorization };
    assertEquals(await viewOf(`${url}/metadata/a`, { headers }), 200);
  }));

Deno.test("a token that has expired opens nothing", () =>
  withCalmServer({ tokenLifetimeSeconds: 0.001 }, async ({ url }) => {
    const headers = { authorization: `Bearer ${await tokenOf(url)}` };

    const response = await firstAnswer(`${url}/metadata/a`, 401, { headers });
    assertEquals(await response.json(), { message: "Unauthorized" });
  }));

Deno.test("a token lives as long as it says, and is then forgotten", () => {
  let nowMs = 0;
  const tokens = new IssuedTokens(10, () => nowMs);
  const first = tokens.issue();
  nowMs = 9_999;
  const second = tokens.issue();
  assertEquals([tokens.accepts(first), tokens.accepts(second)], [true, true]);

  nowMs = 10_000;
  assertEquals([tokens.accepts(first), tokens.accepts(second)], [false, true]);
  tokens.issue();
  assertEquals(tokens.size, 2);
  nowMs = 100_000;
  tokens.issue();
  assertEquals(tokens.size, 1);
});

// ------------------------------------------------------------------ counts

Deno.test("the counts agree with what the client saw", () =>
  withCalmServer(
    { seed: 11, faults: { unauthorized_percent: 30 } },
    async (server) => {
      const statuses = await statusesOf(server.url, 100);
      await tokenOf(server.url);
      await (await requestToken(server.url, { client_id: "x" })).body?.cancel();

      const seen = (status: number) => statuses.filter((other) => other === status).length;
      const expected: Counts = {
        requests: 100,
        by_status: { "200": seen(200), "401": seen(401) },
        aborted: 0,
        token_requests: 2,
      };
      assert(seen(200) > 0 && seen(401) > 0);
      assertEquals(server.counts(), expected);
      const shown = await (await fetch(`${server.url}/counts`)).json();
      assertEquals(shown, expected);
    },
  ));

Deno.test("a client that leaves during a delay is counted once, as aborted", () =>
  withCalmServer({ faults: { fixed_delay_seconds: 3600 } }, async (server) => {
    const client = new AbortController();
    const { signal } = client;
    const delayed = fetch(`${server.url}/metadata/a`, { signal });
    await until(() => server.counts().requests === 1);
    client.abort();

    await assertRejects(() => delayed, DOMException);
    await until(() => server.counts().aborted === 1);
    assertEquals(server.counts(), countsOf({ requests: 1, aborted: 1 }));
  }));

Deno.test("counts are a copy", () =>
  withCalmServer({}, ({ counts }) => {
    counts().by_status["200"] = 7;

    assertEquals(counts(), countsOf({}));
    return Promise.resolve();
  }));

// -------------------------------------------------------------------- stop

Deno.test({
  name: "shutdown waits for nobody and leaves nothing behind",
  sanitizeOps: true,
  sanitizeResources: true,
  async fn() {
    const faults = { ...NO_FAULTS, fixed_delay_seconds: 3600 };
    const server = startHttpServer({ faults });
    const delayed = fetch(`${server.url}/metadata/a`);
    await until(() => server.counts().requests === 1);

    const stopped = server.shutdown();
    await assertRejects(() => delayed, TypeError);
    await stopped;
    assertEquals(server.counts(), countsOf({ requests: 1, aborted: 1 }));
    await assertRejects(() => fetch(`${server.url}/heartbeat`), TypeError);
  },
});

// ------------------------------------------------------------- the program

Deno.test("the program says where it listens, its seed and how to break it", async () => {
  await using program = await startProgram({ SEED: "42" });

  assertMatch(
    program.startLine,
    /^Listening on (http:\/\/127\.0\.0\.1:\d+), SEED=42\. Break it: curl -X PUT \1\/faults -d '\{"status":500\}'; mend it: curl -X DELETE \1\/faults$/,
  );
  assertEquals(await viewOf(`${program.url}/heartbeat`), 200);
});

Deno.test("the seed that the program picks repeats its run", async () => {
  const environment = { DELAY_PERCENT: "0", UNAUTHORIZED_PERCENT: "50" };
  await using program = await startProgram(environment);
  const seed = Number(program.startLine.match(/SEED=(\d+)/)?.[1]);
  const again = await withCalmServer(
    { seed, faults: { unauthorized_percent: 50 } },
    ({ url }) => statusesOf(url, 64),
  );

  assertEquals(await statusesOf(program.url, 64), again);
});

Deno.test("the environment configures the program", async () => {
  await using program = await startProgram({
    DELAY_PERCENT: " 20 ",
    DELAY_MAX_SECONDS: "0.005",
    UNAUTHORIZED_PERCENT: "0",
    MISSING_DATASETS: "one, two",
    CLIENT_ID: "me",
    CLIENT_SECRET: "secret",
    TOKEN_LIFETIME_SECONDS: "7",
    REQUIRE_TOKEN: " TRUE ",
    LOG_REQUESTS: " ",
  });
  const { url } = program;

  assertEquals(await faultsOf(url), {
    ...START_FAULTS,
    delay_percent: 20,
    delay_max_seconds: 0.005,
    unauthorized_percent: 0,
  });
  assertEquals(await viewOf(`${url}/metadata/a`), 401);
  const credentials = { client_id: "me", client_secret: "secret" };
  const token = await (await requestToken(url, credentials)).json();
  assertEquals(token.expires_in, 7);
  const headers = { authorization: `Bearer ${token.access_token}` };
  const statusWithToken = (id: string) => viewOf(`${url}/metadata/${id}`, { headers });
  assertEquals(await statusWithToken("one"), 404);
  assertEquals(await statusWithToken("two"), 404);
  assertEquals(await statusWithToken("a"), 200);
});

for (const signal of ["SIGTERM", "SIGINT"] as const) {
  Deno.test(`${signal} stops the program at once, with exit code 0`, async () => {
    await using program = await startProgram({});
    await putFaults(program.url, '{"hang_percent":100}');
    const hanging = fetch(`${program.url}/metadata/a`);
    await untilRequests(program.url, 1);

    program.process.kill(signal);
    await assertRejects(() => hanging, TypeError);
    assertEquals((await program.process.status).code, 0);
  });
}

Deno.test("LOG_REQUESTS writes one line per request, its absence none", async () => {
  const linesWith = async (environment: Record<string, string>) => {
    await using program = await startProgram({
      ...environment,
      DELAY_PERCENT: "0",
      UNAUTHORIZED_PERCENT: "0",
    });
    await viewOf(`${program.url}/metadata/a`);
    await viewOf(`${program.url}/nowhere`);
    program.process.kill("SIGTERM");
    return program.remainingLines();
  };

  const [dataset, nowhere, ...rest] = await linesWith({ LOG_REQUESTS: "1" });
  assertMatch(dataset, /^GET \/metadata\/a 200 \d+ ms$/);
  assertMatch(nowhere, /^GET \/nowhere 404 \d+ ms$/);
  assertEquals(rest, []);
  assertEquals(await linesWith({}), []);
});

Deno.test("all that is wrong in the environment is reported at once, exit code 2", async () => {
  const { code, stdout, stderr } = await runProgram({
    HTTP_SERVER_PORT: "65536",
    DELAY_PERCENT: "101",
    DELAY_MAX_SECONDS: "-1",
    UNAUTHORIZED_PERCENT: "many",
    SEED: "1.5",
    TOKEN_LIFETIME_SECONDS: "0",
    REQUIRE_TOKEN: "yes",
    LOG_REQUESTS: "2",
  });

  assertEquals([code, stdout], [2, ""]);
  assertEquals(stderr.trim().split("\n").sort(), [
    'DELAY_MAX_SECONDS: expected a number of seconds from 0 to 3600, got "-1"',
    'DELAY_PERCENT: expected a percentage from 0 to 100, got "101"',
    'HTTP_SERVER_PORT: expected a port from 0 to 65535, got "65536"',
    'LOG_REQUESTS: expected true, false, 1 or 0, got "2"',
    'REQUIRE_TOKEN: expected true, false, 1 or 0, got "yes"',
    'SEED: expected a whole number from 0 to 4294967295, got "1.5"',
    'TOKEN_LIFETIME_SECONDS: expected a number of seconds from 0.001 to 2592000, got "0"',
    'UNAUTHORIZED_PERCENT: expected a percentage from 0 to 100, got "many"',
  ]);
});

Deno.test("a port in use is named in one line, exit code 2", () =>
  withServer({}, async ({ url }) => {
    const { port } = new URL(url);
    const { code, stderr } = await runProgram({ HTTP_SERVER_PORT: port });

    assertEquals(code, 2);
    assertEquals(stderr.trim().split("\n").length, 1);
    assertStringIncludes(stderr, `Cannot listen on port ${port}`);
    assertStringIncludes(stderr, "in use");
  }));

Deno.test("the emulator imports nothing from outside its folder but packages", async () => {
  const folder = new URL("../../local/http_server/", import.meta.url);
  const files = (await Array.fromAsync(Deno.readDir(folder)))
    .map(({ name }) => Deno.readTextFile(new URL(name, folder)));
  const sources = (await Promise.all(files)).join("\n");
  const imported = [...sources.matchAll(/ from "([^"]+)"/g)]
    .map(([, specifier]) => specifier);

  assert(imported.length > 10);
  const allowed = /^(\.\/\w+\.ts|hono|zod|node:timers\/promises)$/;
  assertEquals(imported.filter((name) => !allowed.test(name)), []);
});

// ----------------------------------------------------------------- helpers

/** An emulator with the faults that it has by default. */
async function withServer<T>(
  options: HttpServerOptions,
  test: (server: HttpServer) => Promise<T>,
): Promise<T> {
  const server = startHttpServer(options);
  try {
    return await test(server);
  } finally {
    await server.shutdown();
  }
}

/** An emulator with no faults but those that the options name. */
function withCalmServer<T>(
  options: HttpServerOptions,
  test: (server: HttpServer) => Promise<T>,
): Promise<T> {
  const faults = { ...NO_FAULTS, ...options.faults };
  return withServer({ ...options, faults }, test);
}

async function viewOf(url: string, init?: RequestInit): Promise<number> {
  const response = await fetch(url, init);
  await response.body?.cancel();
  return response.status;
}

async function statusesOf(url: string, count: number): Promise<number[]> {
  const statuses: number[] = [];
  for (let nth = 0; nth < count; nth++) {
    statuses.push(await viewOf(`${url}/metadata/a`));
  }
  return statuses;
}

/** Asks until the answer has this status. */
async function firstAnswer(
  url: string,
  status: number,
  init?: RequestInit,
): Promise<Response> {
  for (let nth = 0; nth < 1000; nth++) {
    const response = await fetch(url, init);
    if (response.status === status) return response;
    await response.body?.cancel();
  }
  throw new Error(`no answer of ${status}`);
}

async function faultsOf(url: string): Promise<Faults> {
  return (await fetch(`${url}/faults`)).json();
}

/** Sends bytes, which have no content type. */
function putFaults(url: string, body: string): Promise<Response> {
  const bytes = new TextEncoder().encode(body);
  return fetch(`${url}/faults`, { method: "PUT", body: bytes });
}

function requestToken(
  url: string,
  fields: Record<string, string>,
  headers: Record<string, string> = {},
): Promise<Response> {
  const body = new URLSearchParams({
    grant_type: "client_credentials",
    client_id: "local-client",
    client_secret: "local-secret",
    ...fields,
  });
  return fetch(url + TOKEN_PATH, { method: "POST", body, headers });
}

async function tokenOf(url: string): Promise<string> {
  return (await (await requestToken(url, {})).json()).access_token;
}

function countsOf(counts: Partial<Counts>): Counts {
  return {
    requests: 0,
    by_status: {},
    aborted: 0,
    token_requests: 0,
    ...counts,
  };
}

/** Polls, since nothing tells a client when its leaving was noticed. */
async function until(condition: () => boolean | Promise<boolean>) {
  const deadlineMs = performance.now() + 10_000;
  while (!await condition()) {
    assert(performance.now() < deadlineMs, "it never came true");
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

function untilRequests(url: string, count: number): Promise<void> {
  return until(async () => {
    const { requests } = await (await fetch(`${url}/counts`)).json();
    return requests === count;
  });
}

async function durationMs(work: () => Promise<unknown>): Promise<number> {
  const startMs = performance.now();
  await work();
  return performance.now() - startMs;
}

function mean(values: number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function assertBetween(value: number, low: number, high: number): void {
  assert(value >= low && value <= high, `${value}, not ${low} to ${high}`);
}

function sortedByField(errors: { field: string }[]): { field: string }[] {
  return errors.toSorted((a, b) => a.field < b.field ? -1 : 1);
}

function programCommand(environment: Record<string, string>): Deno.Command {
  const path = new URL(
    "../../local/http_server/http_server.ts",
    import.meta.url,
  );
  const permissions = ["--no-prompt", "--allow-net", "--allow-env"];
  return new Deno.Command(Deno.execPath(), {
    args: ["run", ...permissions, path.href],
    env: { HTTP_SERVER_PORT: "0", NO_COLOR: "1", ...environment },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  });
}

async function runProgram(environment: Record<string, string>) {
  const { code, ...output } = await programCommand(environment).output();
  const decoder = new TextDecoder();
  const stdout = decoder.decode(output.stdout);
  return { code, stdout, stderr: decoder.decode(output.stderr) };
}

/** Starts the program on a free port, and kills it when the test is over. */
async function startProgram(environment: Record<string, string>) {
  const process = programCommand(environment).spawn();
  const reader = process.stderr.pipeThrough(new TextDecoderStream())
    .getReader();
  let text = "";
  while (!text.includes("\n")) {
    const { value, done } = await reader.read();
    if (done) throw new Error(`it ended before it listened: ${text}`);
    text += value;
  }
  const [startLine, rest] = text.split(/\n(.*)/s);
  return {
    process,
    startLine,
    url: startLine.match(/http:\/\/[^,]+/)?.[0] ?? "",
    /** What it writes until it ends. */
    async remainingLines(): Promise<string[]> {
      let remaining = rest;
      for (;;) {
        const { value, done } = await reader.read();
        if (done) return remaining.split("\n").filter(Boolean);
        remaining += value;
      }
    },
    async [Symbol.asyncDispose]() {
      try {
        process.kill("SIGKILL");
      } catch {
        // It has ended already.
      }
      await process.status;
      await process.stdout.cancel();
      await reader.cancel();
    },
  };
}
