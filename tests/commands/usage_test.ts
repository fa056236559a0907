import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { COMMANDS, SWITCHES, VALUES } from "../../src/commands/command_line.ts";
import { usage } from "../../src/commands/usage.ts";
import type { Setting } from "../../src/config/setting.ts";
import { SETTINGS } from "../../src/config/settings.ts";
import { describeExitCodes } from "../../src/core/reasons.ts";

const LINES = usage().split("\n");

Deno.test("the usage is at most 80 columns wide, in ASCII, without blanks at the ends", () => {
  for (const line of LINES) assert(/^[\x20-\x7e]{0,80}$/.test(line) && !/ $/.test(line), line);
});

Deno.test("the usage has every command, switch and flag with its help", () => {
  const rows: [left: string, help: string][] = [
    ...Object.entries(COMMANDS),
    ...Object.entries(SWITCHES).map(([name, help]): [string, string] => [`--${name}`, help]),
    ...Object.entries(VALUES)
      .map(([name, { value, help }]): [string, string] => [`--${name} ${value}`, help]),
    ...Object.values(SETTINGS)
      .map(({ env, flag, placeholder, help }: Setting): [string, string] => {
        return [flag ? `--${flag}${placeholder ? ` ${placeholder}` : ""}` : env, help];
      }),
  ];
  for (const [left, help] of rows) {
    // What is too long for its column has its help under it.
    const line = left.length > 26 ? `  ${left}\n  ${" ".repeat(27)}${help}` : null;
    const expected = line ?? `  ${left.padEnd(26)} ${help}`;
    assertEquals(usage().split(`\n${expected}\n`).length, 2, expected);
  }
});

Deno.test("a flag names its value in the usage, unless it needs none", () => {
  const without = Object.values(SETTINGS)
    .filter(({ flag, placeholder }: Setting) => flag && !placeholder);
  assertEquals(without.map(({ env }) => env), ["LOCAL_SERVICES_ONLY", "LOCAL_RUN"]);
});

Deno.test("the usage has every exit code with its reasons, and names the documentation", () => {
  const text = LINES.slice(LINES.indexOf("Exit codes:")).join(" ").replaceAll(/ +/g, " ");
  for (const { code, reasons, meaning } of describeExitCodes()) {
    assertStringIncludes(text, ` ${code} ${reasons.join(", ")}`.trimEnd());
    assertStringIncludes(text, meaning.replaceAll("`", ""));
  }
  assertMatch(text, / 1 .* standard output cannot be written 2 /);
  assertMatch(text, / 143 .* by SIGHUP at a terminal/);
  assertMatch(usage(), /\nDocumentation: https:\/\/\S+\n$/);
});

Deno.test("the usage has every variable with its default, under its group", () => {
  const settings: Setting[] = Object.values(SETTINGS);
  for (const { env, flag, default: value, defaultNote, group } of settings) {
    const fallback = value ?? defaultNote;
    const index = LINES.findIndex((line) => new RegExp(`^ +${env}(,|$| )`).test(line));
    assert(index > 0, env);
    // The variable stands under its flag with the default behind it, or in place of a flag over it.
    if (fallback && flag) assertEquals(LINES[index]?.trim(), `${env}, default ${fallback}`);
    if (fallback && !flag) assertEquals(LINES[index + 1]?.trim(), `default ${fallback}`);
    const heading = LINES.slice(0, index).findLast((line) => /^\S.*:$/.test(line));
    assertEquals(heading, `${group}:`, env);
  }
});

Deno.test("the usage has each heading once and ends with a line end", () => {
  const headings = LINES.filter((line) => /^\S.*:$/.test(line));
  assertEquals(new Set(headings).size, headings.length);
  assert(/[^\n]\n$/.test(usage()));
});
