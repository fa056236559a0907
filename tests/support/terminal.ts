/** A real terminal for the program, made by tmux. */
import { at } from "./at.ts";
import { baseEnvironment, eventually, ROOT, shellCommand, type Start } from "./program.ts";

export type TerminalOptions = {
  /** Follows the program's command, for example `>file`. */
  redirect?: string;
  /** What the terminal shows before the program starts. */
  history?: string;
  columns?: number;
  rows?: number;
};

/** The program in a terminal of its own, which stays open when the program has ended. */
export class Terminal implements AsyncDisposable {
  private constructor(private readonly folder: string) {}

  /** Starts the program; its end is followed by a line `exit N`. */
  static async start(
    start: Start,
    { redirect = "", history = "", columns = 80, rows = 24 }: TerminalOptions = {},
  ): Promise<Terminal> {
    const before = history && `echo '${history}'; `;
    const script = `${before}${shellCommand(start)} ${redirect}; echo "exit $?"; read _`;
    return await Terminal.run(script, { columns, rows });
  }

  /** Runs a shell with this script, which the terminal ends with. */
  static async run(script: string, { columns = 80, rows = 24 } = {}): Promise<Terminal> {
    // The folder holds tmux's socket, so that no other tmux server is affected.
    const terminal = new Terminal(await Deno.makeTempDir({ prefix: "probe-terminal-" }));
    try {
      const size = ["-x", `${columns}`, "-y", `${rows}`];
      const session = ["new-session", "-d", "-c", ROOT, ...size, script];
      await terminal.#tmux("-f", "/dev/null", "-u", ...session);
    } catch (error) {
      await terminal[Symbol.asyncDispose]();
      throw error;
    }
    return terminal;
  }

  /** The text on the screen, without trailing blanks. */
  async screen(): Promise<string> {
    return trimmed(await this.#tmux("capture-pane", "-p"));
  }

  /** All text that was printed, wrapped lines joined. */
  async scrollback(): Promise<string> {
    return trimmed(await this.#tmux("capture-pane", "-p", "-J", "-S", "-"));
  }

  /** All text that was printed, with the escape sequences of colours. */
  async colors(): Promise<string> {
    return trimmed(await this.#tmux("capture-pane", "-p", "-e", "-S", "-"));
  }

  /** Presses keys, by tmux's names: `C-c`. */
  async press(...keys: string[]): Promise<void> {
    await this.#tmux("send-keys", ...keys);
  }

  async resize(columns: number, rows: number): Promise<void> {
    await this.#tmux("resize-window", "-x", `${columns}`, "-y", `${rows}`);
  }

  /** The modes of the terminal that the program may have changed. */
  async modes(): Promise<{ cursor: boolean; alternateScreen: boolean; wrap: boolean }> {
    const format = "#{cursor_flag} #{alternate_on} #{wrap_flag}";
    const flags = (await this.#tmux("display-message", "-p", format)).trim().split(" ");
    const isSet = (index: number) => at(flags, index) === "1";
    return { cursor: isSet(0), alternateScreen: isSet(1), wrap: isSet(2) };
  }

  /** Takes the terminal away from all that runs in it. */
  async close(): Promise<void> {
    await this.#tmux("kill-server").catch(() => {/* It did not start, or is closed. */});
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
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

/** What the terminal shows once the program has ended. */
export async function screenAtExit(
  terminal: Terminal,
  view: "screen" | "scrollback" | "colors",
): Promise<string> {
  await eventually("the exit", async () => /^exit \d+$/m.test(await terminal.screen()));
  return await terminal[view]();
}

function trimmed(screen: string): string {
  return screen.split("\n").map((line) => line.trimEnd()).join("\n").trimEnd();
}
