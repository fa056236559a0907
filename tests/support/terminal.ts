/** A terminal as tmux gives it to a program. */
import { baseEnvironment, ROOT, shellCommand, type Start } from "./program.ts";

export type TerminalOptions = {
  /** Goes behind the program's command, for example `>file`. */
  redirect?: string;
  /** What the terminal shows before the program starts. */
  history?: string;
  columns?: number;
  rows?: number;
};

/** The program in a terminal of its own, which stays when the program has ended. */
export class Terminal implements AsyncDisposable {
  private constructor(private readonly folder: string) {}

  /** Starts the program; its exit code comes on a line of its own, `exit N`. */
  static async start(
    start: Start,
    { redirect = "", history = "", columns = 80, rows = 24 }: TerminalOptions = {},
  ): Promise<Terminal> {
    // The folder holds tmux's socket, so that nobody else's tmux is touched.
    const terminal = new Terminal(await Deno.makeTempDir({ prefix: "probe-terminal-" }));
    const before = history && `echo '${history}'; `;
    const script = `${before}${shellCommand(start)} ${redirect}; echo "exit $?"; read _`;
    try {
      await terminal.#tmux(
        ...["-f", "/dev/null", "-u", "new-session", "-d", "-c", ROOT],
        ...["-x", `${columns}`, "-y", `${rows}`, script],
      );
    } catch (error) {
      await terminal[Symbol.asyncDispose]();
      throw error;
    }
    return terminal;
  }

  /** What is on the screen, without the blank rest. */
  async screen(): Promise<string> {
    return trimmed(await this.#tmux("capture-pane", "-p"));
  }

  /** Everything that was printed; a line that did not fit is one long line. */
  async scrollback(): Promise<string> {
    return trimmed(await this.#tmux("capture-pane", "-p", "-J", "-S", "-"));
  }

  /** Like `screen`, with the escape sequences of colours. */
  async colors(): Promise<string> {
    return trimmed(await this.#tmux("capture-pane", "-p", "-e", "-S", "-"));
  }

  /** Presses keys, by tmux's names: `C-c`. */
  async press(...keys: string[]): Promise<void> {
    await this.#tmux("send-keys", ...keys);
  }

  /** Gives the terminal another size. */
  async resize(columns: number, rows: number): Promise<void> {
    await this.#tmux("resize-window", "-x", `${columns}`, "-y", `${rows}`);
  }

  /** What the program has made of the terminal, and has to undo. */
  async modes(): Promise<{ cursor: boolean; secondScreen: boolean; wrap: boolean }> {
    const format = "#{cursor_flag} #{alternate_on} #{wrap_flag}";
    const flags = (await this.#tmux("display-message", "-p", format)).trim().split(" ");
    const [cursor, secondScreen, wrap] = flags.map((flag) => flag === "1");
    return { cursor, secondScreen, wrap };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#tmux("kill-server").catch(() => {/* It did not start. */});
    await Deno.remove(this.folder, { recursive: true });
  }

  async #tmux(...args: string[]): Promise<string> {
    const { success, stdout, stderr } = await new Deno.Command("tmux", {
      args,
      clearEnv: true,
      env: { ...baseEnvironment(), TMUX_TMPDIR: this.folder, TERM: "xterm", LANG: "C.UTF-8" },
    }).output();
    const decoder = new TextDecoder();
    if (!success) throw new Error(`tmux ${args[0]}: ${decoder.decode(stderr)}`);
    return decoder.decode(stdout);
  }
}

function trimmed(screen: string): string {
  return screen.split("\n").map((line) => line.trimEnd()).join("\n").trimEnd();
}
