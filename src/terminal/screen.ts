import stringWidth from "string-width";
import type { Output } from "../runtime/output.ts";

/** A second screen without a cursor, on which a line that is too long does not wrap. */
const ENTER = "\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[2J";

/** Empty first, since tmux 3.3 leaves parts of a second screen that has grown on the first. */
const LEAVE = "\x1b[?2026l\x1b[0m\x1b[2J\x1b[H\x1b[?7h\x1b[?25h\x1b[?1049l";

/** Nothing is shown before all between these two has come. */
const BEGIN = "\x1b[?2026h";
const END = "\x1b[?2026l";

const CLEAR_REST = "\x1b[K";

export type ScreenOptions = {
  stdout: Output;
  size: () => { columns: number; rows: number };
  color: boolean;
  /** Calls back whenever the size has changed. */
  onResize: (callback: () => void) => void;
};

/** The terminal's screen: taken for a while, and given back with all that was on it. */
export class Screen {
  #isTaken = false;

  constructor(private readonly options: ScreenOptions) {}

  get size(): { columns: number; rows: number } {
    return this.options.size();
  }

  get color(): boolean {
    return this.options.color;
  }

  onResize(callback: () => void): void {
    this.options.onResize(callback);
  }

  take(): void {
    this.#isTaken = true;
    this.options.stdout.write(ENTER);
  }

  /** Draws over all that is there, in one write, so that nothing flickers. */
  draw(lines: string[]): void {
    const { columns, rows } = this.size;
    const placed = Array.from({ length: rows }, (_, i) => {
      const line = lines[i] ?? "";
      // Behind a full line the terminal would clear its last character.
      return `\x1b[${i + 1};1H${line}${stringWidth(line) < columns ? CLEAR_REST : ""}`;
    });
    this.options.stdout.write(BEGIN + placed.join("") + END);
  }

  /** Does nothing when the screen was not taken. */
  giveBack(): void {
    if (this.#isTaken) this.options.stdout.write(LEAVE);
    this.#isTaken = false;
  }
}
