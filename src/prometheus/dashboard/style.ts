/** Colours that colour-blind people can tell apart (Okabe and Ito), on light and on dark pages. */
export const GREEN = "#009E73";
export const BLUE = "#56B4E9";
export const ORANGE = "#E69F00";
export const RED = "#D55E00";
export const GREY = "#8E8E8E";

/** The numbers of the query `stateBy`, the worst last; the last stands for no number at all. */
const STATES = [
  { text: "WORKING", color: GREEN },
  { text: "UNSTEADY", color: ORANGE },
  { text: "NO NEWS", color: GREY },
  { text: "FAILING", color: RED },
  { text: "NO PROBE", color: RED },
] as const;

export const NO_PROBE = STATES.length - 1;

/** Shows each number as its state. */
export const STATE_MAPPINGS = [{
  type: "value",
  options: Object.fromEntries(STATES.map((state, index) => [index, { ...state, index }])),
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
