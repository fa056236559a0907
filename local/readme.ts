/**
 * Writes the README's tables from the code, between their markers. With `--check` it writes nothing
 * and fails when they differ.
 */
import { SWITCHES, VALUES } from "../src/cli.ts";
import { SETTINGS } from "../src/config.ts";
import { EXIT_CODES } from "../src/exit_code.ts";
import { CATALOGUE } from "../src/metrics.ts";

const path = new URL("../README.md", import.meta.url);

const TABLES: Record<string, () => string> = { settings, commands, metrics, exitCodes };

function settings(): string {
  const rows = Object.values(SETTINGS).map((setting) => {
    const fallback = "default" in setting
      ? code(setting.default)
      : "defaultNote" in setting
      ? setting.defaultNote
      : "";
    const flag = "flag" in setting ? code(`--${setting.flag}`) : "";
    return [code(setting.env), flag, fallback, setting.help];
  });
  return table(["Variable", "Flag", "Default", "Meaning"], rows);
}

function commands(): string {
  return table(["Flag", "Does"], [
    ...Object.entries(SWITCHES).map(([name, help]) => [code(`--${name}`), help]),
    ...Object.entries(VALUES).map(([name, { value, help }]) => [code(`--${name} ${value}`), help]),
  ]);
}

function metrics(): string {
  const rows = Object.values(CATALOGUE).map(({ name, type, labels, help }) => [
    code(name),
    type,
    labels.map(code).join(", "),
    help,
  ]);
  return table(["Name", "Type", "Labels", "Description"], rows);
}

function exitCodes(): string {
  return table(["Code", "Means"], EXIT_CODES.map(([number, meaning]) => [String(number), meaning]));
}

function table(head: string[], rows: string[][]): string {
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}

function code(text: string): string {
  return "`" + text + "`";
}

/** The README with every table as the code has it. Throws when a marker is missing. */
export function withTables(readme: string): string {
  return Object.entries(TABLES).reduce((text, [name, make]) => {
    const [start, end] = [`<!-- ${name} -->`, `<!-- end of ${name} -->`];
    const from = text.indexOf(start);
    const to = text.indexOf(end);
    if (from < 0 || to < from) throw new Error(`README.md: expected ${start} and ${end}`);
    return `${text.slice(0, from)}${start}\n\n${make()}\n\n${text.slice(to)}`;
  }, readme);
}

if (import.meta.main) {
  const readme = await Deno.readTextFile(path);
  const right = withTables(readme);
  if (Deno.args.includes("--check")) {
    if (right === readme) Deno.exit(0);
    console.error("README.md: its tables differ from the code; run `deno task readme`");
    Deno.exit(1);
  }
  await Deno.writeTextFile(path, right);
}
