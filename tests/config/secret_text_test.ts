import { assert, assertEquals } from "@std/assert";
import { secretProblem, withoutLineEnd } from "../../src/config/secret_text.ts";

Deno.test("withoutLineEnd drops one line end of any system, and nothing else", () => {
  const texts = ["a", "a\n", "a\r\n", "a\r", "a\n\n", " a ", "\na"];
  assertEquals(texts.map(withoutLineEnd), ["a", "a", "a", "a", "a\n", " a ", "\na"]);
});

for (
  const [what, secrets, words] of [
    ["control characters", ["a\tb", "a\0", "\u0085a", "a\x7f", "a\rb"], "control characters"],
    ["a byte order mark", ["\ufeffabc", "abc\ufeff"], "a byte order mark"],
    [
      "invisible characters",
      ["a\u200bb", "a\u2028", "\u202ea", "a\u00ad"],
      "of visible characters",
    ],
    ["quotes", ['"abc"', "'abc'", "`abc`", "\u201cabc\u201d", '""'], "quotes around it"],
    ["blanks", [" abc", "abc ", " abc ", "\u00a0abc"], "blanks around it"],
  ] as const
) {
  Deno.test(`secretProblem finds ${what}`, () => {
    for (const secret of secrets) {
      const problem = secretProblem(secret) ?? "no problem";
      assert(problem.includes(words), `${JSON.stringify(secret)}: ${problem}`);
      assert(!problem.includes("abc"), problem);
    }
  });
}

Deno.test("secretProblem accepts secrets as providers make them, and as people do", () => {
  const secrets = [
    "a",
    '"',
    "'",
    `"a'`,
    "a b",
    'a"b"',
    '"a" or "b',
    "b\u00e5\u{1f600}",
    "+/%&=#-._~",
  ];
  assertEquals(secrets.map((secret) => secretProblem(secret)), secrets.map(() => null));
});

Deno.test("secretProblem lets one blank end a password, but not one at both ends of the pair", () => {
  assertEquals(secretProblem("user:word ", "pair"), null);
  assert(secretProblem(" user:word ", "pair")?.includes("blanks"));
});
