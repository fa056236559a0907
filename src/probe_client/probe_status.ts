import * as z from "zod/mini";
import { STATE_DEFINITIONS, STATUS_VERSION } from "../core/verdict/states.ts";
import type { Ratio } from "../probing/health.ts";
import type { Runtime } from "../runtime/runtime.ts";
import { escapeControls } from "../text/escape.ts";
import { endpointOf, type ProbeClient, readDocument } from "./probe_client.ts";

/** The verdict of a probe on one dataset, without characters that act on a terminal. */
export type DatasetStateRow = {
  datasetId: string;
  /** A name of `DATASET_STATES`, or that of a newer probe. */
  state: string;
  /** What people read of the state. */
  word: string;
  sinceMs: number;
  /** What was settled lately; `coveredSeconds` is how much of that time the probe has run for. */
  recent: { coveredSeconds: number; settled: number; failed: number; slow: number };
  /** Why a task failed last; null when none has. */
  reason: string | null;
  /** A letter of `OUTCOMES` for each of the newest settled tasks, the newest last. */
  outcomes: string;
  /** The shortest window first. */
  ratios: readonly Ratio[];
};

/** What a probe says of its datasets, the most urgent first. */
export type ProbeStatus = {
  /** Null when the probe does not know it. */
  environment: string | null;
  datasets: readonly DatasetStateRow[];
};

const count = z.int().check(z.gte(0));

const seconds = z.number().check(z.gte(0), z.lte(1e9));

const statusDocument = z.looseObject({
  version: z.literal(STATUS_VERSION),
  environment: z.nullable(z.string().check(z.maxLength(40))),
  datasets: z.array(z.looseObject({
    dataset_id: z.string(),
    state: z.string().check(z.maxLength(40)),
    since: z.iso.datetime({ offset: true }),
    last_failure: z.nullable(z.looseObject({ reason: z.string() })),
    recent: z.looseObject({
      window_seconds: seconds,
      covered_seconds: z.optional(seconds),
      settled: count,
      failed: count,
      slow: count,
    }),
    outcomes: z.string().check(z.maxLength(1_000)),
    ratios: z.array(z.looseObject({
      window_seconds: seconds,
      covered_seconds: seconds,
      settled: count,
      succeeded: count,
    })),
  })),
});
/** Older versions of the probe have no `/status`. */
const notFound = z.looseObject({ error: z.string() });

/**
 * Reads what a probe says of its datasets, or of one; null when the probe is
 * too old to tell them. Throws a `ProbeClientError` as `readDocument` does.
 */
export async function readProbeStatus(
  client: ProbeClient,
  datasetId: string | undefined,
  runtime: Pick<Runtime, "exchange" | "clock">,
  signal: AbortSignal,
): Promise<ProbeStatus | null> {
  const url = endpointOf(client, "status");
  if (datasetId !== undefined) url.searchParams.set("dataset_id", datasetId);
  const expected = { schema: z.union([statusDocument, notFound]), statuses: [200, 404] };
  const document = await readDocument(client, url, expected, runtime, signal);
  if (!("datasets" in document)) return null;
  const { environment, datasets } = statusDocument.parse(document);
  return {
    environment: environment && escapeControls(environment),
    datasets: datasets.map(toRow),
  };
}

function toRow(
  { dataset_id, state, since, last_failure, recent, outcomes, ratios }: z.infer<
    typeof statusDocument
  >["datasets"][number],
): DatasetStateRow {
  return {
    datasetId: escapeControls(dataset_id),
    state,
    word: isKnown(state) ? STATE_DEFINITIONS[state].word : escapeControls(state),
    sinceMs: Date.parse(since),
    recent: {
      coveredSeconds: recent.covered_seconds ?? recent.window_seconds,
      settled: recent.settled,
      failed: recent.failed,
      slow: recent.slow,
    },
    reason: last_failure && escapeControls(last_failure.reason),
    outcomes,
    ratios: ratios.map((ratio) => ({
      windowSeconds: ratio.window_seconds,
      coveredSeconds: ratio.covered_seconds,
      settled: ratio.settled,
      succeeded: ratio.succeeded,
    })),
  };
}

function isKnown(state: string): state is keyof typeof STATE_DEFINITIONS {
  return Object.hasOwn(STATE_DEFINITIONS, state);
}
