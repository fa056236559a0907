/** The layers of `src/`: which folder may import from which, and who may use what of Deno. */
import { assert, assertEquals } from "@std/assert";
import { filesBelow, importsOf, PROGRAM, read } from "./source_files.ts";

/**
 * The rows of the layout in docs/development.md, and `main.ts` under them. A file imports from its
 * own folder and from rows above its own; folders of a row do not import each other.
 */
const ROWS = [
  ["core", "std"],
  ["text"],
  ["http_client"],
  ["runtime", "okdata", "history"],
  ["config", "probing", "prometheus"],
  ["probe_client", "status_page"],
  ["terminal", "server"],
  ["commands"],
  ["main.ts"],
];

/** The row and folder of a file; the row of what does not belong to `src/` is -1. */
function layerOf(path: string): { folder: string; row: number } {
  const folder = path === "main.ts" ? path : path.match(/^src\/([^/]+)\//)?.[1] ?? path;
  return { folder, row: ROWS.findIndex((folders) => folders.includes(folder)) };
}

Deno.test("every folder of src/ has its row, and every row its folder", () => {
  const folders = new Set(PROGRAM.map((path) => layerOf(path).folder));
  assertEquals([...folders].sort(), ROWS.flat().sort());
});

Deno.test("the layout in the documentation has the same rows", () => {
  const documented = read("docs/development.md")
    .matchAll(/^\| (\d+|–) +\| `src\/(\w+)\/`/gm);
  // `std` has no number: every folder may import it.
  const rows = [...documented].map(([, row, folder]) => `${row === "–" ? 1 : row} ${folder}`);
  const checked = ROWS.slice(0, -1)
    .flatMap((folders, i) => folders.map((folder) => `${i + 1} ${folder}`));
  assertEquals(rows.sort(), checked.sort());
});

Deno.test("imports point to rows above", () => {
  const wrong = PROGRAM.flatMap((path) => {
    const { folder, row } = layerOf(path);
    return importsOf(path).filter((imported) => {
      // The version and the name of the program are there.
      if (imported === "deno.json") return folder !== "core";
      const target = layerOf(imported);
      return target.row < 0 || target.folder !== folder && target.row >= row;
    }).map((imported) => `${path} imports ${imported}`);
  });
  assertEquals(wrong, []);
});

/** The first circle of imports that is found from these files on, each file once. */
function circleAmong(files: readonly string[], imports: (path: string) => string[]): string[] {
  const done = new Set<string>();
  const search = (path: string, way: string[]): string[] => {
    if (way.includes(path)) return [...way.slice(way.indexOf(path)), path];
    if (done.has(path)) return [];
    for (const next of imports(path)) {
      const found = search(next, [...way, path]);
      if (found.length > 0) return found;
    }
    done.add(path);
    return [];
  };
  for (const path of files) {
    const found = search(path, []);
    if (found.length > 0) return found;
  }
  return [];
}

Deno.test("no file imports itself by way of others", () => {
  const inSource = (path: string) => importsOf(path).filter((other) => PROGRAM.includes(other));
  assertEquals(circleAmong(PROGRAM, inSource), []);

  const circular: Record<string, string[]> = { a: ["b", "c"], b: ["c"], c: ["d"], d: ["b"] };
  assertEquals(circleAmong(["a"], (path) => circular[path] ?? []), ["b", "c", "d", "b"]);
});

/**
 * What only these files may use; everything else gets it as an argument. Nothing uses
 * `AbortSignal.any`: Deno 2.6 collects its signals as garbage, and what waits for one waits for ever.
 */
const RESERVED: readonly { use: RegExp; by: readonly string[] }[] = [
  { use: /\bDeno\.args\b/, by: ["main.ts"] },
  { use: /\bDeno\.exit\b/, by: ["main.ts", "src/runtime/deno_runtime.ts"] },
  {
    use: /\bDeno\.(env|addSignalListener|stdout|stderr|consoleSize|memoryUsage|readTextFile)\b/,
    by: ["src/runtime/deno_runtime.ts"],
  },
  { use: /"node:(https?|net|tls)"|(?<![.\w])fetch\(|\bDeno\.connect/, by: ["src/http_client/"] },
  { use: /\bDeno\.(serve|listen)/, by: ["src/server/listen.ts", "src/http_client/tls/bridge.ts"] },
  {
    use: /\bset(Timeout|Interval)\(|\bDate\.now\(|\bperformance\.now\(/,
    by: ["src/core/clock.ts", "src/runtime/output.ts"],
  },
  { use: /\bAbortSignal\.any\b/, by: [] },
  { use: /\bMath\.random\(|\bcrypto\.(getRandom|randomUUID)/, by: ["src/core/random.ts"] },
];

Deno.test("the process, sockets, time and chance are used in one place each", () => {
  // The page's script lives in a browser, which has none of the program's own.
  const files = PROGRAM.filter((path) => !/^src\/status_page\/(browser|generated)\//.test(path));
  const wrong: string[] = [];
  for (const { use, by } of RESERVED) {
    const users = files.filter((path) => use.test(withoutComments(read(path))));
    wrong.push(...users.filter((path) => !by.some((place) => path.startsWith(place))));
    for (const place of by) {
      assert(users.some((path) => path.startsWith(place)), `${place} has no use of ${use}`);
    }
  }
  assertEquals(wrong, []);
});

function withoutComments(source: string): string {
  return source.replaceAll(/^\s*(\/\/|\/?\*).*$/gm, "");
}

Deno.test("the emulator imports nothing of the program", () => {
  const imported = filesBelow("local/http_server").flatMap(importsOf);
  assertEquals(imported.filter((path) => path.startsWith("src/")), []);
});
