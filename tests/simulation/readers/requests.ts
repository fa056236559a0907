import type { Journal } from "../journal.ts";
import type { Settings } from "../world/settings.ts";
import type { SimulatedTime } from "../world/time.ts";

export type Handler = (request: Request) => Response | Promise<Response>;

/** Concurrent requests wait for one another, each for a tenth of a second at most. */
const MAX_WAIT_MS = 1_000;

/** A request without a response. */
type OpenRequest = {
  what: string;
  sentMs: number;
  /** Whether the response may take long. */
  isSlow: boolean;
  onBegin: () => void;
  onMade: () => void;
};

export type RequestOptions = {
  method?: string;
  isAuthorized?: boolean;
  /** The body of a successful response is not read. */
  isStream?: boolean;
  /** Called when the program begins to make the response, and when it has made it. */
  onBegin?: () => void;
  onMade?: () => void;
};

/** Sends requests to the program, and checks what holds for every response. */
export class Requests {
  #handler: Handler | null = null;
  #open = new Map<number, OpenRequest>();
  #byRequest = new WeakMap<Request, OpenRequest>();
  #count = 0;
  /** When a due timer was last still waiting. */
  #behindMs = -Infinity;

  constructor(
    private readonly time: SimulatedTime,
    private readonly journal: Journal,
    private readonly settings: Settings,
    private readonly isRendering: () => boolean,
  ) {}

  open(handler: Handler): void {
    this.#handler = handler;
  }

  close(): void {
    this.#handler = null;
  }

  get isOpen(): boolean {
    return this.#handler !== null;
  }

  /** How many requests have no response yet. */
  get waiting(): number {
    return this.#open.size;
  }

  send(
    path: string,
    headers: { [name: string]: string },
    onResponse: (status: number, text: string, response: Response) => void,
    {
      method = "GET",
      isAuthorized = true,
      isStream = false,
      onBegin = () => {},
      onMade = () => {},
    }: RequestOptions = {},
  ): void {
    const { journal, settings: { bearerToken } } = this;
    if (!this.#handler) return;
    const number = this.#count++;
    const what = `${method} ${path}`;
    journal.line(`${what} ${JSON.stringify(headers)}`);
    const request = new Request(`http://probe.test:8000${path}`, { method, headers });
    if (bearerToken && isAuthorized) request.headers.set("authorization", `Bearer ${bearerToken}`);
    const isSlow = this.time.isSlow || this.isRendering();
    const open = { what, sentMs: this.time.nowMs, isSlow, onBegin, onMade };
    this.#open.set(number, open);
    this.#byRequest.set(request, open);
    Promise.try(this.#handler, request).then(async (response) => {
      const text = isStream && response.status === 200 ? "" : await response.text();
      this.#open.delete(number);
      journal.line(`${what}: ${response.status}, ${text.length} characters`);
      journal.text(text);
      journal.checkNoSecret(`the response to ${what}`, text);
      journal.check(
        response.status !== 500,
        "no request fails in the program",
        () => `${what}: ${text}`,
      );
      onResponse(response.status, text, response);
    }).catch((error) =>
      journal.broken("every response can be read", `${what}: ${error?.stack ?? error}`)
    );
  }

  /** Has the program make the response. Before and after, the request may wait for its turn. */
  async respond(request: Request, handler: Handler): Promise<Response> {
    const open = this.#byRequest.get(request);
    if (!open) return handler(request);
    open.isSlow ||= this.time.isSlow || this.isRendering();
    open.onBegin();
    const response = await handler(request);
    open.onMade();
    return response;
  }

  /** What must hold after every step. */
  checkStep(): void {
    const { journal, time } = this;
    if (!time.isCaughtUp) {
      this.#behindMs = time.nowMs;
      return;
    }
    for (const { what, sentMs, isSlow } of this.#open.values()) {
      if (isSlow || time.nowMs - Math.max(sentMs, this.#behindMs) <= MAX_WAIT_MS) continue;
      journal.broken("requests get a response soon", what);
    }
  }
}
