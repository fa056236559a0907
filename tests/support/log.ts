import type { Log, LogLine } from "../../src/runtime/log.ts";

/** A log that keeps its lines. */
export function keptLog() {
  const lines: [level: string, message: string, properties?: Record<string, unknown>][] = [];
  const line = (level: string): LogLine => (...args) => void lines.push([level, ...args]);
  const log: Log = {
    debug: line("debug"),
    info: line("info"),
    warn: line("warn"),
    error: line("error"),
  };
  return { log, lines };
}
