import { configure, getJsonLinesFormatter, getLogger, type LogRecord } from "@logtape/logtape";
import type { Output } from "./output.ts";
import { formatDateTime } from "./times.ts";

/** A line of the log: a message for people, and what it is about for machines. */
export type LogLine = (message: string, properties?: Record<string, unknown>) => void;

export type Log = { debug: LogLine; info: LogLine; warn: LogLine; error: LogLine };

export type LogOptions = {
  level: "debug" | "info" | "warning" | "error";
  format: "text" | "json";
  color: boolean;
  appId: string;
  output: Output;
};

const COLORS: Partial<Record<LogRecord["level"], string>> = {
  debug: "\x1b[2m",
  warning: "\x1b[33m",
  error: "\x1b[31m",
};

/** Sets up the program's log and returns it. The JSON lines carry the properties and `app_id`. */
export async function createLog({ level, format, color, appId, output }: LogOptions): Promise<Log> {
  const line = format === "json"
    ? getJsonLinesFormatter({ categorySeparator: ".", properties: "flatten" })
    : (record: LogRecord) => textLine(record, color);
  await configure({
    reset: true,
    sinks: { output: (record) => output.write(line(record)) },
    loggers: [
      { category: "dataplatform-probe", lowestLevel: level, sinks: ["output"] },
      { category: ["logtape", "meta"], lowestLevel: "error", sinks: ["output"] },
    ],
  });
  return getLogger("dataplatform-probe").with(format === "json" ? { app_id: appId } : {});
}

function textLine(record: LogRecord, color: boolean): string {
  const paint = color ? COLORS[record.level] : undefined;
  const time = formatDateTime(record.timestamp, false).slice(11) +
    `.${String(record.timestamp % 1000).padStart(3, "0")}`;
  const message = record.message.map((part) => typeof part === "string" ? part : String(part));
  const text = `${time} ${record.level.padEnd(7)} ${message.join("")}`;
  return (paint ? `${paint}${text}\x1b[0m` : text) + "\n";
}
