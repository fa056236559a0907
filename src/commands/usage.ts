import { SETTINGS } from "../config/settings.ts";
import { COMMANDS, SWITCHES, VALUES } from "./command_line.ts";

/** The text of `--help`, at most 80 columns wide. */
export function usage(): string {
  const groups = new Map<string, string[]>();
  for (const setting of Object.values(SETTINGS)) {
    const lines = groups.get(setting.group) ?? [];
    groups.set(setting.group, lines);
    const note = "defaultNote" in setting
      ? setting.defaultNote
      : "default" in setting
      ? setting.default
      : undefined;
    lines.push(
      row("flag" in setting ? `--${setting.flag}` : "", setting.help),
      row("", setting.env + (note ? `, default ${note}` : "")),
    );
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
    "A flag wins over the variable under it, a variable over the default.",
    "",
  ].join("\n");
}

function row(left: string, right: string): string {
  return `  ${left.padEnd(26)} ${right}`.trimEnd();
}
