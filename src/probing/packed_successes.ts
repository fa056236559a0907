import { packExecution, unpackExecution } from "../core/packed_execution.ts";
import { PHASES, type Phases, type SucceededTask } from "../core/task.ts";

const ROWS_PER_CHUNK = 1024;

const SEQNO = 0;
const CREATED = 8;
const CREATED_MONOTONIC = 16;
const DURATION = 24;
const ATTEMPT_DURATION = 32;
const TRACE_ID = 40;
const PHASE = 56;
const DATASET = PHASE + 4 * PHASES.length;
const ROW_BYTES = DATASET + 2;

type Chunk = { bytes: Uint8Array; view: DataView };

/**
 * Succeeded tasks, sorted by `seqno`, in {@linkcode ROW_BYTES} bytes each: nearly all tasks of a
 * backlog are successes, and objects would take about ten times as much memory. Phases keep seven
 * significant digits. Indices count from the oldest.
 */
export class PackedSuccesses {
  length = 0;
  #chunks: Chunk[] = [];
  /** The row of the oldest task in the first chunk. */
  #head = 0;
  #spare: Chunk | undefined;
  #datasetIds: string[] = [];
  /** The number of tasks of each of these datasets. */
  #counts: number[] = [];
  /** The executions of the few tasks that did not succeed at the first attempt, by `seqno`. */
  #retried = new Map<number, readonly number[]>();

  seqnoAt(index: number): number {
    const { view, offset } = this.#row(index);
    return view.getFloat64(offset + SEQNO);
  }

  createdMonotonicMsAt(index: number): number {
    const { view, offset } = this.#row(index);
    return view.getFloat64(offset + CREATED_MONOTONIC);
  }

  datasetIdAt(index: number): string {
    const { view, offset } = this.#row(index);
    return this.#datasetIds[view.getUint16(offset + DATASET)] ?? "";
  }

  /** The number of tasks of a dataset. */
  countOf(datasetId: string): number {
    return this.#counts[this.#datasetIds.indexOf(datasetId)] ?? 0;
  }

  at(index: number): SucceededTask {
    const { view, offset } = this.#row(index);
    const seqno = view.getFloat64(offset + SEQNO);
    const retried = this.#retried.get(seqno);
    return {
      state: "SUCCEEDED",
      seqno,
      datasetId: this.datasetIdAt(index),
      traceId: readTraceId(view, offset + TRACE_ID),
      createdMs: view.getFloat64(offset + CREATED),
      createdMonotonicMs: view.getFloat64(offset + CREATED_MONOTONIC),
      durationSeconds: view.getFloat64(offset + DURATION),
      ...retried ? unpackExecution(retried) : firstAttemptAt(view, offset),
    };
  }

  /** Inserts a task in its place; the cost is the number of younger tasks that came before it. */
  insert(task: SucceededTask): void {
    this.length++;
    const last = this.#head + this.length - 1;
    if (last === this.#chunks.length * ROWS_PER_CHUNK) this.#chunks.push(this.#newChunk());
    let index = this.length - 1;
    while (index > 0 && this.seqnoAt(index - 1) > task.seqno) {
      this.#copyRow(index - 1, index);
      index--;
    }
    this.#write(index, task);
    this.#count(this.#datasetIndex(task.datasetId), 1);
  }

  /** Removes the oldest task. */
  shift(): void {
    const { view, offset } = this.#row(0);
    this.#count(view.getUint16(offset + DATASET), -1);
    if (this.#retried.size > 0) this.#retried.delete(this.seqnoAt(0));
    this.length--;
    this.#head++;
    if (this.#head === ROWS_PER_CHUNK) {
      this.#spare = this.#chunks.shift();
      this.#head = 0;
    }
  }

  #write(index: number, task: SucceededTask): void {
    const { view, offset } = this.#row(index);
    view.setFloat64(offset + SEQNO, task.seqno);
    view.setFloat64(offset + CREATED, task.createdMs);
    view.setFloat64(offset + CREATED_MONOTONIC, task.createdMonotonicMs);
    view.setFloat64(offset + DURATION, task.durationSeconds);
    view.setFloat64(offset + ATTEMPT_DURATION, task.attempts.at(-1)?.durationSeconds ?? 0);
    writeTraceId(view, offset + TRACE_ID, task.traceId);
    PHASES.forEach((phase, i) => {
      view.setFloat32(offset + PHASE + 4 * i, task.phases[phase] ?? NaN);
    });
    view.setUint16(offset + DATASET, this.#datasetIndex(task.datasetId));
    if (task.attempts.length !== 1) this.#retried.set(task.seqno, packExecution(task));
  }

  #count(dataset: number, change: 1 | -1): void {
    this.#counts[dataset] = (this.#counts[dataset] ?? 0) + change;
  }

  #datasetIndex(datasetId: string): number {
    const known = this.#datasetIds.indexOf(datasetId);
    return known >= 0 ? known : this.#datasetIds.push(datasetId) - 1;
  }

  #row(index: number): { bytes: Uint8Array; view: DataView; offset: number } {
    const row = this.#head + index;
    const chunk = this.#chunks[Math.floor(row / ROWS_PER_CHUNK)];
    if (!chunk) throw new RangeError(`no succeeded task at ${index}`);
    const { bytes, view } = chunk;
    return { bytes, view, offset: (row % ROWS_PER_CHUNK) * ROW_BYTES };
  }

  #copyRow(from: number, to: number): void {
    const source = this.#row(from);
    const target = this.#row(to);
    const row = source.bytes.subarray(source.offset, source.offset + ROW_BYTES);
    target.bytes.set(row, target.offset);
  }

  #newChunk(): Chunk {
    const spare = this.#spare;
    this.#spare = undefined;
    if (spare) return spare;
    const bytes = new Uint8Array(ROWS_PER_CHUNK * ROW_BYTES);
    return { bytes, view: new DataView(bytes.buffer) };
  }
}

/** The execution of a task that succeeded at its first attempt, which ended with the task. */
function firstAttemptAt(view: DataView, offset: number) {
  const durationSeconds = view.getFloat64(offset + ATTEMPT_DURATION);
  const phases: Phases = {};
  PHASES.forEach((phase, i) => {
    const seconds = view.getFloat32(offset + PHASE + 4 * i);
    if (!Number.isNaN(seconds)) phases[phase] = roundToMicroseconds(seconds);
  });
  const startSeconds = roundToMicroseconds(view.getFloat64(offset + DURATION) - durationSeconds);
  const attempt = { status: 200, reason: null, durationSeconds, startSeconds, wait: null, phases };
  return { attempts: [attempt], phases };
}

function roundToMicroseconds(seconds: number): number {
  return Math.round(seconds * 1e6) / 1e6;
}

const TRACE_ID_WORDS = [0, 1, 2, 3];

function writeTraceId(view: DataView, offset: number, traceId: string): void {
  for (const word of TRACE_ID_WORDS) {
    view.setUint32(offset + 4 * word, parseInt(traceId.slice(8 * word, 8 * word + 8), 16));
  }
}

function readTraceId(view: DataView, offset: number): string {
  return TRACE_ID_WORDS
    .map((word) => view.getUint32(offset + 4 * word).toString(16).padStart(8, "0"))
    .join("");
}
