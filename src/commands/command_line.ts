import { parseArgs } from "@std/cli/parse-args";
import { hintFor, hintForWord } from "../config/hints/suggestions.ts";
import { SETTINGS } from "../config/settings.ts";
import { count, quote, seconds } from "../config/values.ts";
import { type State, STATES } from "../core/task.ts";
import type { RuleOptions } from "../prometheus/rules/rule_options.ts";
import { isOneOff, runConflicts, type RunOptions, runOutput } from "./one_off/options.ts";
import { parseRuleFlags, RULE_FLAGS } from "./rules/flags.ts";

/** What the program is asked to do. */
export type Command =
  | { name: "serve" }
  /** `--once`, or `--count N`. */
  | ({ name: "run" } & RunOptions)
  | { name: "check"; json: boolean }
  | TasksCommand
  | { name: "rules"; options: RuleOptions }
  | { name: "healthcheck" | "dashboard" | "print-config" | "help" | "version" };

/** Which tasks of which running probe are shown, and how. */
export type TasksCommand = {
  name: "tasks";
  /** Null for the probe on this machine. */
  url: URL | null;
  state?: State;
  datasetId?: string;
  watch: boolean;
  json: boolean;
  /** Null when no number was given. */
  rows: number | null;
};

/** How tasks are shown. */
export type View = { table: boolean; rows: number; utc: boolean };

export type CommandLine = {
  command: Command;
  view: View;
  /** Settings given as flags, by the flag's name. */
  flags: Record<string, string | undefined>;
  /** A line for each problem; with any of them the rest must not be used. */
  problems: string[];
};

/** What the program does besides probing, requested by a word. */
export const COMMANDS = {
  tasks: "show the tasks of a running probe",
  rules: "print Prometheus rules, in YAML",
  dashboard: "print a Grafana dashboard, in JSON",
};

/** Flags without a value. */
export const SWITCHES = {
  table: "print the tracked tasks at intervals",
  once: "one task of each dataset, then exit",
  json: "one JSON document instead of lines",
  junit: "with --once, --count: JUnit XML instead of lines",
  github: "with them: annotations and step summary of GitHub",
  utc: "times in UTC",
  watch: "with tasks: draw them again every second",
  check: "check configuration and platform, then exit",
  healthcheck: "ask the probe on this machine for its health",
  "print-config": "print the settings and their sources, then exit",
  help: "print this text, then exit",
  version: "print the version, then exit",
};

/** Switches that may be given as a word too, as other programs have them. */
const SWITCH_WORDS: readonly (keyof typeof SWITCHES)[] = [
  ...["check", "healthcheck", "print-config", "help", "version"] as const,
];

const KNOWN_WORDS: readonly string[] = [...Object.keys(COMMANDS), ...SWITCH_WORDS];

/** How many tasks a table has when `--rows` is not given. */
export const DEFAULT_ROWS = 20;

/** Flags with a value that are not settings. */
export const VALUES = {
  count: { value: "N", help: "N tasks of each dataset, an interval apart" },
  wait: { value: "SEC", help: "with --once: try again until all succeed" },
  "max-duration": { value: "SEC", help: "with --once, --count: slower counts as failed" },
  rows: { value: "N", help: `rows of a table (${DEFAULT_ROWS})` },
  url: { value: "URL", help: "with tasks: URL of the probe (default this machine)" },
  state: { value: "STATE", help: "with tasks: only pending, succeeded or failed" },
  ...RULE_FLAGS,
};

/** Flags that may be given several times. */
const REPEATED: readonly string[] = ["label"] satisfies (keyof typeof VALUES)[];

/** `LOCAL_RUN` and its like need no value as flags. */
const BOOLEAN_SETTINGS = new Set<string>([SETTINGS.localRun.flag, SETTINGS.localServicesOnly.flag]);

const SETTING_FLAGS = Object.values(SETTINGS).flatMap((setting) =>
  "flag" in setting ? [setting.flag] : []
);
const VALUE_FLAGS: readonly string[] = [...SETTING_FLAGS, ...Object.keys(VALUES)];
const ALL_FLAGS: readonly string[] = [...VALUE_FLAGS, ...Object.keys(SWITCHES)];

/** Settings that have a meaning together with `tasks`. */
const SETTINGS_OF_TASKS: readonly string[] = [
  SETTINGS.datasetIds.flag,
  SETTINGS.host.flag,
  SETTINGS.port.flag,
  SETTINGS.logLevel.flag,
  SETTINGS.logFormat.flag,
];

/** Flags as the parser returns them, and the words between them. */
type Args = Record<string, unknown> & { words: string[] };

/** Parses the command line. Never throws: what is wrong is listed in `problems`. */
export function parseCommandLine(args: readonly string[]): CommandLine {
  const problems: string[] = [];
  const given = parse(args, problems);
  const flags = settingFlags(given, problems);
  const rows = numberOf("rows", count, given, problems);
  const run = {
    count: numberOf("count", count, given, problems) ?? 1,
    output: runOutput(given),
    waitSeconds: numberOf("wait", seconds, given, problems),
    maxDurationSeconds: numberOf("max-duration", seconds, given, problems),
  };
  problems.push(...conflicts(given));
  const rules = parseRuleFlags(given);
  problems.push(...rules.problems);
  const tasks = tasksCommand(given, flags, rows);
  if (given.words.includes("tasks")) problems.push(...tasks.problems);
  return {
    command: commandOf(given, tasks.command, run, rules.options),
    view: { table: given.table === true, rows: rows ?? DEFAULT_ROWS, utc: given.utc === true },
    flags,
    problems,
  };
}

function parse(args: readonly string[], problems: string[]): Args {
  // As aliases of the parser they would be accepted with two dashes as well.
  const long = args.map((arg) => arg === "-h" ? "--help" : arg === "-V" ? "--version" : arg);
  // The parser takes `-env` for three flags; people mean one.
  const unknown = new Set<string>();
  const parsed = parseArgs(joinNegativeNumbers(long), {
    string: VALUE_FLAGS,
    boolean: Object.keys(SWITCHES),
    collect: REPEATED,
    unknown(argument: string, name?: string) {
      // A word is not a flag and is checked below.
      if (name === undefined) return true;
      const [flag = argument] = argument.split("=");
      const hint = hintFor(flag.replace(/^-+/, ""), ALL_FLAGS);
      unknown.add(`${shownWord(flag)}: unknown flag; ${hint}`);
      return false;
    },
  });
  // The empty value of a flag is among the words too; it is reported with its flag.
  const words = parsed._.map(String).filter((word) => word !== "");
  const switches = words.filter(isSwitchWord);
  for (const word of words.filter((each) => !isCommand(each) && !isSwitchWord(each))) {
    const hint = hintForWord(word, KNOWN_WORDS, ALL_FLAGS);
    unknown.add(`${shownWord(word)}: expected ${KNOWN_WORDS.join(", ")} or a flag; ${hint}`);
  }
  problems.push(...unknown);
  for (const name of ALL_FLAGS.filter((each) => !REPEATED.includes(each))) {
    const isMeant = (arg: string) => arg === `--${name}` || arg.startsWith(`--${name}=`);
    if (args.filter(isMeant).length > 1) problems.push(`--${name}: expected once, got it twice`);
  }
  for (const name of Object.keys(SWITCHES)) {
    const argument = args.find((each) => each.startsWith(`--${name}=`));
    if (argument) {
      problems.push(`--${name}: expected no value, got ${quote(argument.slice(name.length + 3))}`);
    }
  }
  const asFlags = Object.fromEntries(switches.map((word) => [word, true]));
  return {
    ...parsed,
    ...asFlags,
    words: words.filter((word) => !isSwitchWord(word)),
  };
}

function settingFlags(given: Args, problems: string[]): CommandLine["flags"] {
  const flags: CommandLine["flags"] = {};
  for (const flag of SETTING_FLAGS) {
    const value = given[flag];
    if (value === "" && BOOLEAN_SETTINGS.has(flag)) flags[flag] = "true";
    else if (value === "") problems.push(`--${flag}: expected a value, got nothing`);
    else if (value !== undefined) flags[flag] = String(value);
  }
  return flags;
}

/** The number that a flag of this name has, null when it is missing or wrong. */
function numberOf(
  flag: keyof typeof VALUES,
  schema: typeof count | typeof seconds,
  given: Args,
  problems: string[],
): number | null {
  const value = given[flag];
  if (value === undefined) return null;
  const { data, error } = schema.safeParse(value);
  for (const { message } of error?.issues ?? []) {
    problems.push(`--${flag}: expected ${message}, got ${quote(String(value))}`);
  }
  return data ?? null;
}

/** A problem for each pair of words and flags that exclude or require each other. */
function conflicts(given: Args): string[] {
  const problems: string[] = [];
  const requested = [
    ...given.words.filter(isCommand),
    ...["check", "healthcheck", "once", "count"]
      .filter((name) => given[name])
      .map((name) => `--${name}`),
  ];
  const [first, ...others] = requested;
  for (const other of others) problems.push(`${first}: not together with ${other}`);
  const showsTasks = given.words.includes("tasks");
  // The main loop may have its table from `LOCAL_RUN`.
  const mayShowTable = first === undefined || showsTasks || isOneOff(given);
  if (given.table && !mayShowTable) problems.push(`${first}: not together with --table`);
  if (given.rows !== undefined && first !== undefined && !given.table && !showsTasks) {
    problems.push("--rows: only together with --table or tasks");
  }
  problems.push(...runConflicts(given, { showsTasks }));
  const belonging = { tasks: ["watch", "url", "state"], rules: Object.keys(RULE_FLAGS) };
  for (const [word, names] of Object.entries(belonging)) {
    if (given.words.includes(word)) continue;
    for (const name of names.filter((each) => isGiven(given[each]))) {
      problems.push(`--${name}: only together with ${word}`);
    }
  }
  return problems;
}

/** Whether the parser has found this flag: it has an empty list of one that may be repeated. */
function isGiven(value: unknown): boolean {
  return value !== undefined && value !== false && !(Array.isArray(value) && value.length === 0);
}

function commandOf(
  given: Args,
  tasks: TasksCommand,
  run: RunOptions,
  options: RuleOptions,
): Command {
  if (given.help) return { name: "help" };
  if (given.version) return { name: "version" };
  if (given["print-config"]) return { name: "print-config" };
  if (given.check) return { name: "check", json: given.json === true };
  if (given.healthcheck) return { name: "healthcheck" };
  if (given.words.includes("tasks")) return tasks;
  if (given.words.includes("rules")) return { name: "rules", options };
  if (given.words.includes("dashboard")) return { name: "dashboard" };
  if (isOneOff(given)) return { name: "run", ...run };
  return { name: "serve" };
}

/** The command `tasks` with its flags, and what is wrong with them. */
function tasksCommand(
  given: Args,
  flags: CommandLine["flags"],
  rows: number | null,
): { command: TasksCommand; problems: string[] } {
  const problems: string[] = [];
  const text = (flag: "url" | "state") => given[flag] === undefined ? null : String(given[flag]);

  const urlText = text("url");
  const url = urlText === null ? null : probeUrl(urlText);
  if (url === undefined) {
    // It may hold a password.
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
      rows,
    },
  };
}

/** The URL of a probe; undefined when the text is none. */
function probeUrl(text: string): URL | undefined {
  if (!/^https?:\/\//i.test(text) || /[?#]/.test(text) || !URL.canParse(text)) return undefined;
  const url = new URL(text);
  try {
    // User and password are sent decoded.
    decodeURIComponent(url.username + url.password);
    return url;
  } catch {
    return undefined;
  }
}

/** A word as it was typed, unless it acts on a terminal or may hold a password. */
function shownWord(word: string): string {
  if (word.includes("@")) return "a word that is not shown";
  return /^[\x21-\x7e]{1,80}$/.test(word) ? word : quote(word);
}

function isCommand(word: string): boolean {
  return Object.hasOwn(COMMANDS, word);
}

function isSwitchWord(word: string): boolean {
  return SWITCH_WORDS.some((name) => name === word);
}

/** The parser would take the value in `--retries -1` for a flag. */
function joinNegativeNumbers(args: readonly string[]): string[] {
  const joined: string[] = [];
  for (const arg of args) {
    const last = joined.at(-1);
    if (/^-[.\d]/.test(arg) && last?.startsWith("--") && VALUE_FLAGS.includes(last.slice(2))) {
      joined[joined.length - 1] = `${last}=${arg}`;
    } else {
      joined.push(arg);
    }
  }
  return joined;
}
