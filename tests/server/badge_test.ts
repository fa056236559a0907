import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { NO_CREDENTIALS } from "../../src/config/credentials.ts";
import { DATASET_STATES } from "../../src/core/verdict/states.ts";
import { badgeOf } from "../../src/server/badge.ts";
import { statusDocument } from "../../src/server/status_document.ts";
import { assertHasSecurityHeaders, serverWith } from "../support/server.ts";
import { playHealth, SCENES } from "../support/status.ts";

/** The endpoints of a probe that has seen this scene. */
function serverOf(scene: keyof typeof SCENES, credentials = NO_CREDENTIALS) {
  const { health, history } = playHealth(SCENES[scene]);
  const sources = {
    appId: "0a1b2c3d",
    environment: null,
    health,
    history,
    isDraining: () => false,
    stalledLoops: () => [],
  };
  return serverWith({ credentials, readStatus: (datasetId) => statusDocument(sources, datasetId) });
}

Deno.test("a badge has the ID and the word of the state, each state with a title", () => {
  for (const state of DATASET_STATES) {
    const badge = badgeOf("abc123", state);
    assertStringIncludes(badge, `<title>abc123: ${state.replace("_", " ")}</title>`);
    assertStringIncludes(badge, ">abc123</text>");
  }
  assert(badgeOf("abc123", "failing") !== badgeOf("abc123", "working"));
});

Deno.test("a badge is small and whole, whatever the ID", () => {
  const badge = badgeOf('<&">'.repeat(32), "working");
  assert(badge.length < 2_000, `${badge.length}`);
  assertEquals(badge.replaceAll(/<\/?(svg|title|rect|g|text)\b[^<>]*>/g, "").match(/[<>"]/), null);
  const width = Number(badge.match(/^<svg [^>]*width="(\d+)"/)?.[1]);
  assert(width > 0 && width < 500, `${width}`);
});

Deno.test("GET /badge/ID.svg sends the badge of the dataset, which any page may show", async () => {
  const server = serverOf("mixed");
  const response = await server.request("/badge/trafikk-102.svg");
  assertEquals([response.status, response.headers.get("content-type")], [200, "image/svg+xml"]);
  assertEquals(response.headers.get("cross-origin-resource-policy"), "cross-origin");
  assertEquals(response.headers.get("cache-control"), "no-store, no-transform");
  assertMatch(response.headers.get("content-security-policy") ?? "", /^default-src 'none'/);
  assertEquals(await response.text(), badgeOf("trafikk-102", "failing"));
});

Deno.test("GET /badge of anything else is 404 in JSON, and another method 405", async () => {
  const server = serverOf("mixed");
  const refused = await server.request("/badge/trafikk-102.svg", { method: "PUT" });
  assertEquals(refused.status, 405);
  for (const file of ["nosuch.svg", "trafikk-102", "trafikk-102.png", ".svg"]) {
    const response = await server.request(`/badge/${file}`);
    assertEquals(response.status, 404, file);
    assertHasSecurityHeaders(response, file);
    assertMatch((await response.json()).error, /^no badge /);
  }
});

Deno.test("GET /badge decodes the name, and HEAD sends the headers alone", async () => {
  const server = serverOf("mixed");
  const encoded = await server.request("/badge/%74rafikk-102%2Esvg");
  assertEquals([encoded.status, await encoded.text()], [200, badgeOf("trafikk-102", "failing")]);
  for (
    const name of ["%zz.svg", "%2e%2e%2fstatus.svg", "trafikk-102.svg%00", "a/trafikk-102.svg"]
  ) {
    assertEquals((await server.request(`/badge/${name}`)).status, 404, name);
  }
  const head = await server.request("/badge/trafikk-102.svg", { method: "HEAD" });
  assertEquals([head.status, head.headers.get("content-type"), await head.text()], [
    200,
    "image/svg+xml",
    "",
  ]);
});

Deno.test("a badge is behind the credentials of the endpoints, and then tells nothing", async () => {
  const server = serverOf("mixed", { bearer: "s3cret", basic: null });
  for (const name of ["trafikk-102", "nosuch"]) {
    const response = await server.request(`/badge/${name}.svg`);
    assertEquals([response.status, await response.json()], [401, {
      error: "expected credentials",
    }]);
  }
  const headers = { authorization: "Bearer s3cret" };
  assertEquals((await server.request("/badge/trafikk-102.svg", { headers })).status, 200);
});
