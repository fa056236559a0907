import { createHash } from "node:crypto";
import { SECRET_MARK } from "./world/settings.ts";
import type { SimulatedTime } from "./world/time.ts";

/** The first invariant that did not hold. */
export type Violation = { invariant: string; detail: string; atMs: number };

const MAX_KEPT_LINES = 4_000;

/** Longer lines and details are cut: a failure must fit on a screen. */
const MAX_LINE_CHARACTERS = 160;
const MAX_DETAIL_CHARACTERS = 600;

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
    const line = `${(this.time.nowMs - this.startMs).toFixed(3)} ${text}`;
    this.#kept[this.#count++ % MAX_KEPT_LINES] = cut(line, MAX_LINE_CHARACTERS);
    this.#add(`${line}\n`);
  }

  /** Adds a text to the digest alone: it is too long to read. */
  text(text: string): void {
    this.#add(text);
  }

  broken(invariant: string, detail: string): void {
    if (this.violation) return;
    const atMs = this.time.nowMs - this.startMs;
    this.violation = { invariant, detail: cut(detail, MAX_DETAIL_CHARACTERS), atMs };
    this.line(`VIOLATED ${invariant}: ${detail}`);
  }

  check(holds: boolean, invariant: string, detail: () => string): void {
    if (!holds) this.broken(invariant, detail());
  }

  checkNoSecret(where: string, text: string): void {
    const at = text.indexOf(SECRET_MARK);
    if (at >= 0) this.broken(`no secret in ${where}`, text.slice(Math.max(0, at - 200), at + 100));
  }

  /** The last lines, oldest first. */
  tail(count: number): string {
    const from = Math.max(0, this.#count - Math.min(count, MAX_KEPT_LINES));
    let text = "";
    for (let i = from; i < this.#count; i++) text += `${this.#kept[i % MAX_KEPT_LINES]}\n`;
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

/** At most this many characters, in one line. */
function cut(text: string, length: number): string {
  const line = text.slice(0, length).replaceAll("\n", "\\n");
  return text.length <= length ? line : `${line}… (${text.length} characters)`;
}
