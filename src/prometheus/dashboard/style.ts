import {
  DATASET_STATES,
  type DatasetState,
  STATE_DEFINITIONS,
  STATE_NUMBERS,
} from "../../core/verdict/states.ts";

/** Colours that colour-blind people can tell apart (Okabe and Ito), on light and on dark pages. */
export const GREEN = "#009E73";
export const BLUE = "#56B4E9";
export const ORANGE = "#E69F00";
export const RED = "#D55E00";
const YELLOW = "#F0E442";
const PURPLE = "#CC79A7";
export const GREY = "#8E8E8E";

const STATE_COLORS: Readonly<Record<DatasetState, string>> = {
  failing: RED,
  no_news: PURPLE,
  unsteady: ORANGE,
  slow: YELLOW,
  working: GREEN,
  starting: GREY,
};

/** Stands for no state at all, which is more urgent than any. */
export const NO_PROBE = DATASET_STATES.length;

/** Shows the number of each state as its word. */
export const STATE_MAPPINGS = [{
  type: "value",
  options: Object.fromEntries([
    ...DATASET_STATES.map((state) => {
      const { word: text } = STATE_DEFINITIONS[state];
      return [STATE_NUMBERS[state], { text, color: STATE_COLORS[state] }] as const;
    }),
    [NO_PROBE, { text: "no probe", color: RED }] as const,
  ].map(([number, shown], index) => [number, { ...shown, index }])),
}] as const;

/** From a value on (null: from the lowest), a panel has this colour. */
export type Steps = readonly (readonly [from: number | null, color: string])[];

/** For shares: red below the objective. */
export function redBelow(objective: number): Steps {
  return [[null, RED], [objective, GREEN]];
}

/** For durations: orange above the objective. */
export function orangeAbove(objective: number): Steps {
  return [[null, GREEN], [objective, ORANGE]];
}
