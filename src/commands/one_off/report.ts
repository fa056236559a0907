import type { Config } from "../../config/config.ts";
import type { Backlog } from "../../probing/backlog.ts";
import type { Runtime } from "../../runtime/runtime.ts";
import type { View } from "../command_line.ts";
import type { RunOptions } from "./options.ts";
import type { RunResult, Settlement } from "./run_record.ts";

/** The form in which the result of a one-off run is written. Its texts end with a line end. */
export type Report = {
  /** What is written before the first task. */
  start?: () => string;
  /** What is written when a task is settled. */
  settled: (settlement: Settlement) => string;
  /** What is written when the run is over. */
  end: (result: RunResult) => string | Promise<string>;
};

/** What a report knows of the run beforehand. */
export type ReportContext = {
  config: Config;
  options: RunOptions;
  view: View;
  runtime: Runtime;
  backlog: Backlog;
};
