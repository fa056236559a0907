import * as z from "zod/mini";
import { STATE_DEFINITIONS, STATUS_VERSION } from "../core/verdict/states.ts";
import type { Runtime } from "../runtime/runtime.ts";
import { escapeControls } from "../text/escape.ts";
import { type ProbeClient, readDocument } from "./probe_client.ts";

/** The verdict of a probe on one dataset, without characters that act on a terminal. */
export type DatasetStateRow = {
  datasetId: string;
  /** A name of `DATASET_STATES`, or that of a newer probe. */
  state: string;
  /** What people read of the state. */
  word: string;
  sinceMs: number;
  /** What was settled in the last `windowSeconds`. */
  recent: { windowSeconds: number; settled: number; failed: number; slow: number };
  /** Why a task failed last; null when none has. */
  reason: string | null;
};

const count = z.int().check(z.gte(0));

const statusDocument = z.looseObject({
  version: z.literal(STATUS_VERSION),
  datasets: z.array(z.looseObject({
    dataset_id: z.string(),
    state: z.string().check(z.maxLength(40)),
    since: z.iso.datetime({ offset: true }),
    last_failure: z.nullable(z.looseObject({ reason: z.string() })),
    recent: z.looseObject({
      window_seconds: z.number().check(z.gte(0), z.lte(1e9)),
      settled: count,
      failed: count,
      slow: count,
    }),
  })),
});
/** Older versions of the probe have no `/status`. */
const notFound = z.looseObject({ error: z.string() });

/**
 * Reads the states of a probe's datasets, or of one, the most urgent first; null when the probe is
 * too old to tell them. Throws a `ProbeClientError` as `readDocument` does.
 */
export async function readDatasetStates(
  client: ProbeClient,
  datasetId: string | undefined,
  runtime: Pick<Runtime, "exchange" | "clock">,
  signal: AbortSignal,
): Promise<DatasetStateRow[] | null> {
  const url = new URL(client.url);
  url.pathname = `${url.pathname.replace(/\/*$/, "")}/status`;
  if (datasetId !== undefined) url.searchParams.set("dataset_id", datasetId);
  const expected = { schema: z.union([statusDocument, notFound]), statuses: [200, 404] };
  const document = await readDocument(client, url, expected, runtime, signal);
  return "datasets" in document && Array.isArray(document.datasets)
    ? statusDocument.parse(document).datasets.map(toRow)
    : null;
}

function toRow(
  { dataset_id, state, since, last_failure, recent }: z.infer<
    typeof statusDocument
  >["datasets"][number],
): DatasetStateRow {
  return {
    datasetId: escapeControls(dataset_id),
    state,
    word: isKnown(state) ? STATE_DEFINITIONS[state].word : escapeControls(state),
    sinceMs: Date.parse(since),
    recent: {
      windowSeconds: recent.window_seconds,
      settled: recent.settled,
      failed: recent.failed,
      slow: recent.slow,
    },
    reason: last_failure && escapeControls(last_failure.reason),
  };
}

function isKnown(state: string): state is keyof typeof STATE_DEFINITIONS {
  return Object.hasOwn(STATE_DEFINITIONS, state);
}
