import type { Target } from "../support/targets.ts";

/** What a target does with a connection that it has accepted. */
export type Behaviour = (connection: Connection) => Promise<unknown>;

/** A connection to the target, and what is known of the request on it. */
export class Connection {
  datasetId = "";
  #socket: Deno.TcpConn;
  #requests: Map<string, number>;

  constructor(socket: Deno.TcpConn, requests: Map<string, number>) {
    this.#socket = socket;
    this.#requests = requests;
  }

  get bytes(): { readable: ReadableStream<Uint8Array>; writable: WritableStream<Uint8Array> } {
    return this.#socket;
  }

  /** Reads the whole request and counts it. */
  async readRequest(): Promise<void> {
    const buffer = new Uint8Array(4096);
    const decoder = new TextDecoder();
    let head = "";
    while (!head.includes("\r\n\r\n")) {
      const length = await this.#socket.read(buffer);
      if (length === null) throw new Error("the client has closed the connection");
      head += decoder.decode(buffer.subarray(0, length), { stream: true });
    }
    this.datasetId = head.match(/^GET \S*\/(\S+) HTTP\/1\.1\r\n/)?.[1] ?? "";
    const traceId = head.match(/^traceparent: 00-([0-9a-f]{32})/im)?.[1] ?? "none";
    this.#requests.set(traceId, (this.#requests.get(traceId) ?? 0) + 1);
  }

  /** Reads one byte: a system resets a connection that is closed with unread bytes. */
  async readOneByte(): Promise<void> {
    await this.#socket.read(new Uint8Array(1));
  }

  async write(data: string | Uint8Array): Promise<void> {
    let bytes = typeof data === "string" ? new TextEncoder().encode(data) : data;
    while (bytes.length > 0) bytes = bytes.subarray(await this.#socket.write(bytes));
  }

  close(): void {
    try {
      this.#socket.close();
    } catch {
      // It is closed already.
    }
  }
}

/** The dataset that the request asks for, as JSON with `padding` spaces in it. */
export function dataset({ datasetId }: Connection, padding = 0): string {
  return `{"Id":"${datasetId}","Type":"Dataset"${" ".repeat(padding)}}`;
}

/** Responds as the platform does without a fault. */
export const healthy: Behaviour = async (connection) => {
  await connection.readRequest();
  const body = dataset(connection);
  await connection.write(
    `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`,
  );
  connection.close();
};

/** How many connections the system holds for a paused target: the tasks of a second fill it. */
const BACKLOG = 16;

/** A target on every address of the machine, whose behaviour can change at any moment. */
export class FaultyTarget implements Target {
  behaviour: Behaviour = healthy;
  /** How often the request of each trace id has been read. */
  readonly requests = new Map<string, number>();
  readonly port: number;
  #listener: Deno.TcpListener;
  #open = new Set<Connection>();
  #accepting: Promise<void>;
  #paused: { promise: Promise<void>; resolve: () => void } | null = null;

  constructor() {
    this.#listener = Deno.listen({ hostname: "::", port: 0, tcpBacklog: BACKLOG });
    this.port = this.#listener.addr.port;
    this.#accepting = this.#accept();
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Accepts no more connections after the next one. */
  pause(): void {
    this.#paused ??= Promise.withResolvers<void>();
  }

  resume(): void {
    this.#paused?.resolve();
    this.#paused = null;
  }

  /** Closes all open connections. */
  hangUp(): void {
    for (const connection of this.#open) connection.close();
    this.#open.clear();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.resume();
    this.#listener.close();
    await this.#accepting;
    this.hangUp();
  }

  async #accept(): Promise<void> {
    for await (const socket of this.#listener) {
      const connection = new Connection(socket, this.requests);
      this.#open.add(connection);
      this.behaviour(connection).catch(() => connection.close());
      await this.#paused?.promise;
    }
  }
}
