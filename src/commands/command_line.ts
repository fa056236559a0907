import { parseArgs } from "@std/cli/parse-args";
import { closestString } from "@std/text/closest-string";
import { count, quote, SETTINGS } from "../config/config.ts";
import { type State, STATES } from "../core/task.ts";

/** What the program is asked to do. */
export type Command =
  | { name: "serve" }
  | { name: "run"; count: number; json: boolean }
  | TasksCommand
  | { name: "check" | "healthcheck" | "rules" | "dashboard" | "print-config" | "help" | "version" };

/** Which tasks of which running probe are shown, and how. */
export type TasksCommand = {
  name: "tasks";
  /** Null for the probe of this machine. */
  url: URL | null;
  state?: State;
  datasetId?: string;
  watch: boolean;
  json: boolean;
  /** Null where nobody has said how many. */
  rows: number | null;
};

/** How tasks are shown. */
export type View = { table: boolean; rows: number; utc: boolean };

export type CommandLine = {
  command: Command;
  view: View;
  /** Settings given as flags, by the flag's name. */
  flags: Record<string, string | undefined>;
  /** A line for each thing that is wrong; with any of them the rest is not to be used. */
  problems: string[];
};

/** What the program does besides probing, asked for by a word. */
export const COMMANDS = {
  tasks: "show the tasks of a running probe",
  rules: "print Prometheus rules, in YAML",
  dashboard: "print a Grafana dashboard, in JSON",
};

/** Flags without a value. */
export const SWITCHES = {
  table: "print the tracked tasks, now and then",
  once: "one task of each dataset, then exit",
  json: "one JSON document instead of lines",
  utc: "times in UTC",
  watch: "with tasks: draw them again every second",
  check: "tell what works and what does not, then exit",
  healthcheck: "ask the probe that runs here whether it is well",
  "print-config": "print the settings and their sources, then exit",
  help: "print this text, then exit",
  version: "print the version, then exit",
};

/** Flags with a value that are no settings. */
export const VALUES = {
  count: { value: "N", help: "N tasks of each dataset, an interval apart" },
  rows: { value: "N", help: "rows of a table (20)" },
  url: { value: "URL", help: "with tasks: the probe's (http://localhost:PORT)" },
  state: { value: "STATE", help: "with tasks: only pending, succeeded or failed" },
};

/** `LOCAL_RUN` and its like may stand without a value. */
const BOOLEAN_SETTINGS = new Set<string>([SETTINGS.localRun.flag, SETTINGS.localServicesOnly.flag]);

const SETTING_FLAGS = Object.values(SETTINGS).flatMap((setting) =>
  "flag" in setting ? [setting.flag as string] : []
);

/** Reads the command line. Never throws: what is wrong is listed in `problems`. */
export function parseCommandLine(args: readonly string[]): CommandLine {
  const problems: string[] = [];
  const valued = [...SETTING_FLAGS, ...Object.keys(VALUES)];
  const known = [...valued, ...Object.keys(SWITCHES)];

  // As aliases for the parser they would be known with two dashes as well.
  const long = args.map((arg) => arg === "-h" ? "--help" : arg === "-V" ? "--version" : arg);
  const given: Record<string, unknown> = parseArgs(joinNegativeNumbers(long, valued), {
    string: valued,
    boolean: Object.keys(SWITCHES),
    unknown(argument: string, name?: string) {
      // What is no flag stays among the words, where it is looked at below.
      if (name === undefined) return true;
      const flag = shownWord(argument.split("=")[0]);
      problems.push(`${flag}: unknown flag; did you mean --${closestString(name, known)}?`);
      return false;
    },
  });
  // An empty value of a flag ends up among the words too, and is reported with its flag.
  const words = (given._ as unknown[]).map(String).filter((word) => word !== "");
  for (const word of words.filter((each) => !isCommand(each))) {
    problems.push(
      `${shownWord(word)}: expected ${Object.keys(COMMANDS).join(", ")} or a flag; ` +
        "a value follows its flag",
    );
  }
  for (const name of known) {
    const isMeant = (arg: string) => arg === `--${name}` || arg.startsWith(`--${name}=`);
    if (args.filter(isMeant).length > 1) problems.push(`--${name}: expected once, got it twice`);
  }
  for (const name of Object.keys(SWITCHES)) {
    const argument = args.find((each) => each.startsWith(`--${name}=`));
    if (argument) {
      problems.push(`--${name}: expected no value, got ${quote(argument.slice(name.length + 3))}`);
    }
  }

  const flags: CommandLine["flags"] = {};
  for (const flag of SETTING_FLAGS) {
    const value = given[flag];
    if (value === "" && BOOLEAN_SETTINGS.has(flag)) flags[flag] = "true";
    else if (value === "") problems.push(`--${flag}: expected a value, got nothing`);
    else if (value !== undefined) flags[flag] = String(value);
  }
  const counted = (flag: keyof typeof VALUES, fallback: number) => {
    if (given[flag] === undefined) return fallback;
    const { data, error } = count.safeParse(given[flag]);
    if (error) {
      problems.push(
        `--${flag}: expected ${error.issues[0].message}, got ${quote(String(given[flag]))}`,
      );
    }
    return data ?? fallback;
  };
  const rows = counted("rows", 20);
  const number = counted("count", 1);

  const asked = [
    ...words.filter(isCommand),
    ...["check", "healthcheck", "once", "count"].filter((name) => given[name]).map((name) =>
      `--${name}`
    ),
  ];
  for (const other of asked.slice(1)) problems.push(`${asked[0]}: not together with ${other}`);
  const oneOff = given.once || given.count !== undefined;
  if (given.json && given.table) problems.push("--json: not together with --table");
  const showsTasks = words.includes("tasks");
  if (given.json && !oneOff && !showsTasks) {
    problems.push("--json: only together with --once, --count or tasks");
  }
  const tasks = tasksCommand(given, flags, rows);
  if (showsTasks) problems.push(...tasks.problems);
  for (const name of ["watch", "url", "state"].filter((each) => given[each] !== undefined)) {
    if (!showsTasks && given[name] !== false) problems.push(`--${name}: only together with tasks`);
  }

  const command: Command = given.help
    ? { name: "help" }
    : given.version
    ? { name: "version" }
    : given["print-config"]
    ? { name: "print-config" }
    : given.check
    ? { name: "check" }
    : given.healthcheck
    ? { name: "healthcheck" }
    : showsTasks
    ? tasks.command
    : words.some(isDocument)
    ? { name: words.find(isDocument)! }
    : oneOff
    ? { name: "run", count: number, json: given.json === true }
    : { name: "serve" };
  return {
    command,
    view: { table: given.table === true, rows, utc: given.utc === true },
    flags,
    problems,
  };
}

/** Settings that mean something to `tasks`. */
const SETTINGS_OF_TASKS: readonly string[] = [
  SETTINGS.datasetIds.flag,
  SETTINGS.host.flag,
  SETTINGS.port.flag,
  SETTINGS.logLevel.flag,
  SETTINGS.logFormat.flag,
];

/** The command `tasks` with its flags, and what is wrong with them. */
function tasksCommand(
  given: Record<string, unknown>,
  flags: CommandLine["flags"],
  rows: number,
): { command: TasksCommand; problems: string[] } {
  const problems: string[] = [];
  const text = (flag: "url" | "state") => given[flag] === undefined ? null : String(given[flag]);

  const urlText = text("url");
  const url = urlText === null ? null : probeUrl(urlText);
  if (url === undefined) {
    // It may carry a password.
    const shown = urlText?.includes("@") ? "a value that is not shown" : quote(urlText ?? "");
    problems.push(`--url: expected an http:// or https:// URL without query or #, got ${shown}`);
  }
  const stateText = text("state");
  const state = STATES.find((each) => each === stateText?.toUpperCase());
  if (stateText !== null && !state) {
    const expected = STATES.join(", ").toLowerCase();
    problems.push(`--state: expected one of ${expected}, got ${quote(stateText)}`);
  }
  const datasetId = flags[SETTINGS.datasetIds.flag];
  if (datasetId?.includes(",")) problems.push("--dataset-id: expected one ID together with tasks");
  if (given.watch && given.json) problems.push("--watch: not together with --json");
  for (const flag of Object.keys(flags)) {
    if (!SETTINGS_OF_TASKS.includes(flag)) problems.push(`--${flag}: not together with tasks`);
  }
  for (const flag of [SETTINGS.host.flag, SETTINGS.port.flag]) {
    if (url && flags[flag] !== undefined) problems.push(`--${flag}: not together with --url`);
  }
  return {
    problems,
    command: {
      name: "tasks",
      url: url ?? null,
      state,
      datasetId: datasetId?.trim(),
      watch: given.watch === true,
      json: given.json === true,
      rows: given.rows === undefined ? null : rows,
    },
  };
}

/** Where a probe may be asked; undefined for what is no such address. */
function probeUrl(text: string): URL | undefined {
  if (!/^https?:\/\//i.test(text) || /[?#]/.test(text) || !URL.canParse(text)) return undefined;
  const url = new URL(text);
  try {
    // They are sent decoded.
    decodeURIComponent(url.username + url.password);
    return url;
  } catch {
    return undefined;
  }
}

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
    row("dataplatform-probe --once", "probe once: exit code 0 when all is well"),
    row("dataplatform-probe tasks", "look at the tasks of a probe that runs here"),
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

/** A word as it was typed, unless it would write to the terminal or may carry a password. */
function shownWord(word: string): string {
  if (word.includes("@")) return "a word that is not shown";
  return /^[\x21-\x7e]{1,80}$/.test(word) ? word : quote(word);
}

function isCommand(word: string): boolean {
  return Object.hasOwn(COMMANDS, word);
}

/** Whether the word asks for a document that follows from the settings alone. */
function isDocument(word: string): word is Exclude<keyof typeof COMMANDS, "tasks"> {
  return isCommand(word) && word !== "tasks";
}

function row(left: string, right: string): string {
  return `  ${left.padEnd(26)} ${right}`.trimEnd();
}

/** The parser would take the value in `--retries -1` for a flag. */
function joinNegativeNumbers(args: readonly string[], valued: readonly string[]): string[] {
  const joined: string[] = [];
  for (const arg of args) {
    const last = joined.at(-1);
    if (/^-[.\d]/.test(arg) && last?.startsWith("--") && valued.includes(last.slice(2))) {
      joined[joined.length - 1] = `${last}=${arg}`;
    } else {
      joined.push(arg);
    }
  }
  return joined;
}
