import type { Setting } from "../config/setting.ts";
import { SETTINGS } from "../config/settings.ts";
import { describeExitCodes } from "../core/reasons.ts";
import { COMMANDS, SWITCHES, VALUES } from "./command_line.ts";

const MAX_COLUMNS = 80;
const LEFT_COLUMNS = 26;

const DOCUMENTATION = "https://github.com/oslokommune/dataplatform-probe";

/** The text of `--help`, at most 80 columns wide. */
export function usage(): string {
  const groups = new Map<string, string[]>();
  for (const setting of Object.values(SETTINGS)) {
    groups.set(setting.group, [...groups.get(setting.group) ?? [], ...rowsOf(setting)]);
  }
  return [
    "dataplatform-probe watches a dataplatform from the outside.",
    "",
    "Usage:",
    row("dataplatform-probe", "probe until SIGINT or SIGTERM"),
    row("dataplatform-probe --once", "probe once: exit code 0 when all succeeds"),
    row("dataplatform-probe tasks", "show the tasks of the probe on this machine"),
    "",
    "Commands:",
    ...Object.entries(COMMANDS).map(([name, help]) => row(name, help)),
    "",
    "Runs:",
    ...Object.entries(SWITCHES).map(([name, help]) => row(`--${name}`, help)),
    ...Object.entries(VALUES).map(([name, { value, help }]) => row(`--${name} ${value}`, help)),
    ...[...groups].flatMap(([group, lines]) => ["", `${group}:`, ...lines]),
    "",
    "A flag wins over the variable under it, a variable over the default. Settings",
    "without a flag are variables alone.",
    "",
    "Exit codes:",
    ...describeExitCodes().flatMap(({ code, reasons, meaning }) => {
      const text = [reasons.join(", "), meaning.replaceAll("`", "")].filter(Boolean).join("; ");
      return wrapped(text).map((line, i) => row(i === 0 ? String(code) : "", line));
    }),
    "",
    `Documentation: ${DOCUMENTATION}`,
    "",
  ].join("\n");
}

/** A setting without a flag has its variable in the place of it. */
function rowsOf({ env, flag, placeholder, help, default: value, defaultNote }: Setting): string[] {
  const fallback = value ?? defaultNote;
  const under = [flag ? env : "", fallback ? `default ${fallback}` : ""].filter(Boolean).join(", ");
  const left = flag ? [`--${flag}`, placeholder].filter(Boolean).join(" ") : env;
  return [
    ...left.length > LEFT_COLUMNS ? [row(left, ""), row("", help)] : [row(left, help)],
    ...under ? [row("", under)] : [],
  ];
}

function row(left: string, right: string): string {
  return `  ${left.padEnd(LEFT_COLUMNS)} ${right}`.trimEnd();
}

/** The lines of a text that fit beside the left column. */
function wrapped(text: string): string[] {
  const width = MAX_COLUMNS - row("", ".").length + 1;
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const line = lines.at(-1);
    if (line !== undefined && `${line} ${word}`.length <= width) {
      lines[lines.length - 1] = `${line} ${word}`;
    } else {
      lines.push(word);
    }
  }
  return lines;
}
