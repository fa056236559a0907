import { createHash } from "node:crypto";
import type { SimulatedTime } from "./world/time.ts";

/** The first invariant that did not hold. */
export type Violation = { invariant: string; detail: string; atMs: number };

const MAX_KEPT_LINES = 4_000;

/**
 * All events in order: a digest of all, and the text of the last ones. Keeps the first violation
 * instead of throwing, because the program would catch an error that is thrown inside it.
 */
export class Journal {
  violation: Violation | null = null;
  #hash = createHash("sha256");
  #waiting: string[] = [];
  #waitingLength = 0;
  #kept: string[] = [];
  #count = 0;

  constructor(private readonly time: SimulatedTime, private readonly startMs: number) {}

  line(text: string): void {
    const line = `${(this.time.nowMs - this.startMs).toFixed(3)} ${text}\n`;
    this.#kept[this.#count++ % MAX_KEPT_LINES] = line;
    this.#add(line);
  }

  /** Adds a text to the digest alone: it is too long to read. */
  text(text: string): void {
    this.#add(text);
  }

  broken(invariant: string, detail: string): void {
    if (this.violation) return;
    this.violation = { invariant, detail, atMs: this.time.nowMs - this.startMs };
    this.line(`BROKEN ${invariant}: ${detail}`);
  }

  check(holds: boolean, invariant: string, detail: () => string): void {
    if (!holds) this.broken(invariant, detail());
  }

  /** The last lines, oldest first. */
  tail(count: number): string {
    const from = Math.max(0, this.#count - Math.min(count, MAX_KEPT_LINES));
    let text = "";
    for (let i = from; i < this.#count; i++) text += this.#kept[i % MAX_KEPT_LINES] ?? "";
    return text;
  }

  digest(): string {
    this.#flush();
    return this.#hash.copy().digest("hex").slice(0, 16);
  }

  #add(text: string): void {
    this.#waiting.push(text);
    this.#waitingLength += text.length;
    if (this.#waitingLength > 65_536) this.#flush();
  }

  #flush(): void {
    this.#hash.update(this.#waiting.join(""));
    this.#waiting = [];
    this.#waitingLength = 0;
  }
}
