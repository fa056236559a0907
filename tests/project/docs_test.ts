import { assert, assertEquals } from "@std/assert";
import config from "../../deno.json" with { type: "json" };
import { stale } from "../../local/tools/generate.ts";
import { OBJECTIVES } from "../../local/tools/docs_tables.ts";
import { REASONS } from "../../src/core/reasons.ts";
import { rules } from "../../src/prometheus/rules/rules.ts";
import { check } from "../support/promql.ts";
import { filesBelow, read } from "./source_files.ts";

const ROOT = new URL("../..", import.meta.url);

const REPOSITORY = "https://github.com/oslokommune/dataplatform-probe";

/** A README that is read in one sitting; the rest is in `docs/`. */
const MAX_README_LINES = 250;

const DOCUMENTS = [
  "README.md",
  "CONTRIBUTING.md",
  "SECURITY.md",
  ...filesBelow("docs").filter((path) => path.endsWith(".md")),
];

/** A document without its code blocks, whose text is not Markdown. */
function prose(path: string): string {
  return read(path).replaceAll(/^```[^]*?^```$/gm, "");
}

/** The anchors that GitHub gives to a document's headings. */
function anchorsOf(path: string): string[] {
  const counts = new Map<string, number>();
  return [...prose(path).matchAll(/(?<=^#{1,6} ).+$/gm)].map(([heading]) => {
    const anchor = heading.toLowerCase().replaceAll(/[^\p{L}\p{N}\p{M}_ -]/gu, "")
      .replaceAll(" ", "-");
    const count = counts.get(anchor) ?? 0;
    counts.set(anchor, count + 1);
    return count === 0 ? anchor : `${anchor}-${count}`;
  });
}

function exists(url: URL): boolean {
  try {
    return Deno.statSync(url).isFile || Deno.statSync(url).isDirectory;
  } catch {
    return false;
  }
}

Deno.test("what follows from the code is what the code says", async () => {
  assertEquals([...(await stale()).keys()], [], "run `deno task generate`");
});

Deno.test("every link of a document leads to a file that exists, and to a heading of it", () => {
  let links = 0;
  const broken = DOCUMENTS.flatMap((path) =>
    [...prose(path).matchAll(/(?<=\]\()[^)\s]+(?=\))/g)].filter(([link]) => {
      if (/^(https?|mailto):/.test(link)) return false;
      links++;
      const url = new URL(link, new URL(path, ROOT));
      const target = decodeURIComponent(url.pathname.slice(ROOT.pathname.length));
      const anchor = decodeURIComponent(url.hash.slice(1));
      return !exists(new URL(target, ROOT)) || anchor !== "" && !anchorsOf(target).includes(anchor);
    }).map(([link]) => `${path}: ${link}`)
  );
  assertEquals(broken, []);
  assert(links > 50, `${links} links were seen`);
});

Deno.test("every document is reached from the README", () => {
  const linked = [...prose("README.md").matchAll(/(?<=\]\()[^)#\s]+/g)].map(([path]) => path);
  assertEquals(DOCUMENTS.slice(1).filter((path) => !linked.includes(path)), []);
});

Deno.test(`the README has at most ${MAX_README_LINES} lines`, () => {
  const lines = read("README.md").split("\n").length - 1;
  assert(lines <= MAX_README_LINES, `${lines} lines`);
});

Deno.test("the README explains every reason, and no other", () => {
  const table = read("README.md").split("| Reason | Means |")[1]?.split("\n\n")[0] ?? "";
  const named = [...table.matchAll(/(?<=^\| `)\w+(?=` \|)/gm)].map(([reason]) => reason);
  assertEquals(named, [...REASONS]);
});

Deno.test("every task that a document names exists, and every task is named", () => {
  const named = DOCUMENTS.flatMap((path) =>
    [...read(path).matchAll(/(?<=deno(?:@[\d.]+)? task )[a-z][a-z:-]*/g)].map(([name]) => name)
  );
  assertEquals([...new Set(named)].sort(), Object.keys(config.tasks).sort());
});

Deno.test("every folder of tests that a document or a task names exists", () => {
  const commands = JSON.stringify(config.tasks);
  const named = [...DOCUMENTS.map(read), commands].flatMap((text) =>
    [...text.matchAll(/\btests\/[\w/]*(?:\.ts)?/g)].map(([path]) => path)
  );
  assertEquals(named.filter((path) => !exists(new URL(path, ROOT))), []);
});

/** The alerts of the default settings. */
const alerts = rules(OBJECTIVES).groups.flatMap((group) => group.rules)
  .flatMap((rule) => "alert" in rule ? [rule] : []);

/** What stands under each heading of the third level in a part of a document. */
function sectionsOf(path: string, heading: string): [name: string, text: string][] {
  const [, part = ""] = read(path).split(`\n## ${heading}\n`);
  const [own = ""] = part.split("\n## ");
  return own.split("\n### ").slice(1).map((section) => {
    const [name = "", ...lines] = section.split("\n");
    return [name, lines.join("\n")];
  });
}

Deno.test("runbook_url of every alert leads to its section in docs/alerts.md, in the same order", () => {
  const sections = sectionsOf("docs/alerts.md", "What to do").map(([name]) => name);
  assertEquals(sections, alerts.map(({ alert }) => alert));
  const anchors = anchorsOf("docs/alerts.md");
  for (const { alert, annotations } of alerts) {
    const { origin, pathname, hash } = new URL(annotations.runbook_url ?? "");
    assertEquals(`${origin}${pathname}`, `${REPOSITORY}/blob/main/docs/alerts.md`);
    assertEquals(hash, `#${anchors.find((anchor) => anchor === alert.toLowerCase())}`);
  }
});

for (const [alert, text] of sectionsOf("docs/alerts.md", "What to do")) {
  Deno.test(`the section of ${alert} has its four parts, and a query of series that exist`, () => {
    const parts = [...text.matchAll(/^\*\*(.+?)\.\*\*/gm)].map(([, part]) => part);
    assertEquals(parts, ["Means", "Likely causes", "First"]);
    const queries = [...text.matchAll(/^```promql\n([^]+?)\n```$/gm)].map(([, query]) =>
      query ?? ""
    );
    assertEquals(queries.length, 1);
    assertEquals(queries.flatMap((query) => check(query)), []);
  });
}
