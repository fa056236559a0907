import type { State } from "../core/task.ts";

/** Escape sequences for colours and weight (ECMA-48, SGR). */
export const BOLD = "\x1b[1m";
export const RED = "\x1b[31m";
export const GREEN = "\x1b[32m";
export const YELLOW = "\x1b[33m";
/** Bold red on inverted background. */
export const ALARM = "\x1b[1;7;31m";

/** The colours of the states of tasks. */
export const TASK_COLORS: Readonly<Record<State, string>> = {
  PENDING: YELLOW,
  SUCCEEDED: GREEN,
  FAILED: RED,
};

/** Those of datasets, by the names of `DATASET_STATES`; a state that says nothing has none. */
export const DATASET_COLORS: Readonly<Record<string, string>> = {
  failing: RED,
  no_news: YELLOW,
  unsteady: YELLOW,
  slow: YELLOW,
  working: GREEN,
};

const RESET = "\x1b[0m";

/** The text in that style, with the terminal's own style behind it. */
export function styled(style: string, text: string): string {
  return style + text + RESET;
}
