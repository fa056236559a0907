import { eventually, isAvailable } from "../support/program.ts";
import { IS_CI } from "./rigs.ts";

/** Whether there is no proxy on this machine to try. */
export const withoutTinyproxy = !IS_CI && !await isAvailable("tinyproxy -v", "proxies");

export type TinyproxyOptions = {
  /** Words before the command, such as those of a network of its own. */
  wrapper?: readonly string[];
  /** Lines of its configuration: https://tinyproxy.github.io/#tinyproxyconf */
  settings?: readonly string[];
};

const PORT = 8888;

/** A real HTTP proxy in the foreground, whose log is at hand. */
export class Tinyproxy implements AsyncDisposable {
  readonly port = PORT;
  readonly #child: Deno.ChildProcess;
  readonly #folder: string;

  private constructor(child: Deno.ChildProcess, folder: string) {
    this.#child = child;
    this.#folder = folder;
  }

  /** It is listening when this returns. */
  static async start({ wrapper = [], settings = [] }: TinyproxyOptions): Promise<Tinyproxy> {
    const folder = await Deno.makeTempDir();
    const configuration = [
      `Port ${PORT}`,
      `LogFile "${folder}/log"`,
      "LogLevel Info",
      "Timeout 60",
      ...settings,
    ];
    await Deno.writeTextFile(`${folder}/conf`, configuration.join("\n") + "\n");
    const [command = "", ...args] = [...wrapper, "tinyproxy", "-d", "-c", `${folder}/conf`];
    const child = new Deno.Command(command, { args, stdout: "null", stderr: "null" }).spawn();
    const proxy = new Tinyproxy(child, folder);
    await eventually(
      "the proxy listens",
      async () => /Accepting connections/.test(await proxy.log()),
    );
    return proxy;
  }

  /** What it has done so far. */
  async log(): Promise<string> {
    return await Deno.readTextFile(`${this.#folder}/log`).catch(() => "");
  }

  /** Leaves connections to the system, which accepts them, and responds to none. */
  hang(): void {
    this.#child.kill("SIGSTOP");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#child.status;
    await Deno.remove(this.#folder, { recursive: true });
  }
}
