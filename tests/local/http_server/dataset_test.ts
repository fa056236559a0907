import { assertEquals, assertObjectMatch } from "@std/assert";
import { startEmulator } from "../../support/targets.ts";
import { statusOf } from "./requests.ts";

for (const path of ["/metadata/my-data", "/metadata/datasets/my-data"]) {
  Deno.test(`GET ${path} returns the dataset`, async () => {
    await using emulator = startEmulator();
    const response = await fetch(emulator.url + path);

    assertEquals(response.status, 200);
    assertEquals(response.headers.get("content-type"), "application/json");
    const dataset = await response.json();
    assertObjectMatch(dataset, {
      Type: "Dataset",
      Id: "my-data",
      title: "Testdata my-data",
      source: { type: "file" },
      _links: { self: { href: "/datasets/my-data" } },
    });
    assertEquals(Object.keys(dataset.contactPoint), ["name", "email", "phone"]);
  });
}

Deno.test("an escaped dataset ID is decoded", async () => {
  await using emulator = startEmulator();
  const dataset = await (await fetch(`${emulator.url}/metadata/a%20b%2Fc`)).json();

  assertEquals(dataset.Id, "a b/c");
  assertEquals(dataset._links.self.href, "/datasets/a%20b%2Fc");
});

Deno.test("HEAD gets the status and headers of GET without a body", async () => {
  await using emulator = startEmulator({ missingDatasets: ["gone"] });
  const found = await fetch(`${emulator.url}/metadata/a`, { method: "HEAD" });
  const missing = await fetch(`${emulator.url}/metadata/gone`, { method: "HEAD" });

  assertEquals([found.status, missing.status], [200, 404]);
  assertEquals(found.headers.get("content-type"), "application/json");
  assertEquals(await found.text(), "");
});

Deno.test("only missing datasets get 404", async () => {
  await using emulator = startEmulator({ missingDatasets: ["one", "two"] });
  for (const path of ["/metadata/two", "/metadata/datasets/two"]) {
    const response = await fetch(emulator.url + path);
    assertEquals(response.status, 404);
    assertEquals(await response.json(), { message: "Dataset two does not exist" });
  }
  assertEquals(await statusOf(`${emulator.url}/metadata/three`), 200);
});

Deno.test("an unknown path gets 404 in JSON and is not counted", async () => {
  await using emulator = startEmulator();
  const response = await fetch(`${emulator.url}/faults`, { method: "POST" });

  assertEquals(response.status, 404);
  assertEquals(await response.json(), { message: "There is no POST /faults here" });
  assertEquals(emulator.counts().requests, 0);
});

Deno.test("/heartbeat is not affected by faults", async () => {
  await using emulator = startEmulator({ requireToken: true });
  emulator.setFaults({ status: 500, hang_percent: 100, reset_percent: 100 });

  const response = await fetch(`${emulator.url}/heartbeat`);
  assertEquals(response.status, 200);
  assertEquals(await response.json(), { status: "ok" });
  assertEquals(await statusOf(`${emulator.url}/heartbeat`, { method: "HEAD" }), 200);
});
