/** The tables of the documentation, which stand between markers and are made from the code. */
import { COMMANDS, SWITCHES, VALUES } from "../../src/commands/command_line.ts";
import { type Measured, rowsOf, TITLES } from "../../tests/bench/figure.ts";
import measured from "../../tests/bench/figures.json" with { type: "json" };
import type { Machine } from "../../tests/bench/machine.ts";
import { SETTINGS } from "../../src/config/settings.ts";
import {
  describeExitCodes,
  isRetried,
  REASON_DEFINITIONS,
  REASONS,
} from "../../src/core/reasons.ts";
import { DATASET_STATES, STATE_DEFINITIONS } from "../../src/core/verdict/states.ts";
import { reasonOfStatus } from "../../src/http_client/errors.ts";
import type { Objectives } from "../../src/prometheus/slo.ts";
import { rules } from "../../src/prometheus/rules/rules.ts";
import { LABEL_VALUES, METRICS } from "../../src/prometheus/definitions.ts";
import { dependencies } from "./dependencies.ts";

/** The tables of each document. */
export const DOCUMENTS: Readonly<Record<string, Record<string, () => string>>> = {
  "README.md": { advice },
  "docs/configuration.md": { settings, commands, exitCodes },
  "docs/metrics.md": { metrics, labels, retriedStatuses, reasons },
  "docs/alerts.md": { alerts },
  "docs/verdict.md": { states },
  "docs/security.md": { packages },
  "docs/performance.md": { figures },
};

/** What the program's own defaults are. */
export const OBJECTIVES: Objectives = {
  taskIntervalSeconds: Number(SETTINGS.taskIntervalSeconds.default),
  availability: Number(SETTINGS.sloAvailability.default),
  latencySeconds: Number(SETTINGS.sloLatencySeconds.default),
};

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
  return table(["Word or flag", "Does"], [
    ...Object.entries(COMMANDS).map(([name, help]) => [code(name), help]),
    ...Object.entries(SWITCHES).map(([name, help]) => [code(`--${name}`), help]),
    ...Object.entries(VALUES).map(([name, { value, help }]) => [code(`--${name} ${value}`), help]),
  ]);
}

function metrics(): string {
  const rows = Object.values(METRICS).map(({ name, type, labels, help }) => [
    code(name),
    type,
    labels.map(code).join(", "),
    help,
  ]);
  return table(["Name", "Type", "Labels", "Description"], rows);
}

function labels(): string {
  const rows = Object.entries(LABEL_VALUES)
    .map(([label, values]) => [code(label), values.map(code).join(", ")]);
  return table(["Label", "Values"], rows);
}

function alerts(): string {
  const rows = rules(OBJECTIVES).groups
    .flatMap((group) => group.rules)
    .flatMap((rule) => "alert" in rule ? [rule] : [])
    .map((
      { alert, labels, annotations },
    ) => [
      `[${code(alert)}](#${alert.toLowerCase()})`,
      labels.severity === "ticket" ? "ticket" : "page",
      annotations.description,
    ]);
  return table(["Alert", "Severity", "Fires when"], rows);
}

function exitCodes(): string {
  const rows = describeExitCodes().map((exit) => [
    String(exit.code),
    [exit.reasons.map(code).join(", "), exit.meaning].filter(Boolean).join("; "),
  ]);
  return table(["Code", "Means"], rows);
}

function reasons(): string {
  const rows = REASONS.map((reason) => {
    const { meaning, origin, retried, exitCode } = REASON_DEFINITIONS[reason];
    const isRetried = typeof retried === "boolean" ? (retried ? "yes" : "no") : retried.join(", ");
    return [code(reason), meaning, origin, isRetried, String(exitCode)];
  });
  return table(["Reason", "Means", "Origin", "Retried", "Exit code"], rows);
}

/** The statuses after which an attempt is tried again, in one line. */
function retriedStatuses(): string {
  const statuses = Array.from({ length: 500 }, (_, i) => 100 + i).filter((status) => {
    const reason = reasonOfStatus(status);
    return reason !== null && isRetried(reason, status);
  });
  return `${statuses.join(", ")}.`;
}

function states(): string {
  return table(
    ["State", "When", "What to do"],
    DATASET_STATES.map((state) => {
      const { word, meaning, advice } = STATE_DEFINITIONS[state];
      return [code(word), meaning, advice];
    }),
  );
}

function advice(): string {
  const rows = REASONS.map((reason) => {
    const { meaning, advice, exitCode } = REASON_DEFINITIONS[reason];
    return [code(reason), meaning, advice("this environment"), String(exitCode)];
  });
  return table(["Reason", "Means", "What to do first", "Exit code"], rows);
}

function packages(): string {
  const rows = dependencies().map(({ name, version, licence, reason }) => [
    ...[code(name), version, licence, reason],
  ]);
  return table(["Package", "Version", "Licence", "Why"], rows);
}

/** The figures that `deno task bench --json tests/bench/figures.json` has left. */
function figures(): string {
  const { machine, lines } = measured as {
    machine: Machine;
    lines: Measured[];
  };
  const { cores, cpu, os, versions, tools } = machine;
  const packages = Object.entries(tools).map(([name, version]) => `${name} ${version}`).join(", ");
  const runtimes = `Deno ${versions.deno}` +
    (versions.executables ? `, executables with the runtime of ${versions.executables}` : "");
  const where =
    `Each line was measured in one run on ${cores} shared cores (${cpu}, ${os}), ${runtimes}, ` +
    `${packages}. The ratio counts, not the number.`;
  const rows = rowsOf(lines).map(([line = "", ...cells]) => [code(line), ...cells]);
  const leftOut = lines.flatMap(({ leftOut }) => leftOut).map((what) => `\n\nLeft out: ${what}.`);
  return `${where}\n\n${table(TITLES, rows)}${leftOut.join("")}`;
}

function table(head: string[], rows: string[][]): string {
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}

function code(text: string): string {
  return "`" + text + "`";
}

/** The document with every table of it as the code has it. Throws when a marker is missing. */
export function withTables(path: string, document: string): string {
  return Object.entries(DOCUMENTS[path] ?? {}).reduce((text, [name, make]) => {
    const [start, end] = [`<!-- ${name} -->`, `<!-- end of ${name} -->`];
    const from = text.indexOf(start);
    const to = text.indexOf(end);
    if (from < 0 || to < from) throw new Error(`${path}: expected ${start} and ${end}`);
    const table = `<!-- deno-fmt-ignore-start -->\n\n${make()}\n\n<!-- deno-fmt-ignore-end -->`;
    return `${text.slice(0, from)}${start}\n${table}\n${text.slice(to)}`;
  }, document);
}
