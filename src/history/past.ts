import type { Incident } from "../core/verdict/rows.ts";
import type { Bar } from "./bars.ts";

/** An incident, and how exact its times are. */
export type KnownIncident = Incident & {
  /** The length of the steps in which its times were found; 0 for what this process has seen. */
  resolutionSeconds: number;
};

/** What was before this process, of one dataset. */
export type DatasetPast = {
  /** Bars of a quarter of an hour, oldest first; those of which nothing is known are missing. */
  day: readonly Bar[];
  /** When the first of those bars began to be known; null when only its start is. */
  daySinceMs: number | null;
  /** Bars of a day, likewise. */
  quarter: readonly Bar[];
  /** Newest first. The first one has no end when it lasted, as far as known, until this process. */
  incidents: readonly KnownIncident[];
};

/** Where the past comes from, and how that went. */
export type PastSource = {
  /** `failed`: the last reading failed; what was known before is still shown. */
  state: "none" | "loading" | "known" | "failed";
  /** When the past was read last with success, milliseconds since the epoch. */
  asOfMs: number | null;
  /** Since when readings fail, milliseconds since the epoch. */
  failedSinceMs: number | null;
  /** Why the last reading failed, in one line without secrets. */
  problem: string | null;
  /** The location to which the past is limited; null for all probes of the environment. */
  location: string | null;
};

/** Remembers what was before this process. */
export type Past = {
  /** Null while nothing is known of the dataset. */
  of: (datasetId: string) => DatasetPast | null;
  source: () => PastSource;
};

/** Of a probe that has nobody to ask. */
export const NO_PAST: Past = {
  of: () => null,
  source: () => ({
    state: "none",
    asOfMs: null,
    failedSinceMs: null,
    problem: null,
    location: null,
  }),
};
