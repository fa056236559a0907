/** What keeps `src/` a house that a stranger finds his way in. */
import { assert, assertEquals } from "@std/assert";
import { filesBelow, read } from "./source_files.ts";

const MAX_LINES = 400;
const MAX_MAIN_LINES = 30;
const MAX_FILES_IN_FOLDER = 12;

/** What has types and no logic of its own. */
const WITHOUT_UNIT_TESTS = ["std"];

const sources = filesBelow("src");
const handwritten = sources.filter((path) => !path.includes("/generated/"));

function folderOf(path: string): string {
  return path.slice(0, path.lastIndexOf("/"));
}

Deno.test("no file of src/ is longer than 400 lines, and main.ts is short", () => {
  const lengths = [...handwritten, "main.ts"].map((path) =>
    [path, read(path).split("\n").length - 1] as const
  );
  const tooLong = lengths.filter(([path, lines]) =>
    lines > (path === "main.ts" ? MAX_MAIN_LINES : MAX_LINES)
  );
  assertEquals(tooLong, []);
});

Deno.test("no folder of src/ holds more than a dozen files", () => {
  const folders = Object.groupBy(sources, folderOf);
  const counts = Object.entries(folders).map(([folder, files = []]) =>
    [folder, files.length] as const
  );
  assertEquals(counts.filter(([, count]) => count > MAX_FILES_IN_FOLDER), []);
});

Deno.test("tests mirror src/: each folder of src/ has a folder with tests", () => {
  const folders = new Set(
    sources.flatMap((path) => path.match(/(?<=^src\/)[^/]+(?=\/)/)?.[0] ?? []),
  );
  for (const folder of folders) {
    if (WITHOUT_UNIT_TESTS.includes(folder)) continue;
    const tests = filesBelow(`tests/${folder}`).filter((path) => path.endsWith("_test.ts"));
    assert(tests.length > 0, `tests/${folder}/ has no test`);
  }
});
