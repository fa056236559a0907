/** How the result of a one-off run is written: as lines, or in one of these forms. */
export const RUN_OUTPUTS = ["json", "junit", "github"] as const;
export type RunOutput = "lines" | typeof RUN_OUTPUTS[number];

/** What a one-off run is asked for. */
export type RunOptions = {
  /** Tasks of each dataset; 1 with `waitSeconds`. */
  count: number;
  output: RunOutput;
  /** For how long a dataset is tried again until it succeeds; null for a fixed number of tasks. */
  waitSeconds: number | null;
  /** A success that takes longer counts as failed; null for no limit. */
  maxDurationSeconds: number | null;
};

/** Flags as the parser returns them. */
type Given = Readonly<Record<string, unknown>>;

export function isOneOff(given: Given): boolean {
  return given.once === true || given.count !== undefined;
}

export function runOutput(given: Given): RunOutput {
  return RUN_OUTPUTS.find((output) => given[output] === true) ?? "lines";
}

/** A problem for each flag of one-off runs that excludes another one or lacks the one it needs. */
export function runConflicts(given: Given, { showsTasks }: { showsTasks: boolean }): string[] {
  const problems: string[] = [];
  const [first, ...others] = [...RUN_OUTPUTS, "table"].filter((form) => given[form] === true);
  for (const other of others) problems.push(`--${first}: not together with --${other}`);
  if (given.json && !isOneOff(given) && given.check !== true && !showsTasks) {
    problems.push("--json: only together with --once, --count, --check or tasks");
  }
  for (const flag of ["junit", "github", "max-duration"]) {
    const isGiven = given[flag] !== undefined && given[flag] !== false;
    if (isGiven && !isOneOff(given)) {
      problems.push(`--${flag}: only together with --once or --count`);
    }
  }
  if (given.wait !== undefined && given.once !== true) {
    problems.push("--wait: only together with --once");
  }
  return problems;
}
