import { assert, assertEquals } from "@std/assert";
import { COMMANDS, SWITCHES, VALUES } from "../../src/commands/command_line.ts";
import { usage } from "../../src/commands/usage.ts";
import type { Setting } from "../../src/config/setting.ts";
import { SETTINGS } from "../../src/config/settings.ts";

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
      .map(({ flag, help }: Setting): [string, string] => [flag ? `--${flag}` : "", help]),
  ];
  for (const [left, help] of rows) {
    const line = `  ${left.padEnd(26)} ${help}`;
    assertEquals(LINES.filter((each) => each === line).length, 1, line);
  }
});

Deno.test("the usage has every variable with its default, under its group", () => {
  const settings: Setting[] = Object.values(SETTINGS);
  for (const { env, default: value, defaultNote, group } of settings) {
    const fallback = value ?? defaultNote;
    const index = LINES.findIndex((line) =>
      line.trim() === (fallback ? `${env}, default ${fallback}` : env)
    );
    assert(index > 0, env);
    const heading = LINES.slice(0, index).findLast((line) => /^\S.*:$/.test(line));
    assertEquals(heading, `${group}:`, env);
  }
});

Deno.test("the usage has each heading once and ends with a line end", () => {
  const headings = LINES.filter((line) => /^\S.*:$/.test(line));
  assertEquals(new Set(headings).size, headings.length);
  assert(usage().endsWith(".\n"));
});
