import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { COMMANDS } from "../../src/commands/command_line.ts";
import { SETTINGS } from "../../src/config/settings.ts";
import { linesOf, run, test } from "../support/program.ts";

const SWITCHES = [
  ...["--table", "--once", "--count", "--json", "--rows", "--utc"],
  ...["--junit", "--github", "--wait", "--max-duration"],
  ...["--watch", "--url", "--state", "--check", "--healthcheck"],
  ...["--print-config", "--help", "--version"],
];

async function printed(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await run({ args });
  assertEquals({ code, stderr }, { code: 0, stderr: "" });
  return stdout;
}

test("--help fits 80 columns, in plain text", async () => {
  const help = await printed("--help");

  for (const line of help.split("\n")) assert(line.length <= 80, line);
  assertMatch(help, /^[\n\x20-\x7e]+\n$/);
  assertEquals(linesOf(help).filter((line) => line.endsWith(" ")), []);
});

test("--help names every flag, every variable and every default", async () => {
  const lines = linesOf(await printed("--help"));

  for (const setting of Object.values(SETTINGS)) {
    const { env, help, flag, default: fallback, defaultNote }: {
      env: string;
      help: string;
      flag?: string;
      default?: string;
      defaultNote?: string;
    } = setting;
    const found = lines.findIndex((line) => new RegExp(`^\\s+${env}(,|\\s|$)`).test(line));
    assert(found > 0, env);
    // A variable stands under its flag, and in the place of one where there is none.
    const block = lines.slice(flag ? found - 1 : found, found + 2).join("\n");
    const expected = fallback ?? defaultNote;
    if (expected) assertStringIncludes(block, `default ${expected}`);
    assertStringIncludes(block, help);
    if (flag) assertMatch(block, new RegExp(`^\\s+--${flag}\\s`));
  }
  for (const name of SWITCHES) {
    assertEquals(
      lines.filter((line) => new RegExp(`^\\s+${name}\\b(?!-)`).test(line)).length,
      1,
      name,
    );
  }
});

test("--help names every command", async () => {
  const lines = linesOf(await printed("--help"));
  for (const [name, help] of Object.entries(COMMANDS)) {
    assertEquals(lines.filter((line) => line.trim() === `${name.padEnd(26)} ${help}`).length, 1);
  }
});
