import { createHash } from "node:crypto";
import type { SimulatedTime } from "./time.ts";

/** The first thing that should never have been. */
export type Violation = { invariant: string; detail: string; atMs: number };

const KEPT_LINES = 4_000;

/**
 * Everything that happens, in order: as a digest, and the last lines of it as text. Notes the first
 * violation and goes on, since what throws inside the program would be part of the program.
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
    this.#kept[this.#count++ % KEPT_LINES] = line;
    this.#add(line);
  }

  /** A text that belongs to the run but is too long to be read. */
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
    const from = Math.max(0, this.#count - Math.min(count, KEPT_LINES));
    let text = "";
    for (let i = from; i < this.#count; i++) text += this.#kept[i % KEPT_LINES];
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
