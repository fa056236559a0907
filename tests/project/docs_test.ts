import { assert, assertEquals } from "@std/assert";
import { stale } from "../../local/tools/generate.ts";
import { REASONS } from "../../src/core/reasons.ts";

const root = new URL("../..", import.meta.url);
const readme = await Deno.readTextFile(new URL("README.md", root));

Deno.test("what follows from the code is what the code says", async () => {
  assertEquals([...(await stale()).keys()], [], "run `deno task generate`");
});

Deno.test("the README explains every reason, and no other", () => {
  const [table] = readme.split("| Reason | Means |")[1].split("\n\n");
  const named = [...table.matchAll(/^\| `(\w+)` \|/gm)].map(([, reason]) => reason);
  assertEquals(named, [...REASONS]);
});

Deno.test("every task that the README names exists, and every one that exists is named", async () => {
  const { tasks } = JSON.parse(await Deno.readTextFile(new URL("deno.json", root)));
  const named = new Set(
    [...readme.matchAll(/(?:deno|deno@[\d.]+) task ([a-z-]+)/g)].map((m) => m[1]),
  );
  for (const name of named) assert(name in tasks, `deno task ${name} does not exist`);
  for (const name of Object.keys(tasks)) assert(named.has(name), `deno task ${name} is not named`);
});
