import { eventually } from "../support/program.ts";
import { type Image, output } from "./buildah.ts";

/** A number is a user that the image does not know. */
type Start = {
  args?: string[];
  env?: Record<string, string>;
  /** Files of this machine, each by its path inside; they are there to be read. */
  files?: Record<string, string>;
  user?: number;
};

/** How a container, or a command in it, ended and what it wrote. */
type Ended = { code: number; stdout: string; stderr: string };

/**
 * An image as its user runs it with `--read-only --cap-drop ALL`: nothing can be written anywhere,
 * there is no home folder, and the program is the first process of its namespace. What it runs, as
 * whom and with which variables is what the image says. The network is this machine's.
 */
export class Container implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #ended: Promise<Ended>;
  readonly #id = `probe-${crypto.randomUUID().slice(0, 8)}`;
  readonly #root: string;
  #hasEnded = false;
  #stderr = "";

  /** `bundle` is a folder for what `runc` needs to know. */
  static async start(image: Image, root: string, bundle: string, start: Start = {}) {
    await Deno.mkdir(bundle);
    const specification = await specificationOf(image, root, start);
    await Deno.writeTextFile(`${bundle}/config.json`, JSON.stringify(specification));
    return new Container(bundle);
  }

  private constructor(bundle: string) {
    this.#root = `${bundle}/state`;
    this.#child = new Deno.Command("runc", {
      args: ["--root", this.#root, "run", "--bundle", bundle, this.#id],
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#ended = this.#read();
  }

  /** What it has written to standard error so far. */
  get stderr(): string {
    return this.#stderr;
  }

  /** Where it listens, once it says so; throws with what it wrote when it does not. */
  async listening(): Promise<string> {
    const port = await eventually("it says where it listens, or ends", () => {
      const port = this.#stderr.match(/(?:; see|^Listening on)\W+https?:[^\s"\\]+:(\d+)/m)?.[1];
      return port ?? (this.#hasEnded && "none");
    }, 20_000).catch((error) => error.message);
    if (/^\d+$/.test(port)) return `http://127.0.0.1:${port}`;
    throw new Error(`does not listen; it wrote: ${this.#stderr}`);
  }

  /** What the kernel says of its first process. */
  async status(): Promise<Record<string, string>> {
    const { pid } = JSON.parse(await output("runc", ["--root", this.#root, "state", this.#id]));
    const text = await Deno.readTextFile(`/proc/${pid}/status`);
    return Object.fromEntries(
      text.split("\n").map((line) => line.split(/:\s*/)).filter(([name]) => name),
    );
  }

  /** Runs a command in it, as a health check is run. */
  async exec(command: string[]): Promise<Ended> {
    const { code, stdout, stderr } = await new Deno.Command("runc", {
      args: ["--root", this.#root, "exec", this.#id, ...command],
    }).output();
    const decoder = new TextDecoder();
    return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
  }

  /** Sends a signal to its first process. */
  async kill(signal: string): Promise<void> {
    await output("runc", ["--root", this.#root, "kill", this.#id, signal]);
  }

  /** How it ended; kills it and throws when that takes longer than `limitMs`. */
  async ended(limitMs = 20_000): Promise<Ended> {
    const { promise: overdue, resolve } = Promise.withResolvers<undefined>();
    const timer = setTimeout(() => resolve(undefined), limitMs);
    const ended = await Promise.race([this.#ended, overdue]);
    clearTimeout(timer);
    if (ended) return ended;
    await this.#delete();
    throw new Error(`still running after ${limitMs} ms; stderr: ${this.#stderr}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#delete();
    await this.#ended;
  }

  /** Of one that is gone already there is nothing left to delete. */
  async #delete(): Promise<void> {
    await new Deno.Command("runc", {
      args: ["--root", this.#root, "delete", "--force", this.#id],
      stdout: "null",
      stderr: "null",
    }).output();
  }

  async #read(): Promise<Ended> {
    const stderr = async () => {
      const text = this.#child.stderr.pipeThrough(new TextDecoderStream());
      for await (const piece of text) this.#stderr += piece;
    };
    const [stdout] = await Promise.all([new Response(this.#child.stdout).text(), stderr()]);
    this.#hasEnded = true;
    return { code: (await this.#child.status).code, stdout, stderr: this.#stderr };
  }
}

/** What an engine would tell `runc`. */
async function specificationOf(
  { config }: Image,
  root: string,
  { args = [], env = {}, files = {}, user }: Start,
) {
  const [uid, gid] = user === undefined ? await numbersOf(config.User, root) : [user, user];
  const own = args.length > 0 ? args : config.Cmd ?? [];
  return {
    ociVersion: "1.0.2",
    process: {
      terminal: false,
      user: { uid, gid },
      args: [...config.Entrypoint ?? [], ...own],
      env: [
        ...config.Env,
        "HOME=/nonexistent",
        ...Object.entries(env).map(([name, value]) => `${name}=${value}`),
      ],
      cwd: config.WorkingDir || "/",
      noNewPrivileges: true,
      capabilities: {},
    },
    root: { path: root, readonly: true },
    mounts: [
      { destination: "/proc", type: "proc", source: "proc" },
      ...Object.entries(files).map(([destination, source]) => (
        { destination, source, type: "bind", options: ["bind", "ro"] }
      )),
    ],
    linux: { namespaces: ["pid", "mount", "ipc", "uts"].map((type) => ({ type })) },
  };
}

/** The numbers of `user` or `user:group`; a name is looked up in the image. */
async function numbersOf(user: string, root: string): Promise<[number, number]> {
  const [name = "", group = name] = user.split(":");
  if (/^\d+$/.test(name)) return [Number(name), Number(group)];
  const lines = (await Deno.readTextFile(`${root}/etc/passwd`)).split("\n");
  const found = lines.map((line) => line.split(":")).find(([known]) => known === name);
  if (!found) throw new Error(`the image knows no user "${user}"`);
  return [Number(found[2]), Number(found[3])];
}
