import { configure, getLogger, type LogRecord } from "@logtape/logtape";
import type { LazyOutput } from "./output.ts";
import { escapeControlsInLines, toSafeJson } from "../text/escape.ts";
import { formatDateTime } from "../text/format.ts";

/** Logs a line: a message for people, and properties for machines. */
export type LogLine = (message: string, properties?: Record<string, unknown>) => void;

export type Log = { debug: LogLine; info: LogLine; warn: LogLine; error: LogLine };

/** From the most to the fewest lines. */
const LEVELS = ["debug", "info", "warning", "error"] as const;

export type LogOptions = {
  level: typeof LEVELS[number];
  format: "text" | "json";
  color: boolean;
  appId: string;
  /** Null when it is not known. */
  environment: string | null;
  output: LazyOutput;
};

const COLORS: Partial<Record<LogRecord["level"], string>> = {
  debug: "\x1b[2m",
  warning: "\x1b[33m",
  error: "\x1b[31m",
};

/**
 * Configures the program's log and returns it. JSON lines carry the properties, `app_id` and
 * `environment`.
 */
export async function createLog(
  { level, format, color, appId, environment, output }: LogOptions,
): Promise<Log> {
  const origin = { app_id: appId, ...environment === null ? {} : { environment } };
  const lineOf = format === "json"
    ? (record: LogRecord) => jsonLine(record, origin)
    : (record: LogRecord) => textLine(record, color);
  await configure({
    reset: true,
    sinks: { output: (record) => output.writeLater(() => lineOf(record) + "\n") },
    loggers: [
      { category: "dataplatform-probe", lowestLevel: level, sinks: ["output"] },
      { category: ["logtape", "meta"], lowestLevel: "error", sinks: ["output"] },
    ],
  });
  const logger = getLogger("dataplatform-probe");
  // LogTape discards a line below the level only after most of its work.
  const lineAt = (line: LogOptions["level"]): LogLine =>
    LEVELS.indexOf(line) < LEVELS.indexOf(level)
      ? () => {}
      : (message, properties) => logger[line](verbatim(message), properties);
  return {
    debug: lineAt("debug"),
    info: lineAt("info"),
    warn: lineAt("warning"),
    error: lineAt("error"),
  };
}

/** LogTape would read braces as names of properties. */
function verbatim(message: string): string {
  return message.replace(/[{}]/g, "$&$&");
}

function textLine({ timestamp, level, message }: LogRecord, color: boolean): string {
  const paint = color ? COLORS[level] : undefined;
  const milliseconds = String(timestamp % 1000).padStart(3, "0");
  const time = `${formatDateTime(timestamp, false).slice(11)}.${milliseconds}`;
  const text = `${time} ${level.padEnd(7)} ${indented(message.join(""))}`;
  return paint ? `${paint}${text}\x1b[0m` : text;
}

/** Further lines are indented, so that no message can pass for a line of its own. */
function indented(message: string): string {
  return escapeControlsInLines(message).replaceAll("\n", "\n    ");
}

function jsonLine(
  { timestamp, level, message, properties }: LogRecord,
  origin: Record<string, string>,
): string {
  return toSafeJson({
    time: new Date(timestamp).toISOString(),
    level,
    message: message.join(""),
    ...origin,
    ...properties,
  });
}
