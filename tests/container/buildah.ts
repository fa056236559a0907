/** What an image says of itself, as far as it is read here. */
export type Image = {
  architecture: string;
  config: {
    User: string;
    Env: string[];
    Entrypoint: string[] | null;
    Cmd: string[] | null;
    WorkingDir: string;
    ExposedPorts?: Record<string, unknown>;
    Labels: Record<string, string>;
    StopSignal?: string;
    Healthcheck?: { Test: string[] };
  };
  /** Bytes of each layer, unpacked, from the base's first to the topmost. */
  layerBytes: number[];
};

type Build = { tag: string; context: string; options?: string[] };

/** Runs a command to its end and returns what it wrote; throws when it fails. */
export async function output(
  command: string,
  args: string[],
  options: Deno.CommandOptions = {},
): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command(command, { args, ...options }).output();
  const decoder = new TextDecoder();
  const text = decoder.decode(stdout);
  if (code === 0) return text;
  throw new Error(
    `exit code ${code}: ${command} ${args.join(" ")}\n${text}${decoder.decode(stderr)}`,
  );
}

/** Images in a folder of their own, built without a network. */
export class Images implements AsyncDisposable {
  readonly #storage: readonly string[];

  private constructor(storage: readonly string[]) {
    this.#storage = storage;
  }

  /** Layers are mounted over each other where that is permitted; otherwise each is a whole copy. */
  static async in(folder: string): Promise<Images> {
    const storageOf = (driver: string) => [
      ...["--root", `${folder}/${driver}`, "--runroot", `${folder}/run`],
      ...["--storage-driver", driver],
    ];
    const mounted = storageOf("overlay");
    const mayMount = await output("buildah", [...mounted, "info"]).then(() => true, () => false);
    return new Images(mayMount ? mounted : storageOf("vfs"));
  }

  /** Leaves nothing mounted in the folder. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#buildah("umount", "--all");
  }

  /** Returns what the build wrote. */
  build({ tag, context, options = [] }: Build): Promise<string> {
    return output("sh", [
      ...["-c", 'exec "$@" 2>&1', "sh"],
      // A network of its own, in which nobody is.
      ...["unshare", "--net", "buildah", ...this.#storage, "bud", "--isolation", "chroot"],
      // The other format has no place for a health check.
      ...["--format", "docker", "--pull-never", ...options, "--tag", tag, context],
    ]);
  }

  async inspect(tag: string): Promise<Image> {
    const { Docker, Manifest } = JSON.parse(
      await this.#buildah("inspect", "--type", "image", tag),
    );
    const layers: { size: number }[] = JSON.parse(Manifest).layers;
    return { ...Docker, layerBytes: layers.map(({ size }) => size) };
  }

  /** The folder that is the root of a container made of the image. */
  async rootOf(tag: string): Promise<string> {
    const container = (await this.#buildah("from", "--pull-never", tag)).trim();
    return (await this.#buildah("mount", container)).trim();
  }

  #buildah(...args: string[]): Promise<string> {
    return output("buildah", [...this.#storage, ...args]);
  }
}
