import { assert, assertEquals } from "@std/assert";
import { EXCEPTIONS } from "../support/exceptions.ts";

Deno.test("every exception names one test, which is there, and gives a reason", async () => {
  const sources = await Promise.all(
    [
      "../e2e/",
      "../e2e/extended/",
      "../e2e/from_source/",
      "../attack/",
      "../faults/",
      "../faults/kinds/",
    ].map(sourcesIn),
  );
  const tests = sources.flat().join("\n");

  for (const { name, reason } of EXCEPTIONS) {
    assertEquals(tests.split(JSON.stringify(name)).length - 1, 1, name);
    assert(reason, name);
  }
  assertEquals(new Set(EXCEPTIONS.map(({ name }) => name)).size, EXCEPTIONS.length);
});

/** The files with tests in a folder, but for the list itself. */
async function sourcesIn(path: string): Promise<string[]> {
  const folder = new URL(path, import.meta.url);
  const files = (await Array.fromAsync(Deno.readDir(folder)))
    .filter(({ name, isFile }) => isFile && name !== "exceptions.ts")
    .map(({ name }) => name);
  return await Promise.all(files.map((name) => Deno.readTextFile(new URL(name, folder))));
}
