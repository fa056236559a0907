import stringWidth from "string-width";
import type { Output } from "../runtime/output.ts";

/** Alternate screen, cursor hidden, no line wrap, cleared. */
const ENTER = "\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[2J";

/**
 * Undoes `ENTER`. The alternate screen is cleared first: when it has grown, tmux 3.3 leaves parts of
 * it on the main screen.
 */
const LEAVE = "\x1b[?2026l\x1b[0m\x1b[2J\x1b[H\x1b[?7h\x1b[?25h\x1b[?1049l";

/** Synchronized output: the terminal shows all that stands between these two at once. */
const BEGIN_UPDATE = "\x1b[?2026h";
const END_UPDATE = "\x1b[?2026l";

const CLEAR_TO_LINE_END = "\x1b[K";

export type ScreenOptions = {
  stdout: Output;
  size: () => { columns: number; rows: number };
  color: boolean;
  /** Whether the terminal draws plain characters alone. */
  ascii: boolean;
  /** Registers a callback for every change of the size. */
  onResize: (callback: () => void) => void;
};

/** A terminal's alternate screen: the shell's text is back when it is given back. */
export class Screen {
  #isTaken = false;

  constructor(private readonly options: ScreenOptions) {}

  get size(): { columns: number; rows: number } {
    return this.options.size();
  }

  get color(): boolean {
    return this.options.color;
  }

  get ascii(): boolean {
    return this.options.ascii;
  }

  onResize(callback: () => void): void {
    this.options.onResize(callback);
  }

  take(): void {
    this.#isTaken = true;
    this.options.stdout.write(ENTER);
  }

  /** Replaces the whole picture in one write, so that nothing flickers. */
  draw(lines: string[]): void {
    const { columns, rows } = this.size;
    const placed = Array.from({ length: rows }, (_, i) => {
      const line = lines[i] ?? "";
      // At the end of a full line this would clear its last character.
      return `\x1b[${i + 1};1H${line}${stringWidth(line) < columns ? CLEAR_TO_LINE_END : ""}`;
    });
    this.options.stdout.write(BEGIN_UPDATE + placed.join("") + END_UPDATE);
  }

  /** Does nothing when the screen was not taken. */
  giveBack(): void {
    if (this.#isTaken) this.options.stdout.write(LEAVE);
    this.#isTaken = false;
  }
}
