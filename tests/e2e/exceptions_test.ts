import { assert, assertEquals } from "@std/assert";
import { EXCEPTIONS } from "./exceptions.ts";

Deno.test("every exception names one test, which is there, and gives a reason", async () => {
  const folder = new URL(".", import.meta.url);
  const files = (await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => name)
    .filter((name) => name.endsWith("_test.ts"));
  const sources = await Promise.all(files.map((name) => Deno.readTextFile(new URL(name, folder))));
  const tests = sources.join("\n");

  for (const { name, reason } of EXCEPTIONS) {
    assertEquals(tests.split(JSON.stringify(name)).length - 1, 1, name);
    assert(reason, name);
  }
  assertEquals(new Set(EXCEPTIONS.map(({ name }) => name)).size, EXCEPTIONS.length);
});
