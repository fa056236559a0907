import type { Invariants } from "../invariants/invariants.ts";
import type { Journal } from "../journal.ts";
import type { Draw } from "../world/draw.ts";
import type { Settings } from "../world/settings.ts";
import type { SimulatedTime } from "../world/time.ts";
import { Followers } from "./followers.ts";
import { type Handler, Requests } from "./requests.ts";
import { Scrapes } from "./scrapes.ts";
import { TaskLists } from "./task_lists.ts";

/** Clients that read the probe's endpoints, alone and concurrently, and check what they get. */
export class Readers {
  readonly #requests: Requests;
  readonly #scrapes: Scrapes;
  readonly #taskLists: TaskLists;
  readonly #followers: Followers;

  constructor(
    private readonly time: SimulatedTime,
    private readonly draw: Draw,
    private readonly journal: Journal,
    private readonly settings: Settings,
    appId: string,
    private readonly invariants: Invariants,
  ) {
    this.#scrapes = new Scrapes(draw, journal, appId, invariants);
    this.#requests = new Requests(time, journal, settings, () => this.#scrapes.isRendering);
    this.#taskLists = new TaskLists(draw, journal, settings, appId, invariants);
    this.#followers = new Followers(time, draw, journal, invariants, this.#requests);
    invariants.onSettled((task) => this.#followers.taskSettled(task));
  }

  open(handler: Handler): void {
    this.#requests.open(handler);
  }

  close(): void {
    this.#requests.close();
  }

  /** How many scrapes have got a response. */
  get scrapes(): number {
    return this.#scrapes.count;
  }

  /** How many requests have no response yet. */
  get waiting(): number {
    return this.#requests.waiting;
  }

  /** How many streams have not ended, without those that are not read. */
  get following(): number {
    return this.#followers.following;
  }

  /** Has the program make the response to a request. */
  respond(request: Request, handler: Handler): Promise<Response> {
    return this.#requests.respond(request, handler);
  }

  /** Starts readers at random times, `meanMs` apart on average. */
  come(meanMs: number): void {
    this.time.input(this.draw.exponential(meanMs), () => {
      if (!this.#requests.isOpen) return;
      this.read();
      this.come(meanMs);
    });
  }

  /** Reads something. Amidst a step it is unknown what the response must show. */
  read(isAmidst = false): void {
    const { draw } = this;
    const share = draw.random.fraction();
    if (!isAmidst && draw.chance(0.15)) this.time.beSlow();
    if (share < 0.35) return this.#scrape(isAmidst);
    if (share < 0.45) {
      for (let i = draw.whole(2, 4); i > 0; i--) this.#scrape(isAmidst);
      return;
    }
    if (share < 0.6) return this.#readHealth(isAmidst);
    if (share < 0.75) return this.#taskLists.read(this.#requests, isAmidst);
    if (share < 0.8) return this.#readPage();
    if (share < 0.88) return this.#requestOdd();
    if (!isAmidst) this.follow();
  }

  follow(): void {
    this.#followers.follow();
  }

  /** What must hold after every step. */
  checkStep(): void {
    this.#requests.checkStep();
    if (this.time.isCaughtUp) this.#followers.checkCaughtUp();
  }

  #scrape(isAmidst: boolean): void {
    this.#scrapes.scrape(this.#requests, isAmidst);
  }

  #readHealth(isAmidst: boolean): void {
    const { journal } = this;
    const stalled = this.invariants.stalledLoops().join();
    const healthStatus = stalled === "" ? 200 : 503;
    this.#requests.send("/healthz", {}, (status, text) => {
      const { loops = [] } = JSON.parse(text) as { loops?: string[] };
      journal.check(
        isAmidst || (status === healthStatus && loops.join() === stalled),
        "health is right",
        () => `${status} ${text} where ${stalled || "nothing"} is stalled`,
      );
    });
    const readyStatus = this.time.nowMs >= this.invariants.stoppedMs ? 503 : 200;
    this.#requests.send("/readyz", {}, (status, text) => {
      journal.check(
        isAmidst || status === readyStatus,
        "readiness is right",
        () => `${status} ${text}`,
      );
    });
  }

  #readPage(): void {
    const { draw } = this;
    const query = draw.pick([
      "",
      "?state=FAILED",
      "?page=2",
      `?task=${draw.whole(1, this.invariants.ledger.created + 1)}`,
      "?dataset_id=dataset-1&state=",
    ]);
    const headers: { [name: string]: string } = { accept: "text/html" };
    if (draw.chance(0.3)) headers.prefer = "return=minimal";
    this.#requests.send(`/${query}`, headers, (status, text, response) => {
      const isPage = status === 200 && text.includes("</") &&
        response.headers.get("content-type")?.startsWith("text/html") === true;
      this.journal.check(isPage, "the status page is shown", () => `${status}: ${text}`);
    });
  }

  /** Requests that must be refused, and some that are unusual. */
  #requestOdd(): void {
    const { draw, journal, settings: { bearerToken } } = this;
    const [method, path, expected] = draw.pick<[string, string, number]>([
      ["POST", "/metrics", 405],
      ["DELETE", "/tasks", 405],
      ["GET", "/nothing", 404],
      ["GET", "/../etc/passwd", 404],
      ["GET", "/tasks?limit=0", 400],
      ["GET", "/tasks?state=lost", 400],
      ["GET", "/tasks?before=1&before=2", 400],
      ["GET", "/?page=0", 400],
      ["HEAD", "/healthz", this.invariants.stalledLoops().length > 0 ? 503 : 200],
      ["HEAD", "/events", 200],
    ]);
    const isAuthorized = bearerToken === null || draw.chance(0.5);
    const isAllowed = path === "/healthz" || isAuthorized;
    const accept = path.startsWith("/?") ? "text/html" : "*/*";
    this.#requests.send(path, { accept }, (status, text) => {
      journal.check(
        status === (isAllowed ? expected : 401),
        "odd requests get the right status",
        () => `${method} ${path}: ${status} ${text}`,
      );
    }, { method, isAuthorized });
  }
}
