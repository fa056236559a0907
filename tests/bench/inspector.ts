import { eventuallyFetch } from "./child.ts";

/** A message of Chrome's DevTools protocol: a response, which has an id, or an event. */
type Message = { id?: number; method?: string; params?: unknown; result?: unknown };

/** A process whose JavaScript is looked into, through the port of its inspector. */
export class Inspector implements AsyncDisposable {
  #commands = 0;
  readonly #responses = new Map<number, (result: unknown) => void>();
  readonly #events: Message[] = [];

  private constructor(private readonly socket: WebSocket) {
    socket.onmessage = ({ data }) => this.#hear(JSON.parse(data));
  }

  static async connect(port: number): Promise<Inspector> {
    const [{ webSocketDebuggerUrl }] = JSON.parse(
      await eventuallyFetch(`http://127.0.0.1:${port}/json`),
    );
    const socket = new WebSocket(webSocketDebuggerUrl);
    await new Promise((resolve, reject) => {
      socket.onopen = resolve;
      socket.onerror = () => reject(new Error("the inspector cannot be reached"));
    });
    return new Inspector(socket);
  }

  /** How many bytes JavaScript has allocated and not yet collected: objects, and their buffers. */
  async usedBytes(): Promise<number> {
    const usage = await this.#command("Runtime.getHeapUsage");
    const { usedSize, backingStorageSize } = usage as {
      usedSize: number;
      backingStorageSize: number;
    };
    return usedSize + backingStorageSize;
  }

  /** Collects all garbage, so that what can be given back is, too. */
  async collectGarbage(): Promise<void> {
    // Twice, since what the first round frees may hold on to more.
    await this.#command("HeapProfiler.collectGarbage");
    await this.#command("HeapProfiler.collectGarbage");
  }

  /** The addresses of all modules that have been loaded from files. */
  async loadedFiles(): Promise<string[]> {
    await this.#command("Debugger.enable");
    return this.#events
      .filter(({ method }) => method === "Debugger.scriptParsed")
      .map(({ params }) => (params as { url: string }).url)
      .filter((url) => url.startsWith("file:"));
  }

  /** Resolves when the connection has ended on the other side too. */
  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise((resolve) => this.socket.onclose = resolve);
    this.socket.close();
    await closed;
  }

  #command(method: string): Promise<unknown> {
    const id = ++this.#commands;
    this.socket.send(JSON.stringify({ id, method }));
    return new Promise((resolve) => this.#responses.set(id, resolve));
  }

  #hear(message: Message): void {
    if (message.id === undefined) this.#events.push(message);
    else this.#responses.get(message.id)?.(message.result);
  }
}

/**
 * Makes the process whose inspector listens on this port collect all its garbage and give back what
 * it can, and returns how many bytes its JavaScript holds on to then.
 */
export async function collectGarbage(port: number): Promise<number> {
  await using inspector = await Inspector.connect(port);
  await inspector.collectGarbage();
  return await inspector.usedBytes();
}
