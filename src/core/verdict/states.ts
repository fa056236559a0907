type StateDefinition = {
  /** What people read. */
  word: string;
  /** When a dataset is in this state: a phrase without a full stop. */
  meaning: string;
  /** What to do first: a sentence. */
  advice: string;
};

/**
 * The states of a dataset, the most urgent first. Page, log, terminal, `/status`, dashboard and
 * documentation use these words; `DatasetVerdict` decides which one holds.
 */
const DEFINITIONS = {
  failing: {
    word: "failing",
    meaning: "the newest three settled tasks failed, or all of them while none has succeeded",
    advice: "Read the reason of the last failure: it names who has to act.",
  },
  no_news: {
    word: "no news",
    meaning:
      "no task was settled for longer than three intervals (at least 10 s) and the timeout " +
      "of an attempt",
    advice: "Look at the probe first: tasks that hang, skipped slots, a stalled loop.",
  },
  unsteady: {
    word: "unsteady",
    meaning: "at least one task failed in the last six intervals (at least a minute)",
    advice: "Compare the reasons; a single failure passes by itself.",
  },
  slow: {
    word: "slow",
    meaning: "no task failed in that window, and more than half of them took longer than " +
      "`SLO_LATENCY_SECONDS`",
    advice: "Compare the phases of a slow task with those of a fast one.",
  },
  working: {
    word: "working",
    meaning: "tasks were settled, and none of the above",
    advice: "Nothing.",
  },
  starting: {
    word: "starting",
    meaning: "no task has been settled since the probe started",
    advice: "Wait for the first task.",
  },
} as const satisfies Record<string, StateDefinition>;

/** The state of a dataset, as `/status` names it. */
export type DatasetState = keyof typeof DEFINITIONS;

export const STATE_DEFINITIONS: Readonly<Record<DatasetState, StateDefinition>> = DEFINITIONS;

/** All states, the most urgent first. */
export const DATASET_STATES = Object.keys(DEFINITIONS) as readonly DatasetState[];

/** The most urgent state that a dataset has; `starting` when there is none. */
export function mostUrgent(tally: Readonly<Record<DatasetState, number>>): DatasetState {
  return DATASET_STATES.find((state) => tally[state] > 0) ?? "starting";
}

/** Each state as a number, for metrics: the larger, the more urgent. */
export const STATE_NUMBERS: Readonly<Record<DatasetState, number>> = Object.fromEntries(
  DATASET_STATES.toReversed().map((state, number) => [state, number]),
) as Record<DatasetState, number>;

/** The version of the JSON document of `/status`; raised when a reader must change. */
export const STATUS_VERSION = 1;
