/**
 * The main loop while its endpoints are attacked: it probes as if nobody were there. With
 * ATTACK_FIGURES=1 each test prints what it measured.
 */
import { assertEquals } from "@std/assert";
import { EXCEPTED_RUNTIME, EXCEPTIONS } from "../e2e/exceptions.ts";
import { eventually, isAvailable, startLoop } from "../e2e/program.ts";
import { scrape } from "../e2e/scrape.ts";
import { answerDataset, type Seen, startServer } from "../e2e/targets.ts";
import { attack, type Attacker, type Victim } from "./attack.ts";
import { send } from "./bytes.ts";
import { ODDITIES } from "./oddities.ts";

/** 10,000 connections, and some for all else. */
const DESCRIPTORS = 12_000;
const WRAPPER = ["sh", "-c", `ulimit -n ${DESCRIPTORS}; exec "$@"`, "sh"];
const withoutRoom = !await isAvailable(`ulimit -n ${DESCRIPTORS}`, "10,000 idle connections");

const BACKLOG = 1_000;

/** How the tests' two probes are set; each has a slot every 20 ms. */
const PROBES = {
  /** What most people run, but for the pace. */
  small: { datasets: 20, env: { TASK_INTERVAL_SECONDS: "0.4" } },
  /** The dearest answers: as many datasets as may be, a full backlog, bodies of failures in it. */
  large: {
    datasets: 200,
    env: { TASK_INTERVAL_SECONDS: "4", MAX_TRACKED_TASKS: String(BACKLOG) },
  },
};
type Size = keyof typeof PROBES;

/** Both probes, from the first test to the last: the one that is not attacked is the bystander. */
let victims: Record<Size, Victim> | null = null;
const parts = new AsyncDisposableStack();
Deno.test.afterAll(() => parts.disposeAsync());

async function startVictims(): Promise<Record<Size, Victim>> {
  return victims ??= { small: await startVictim("small"), large: await startVictim("large") };
}

async function startVictim(size: Size): Promise<Victim> {
  const { datasets, env } = PROBES[size];
  const target = parts.use(startServer(answer));
  const ids = Array.from({ length: datasets }, (_, nth) => `dataset-${nth}`);
  const wrapper = withoutRoom ? [] : WRAPPER;
  const program = parts.use(
    await startLoop({
      wrapper,
      env: { OKDATA_API_URL: target.url, DATASET_ID: ids.join(","), HOST: "127.0.0.1", ...env },
    }),
  );
  return { program, url: program.url, begun: () => target.requests.length };
}

/** Some are not found, and say so at length. */
function answer(seen: Seen): Response {
  return seen.path.endsWith("-7")
    ? new Response("<b>not found</b>".repeat(200), { status: 404 })
    : answerDataset(seen);
}

/** A test that shares the probes with others, so that it leaves more behind than it found. */
function attackTest(name: string, body: () => Promise<void>, { ignore = false } = {}): void {
  const excepted = Deno.env.get("PROBE_RUNTIME") === EXCEPTED_RUNTIME &&
    EXCEPTIONS.some((exception) => exception.name === name);
  Deno.test({
    name,
    ignore: ignore || excepted,
    sanitizeOps: false,
    sanitizeResources: false,
    fn: body,
  });
}

type Attack = { name: string; size: Size; attackers: Attacker[]; ignore?: boolean };

const TASKS = "/tasks?limit=1000";

const ATTACKS: Attack[] = [
  {
    name: "10,000 idle connections",
    size: "small",
    attackers: [["idle", 10_000]],
    ignore: withoutRoom,
  },
  {
    name: "half requests, some of which go on slowly",
    size: "small",
    attackers: [["half", 2_000], ["loris", 2_000], ["halfOfMany", 500]],
  },
  {
    name: "headers of a megabyte, headers and bodies without end",
    size: "small",
    attackers: [["hugeHeader", 20], ["endlessHeaders", 50], ["endlessBody", 50]],
  },
  { name: "requests that nobody should make", size: "small", attackers: [["oddities", 50]] },
  {
    name: "HTTP/2: questions taken back, answers kept away, headers without end",
    size: "small",
    attackers: [["takeBack", 10], ["unreadStreams", 20], ["continued", 10]],
  },
  { name: "clients that leave at once", size: "small", attackers: [["churn", 50, "/metrics"]] },
  { name: "a flood at /healthz", size: "small", attackers: [["flood", 50, "/healthz"]] },
  { name: "a flood at /metrics", size: "small", attackers: [["flood", 50, "/metrics"]] },
  { name: "a flood at /", size: "small", attackers: [["flood", 50, "/"]] },
  { name: "a flood at /tasks", size: "small", attackers: [["flood", 50, TASKS]] },
  {
    name: "a flood at /events, by those who stay and those who leave",
    size: "small",
    attackers: [["unread", 1_000, "/events"], ["churn", 20, "/events"]],
  },
  {
    name: "a flood at /metrics with 200 datasets",
    size: "large",
    attackers: [["flood", 50, "/metrics"]],
  },
  { name: "a flood at / with 200 datasets", size: "large", attackers: [["flood", 50, "/"]] },
  {
    name: "a flood at /tasks with a full backlog",
    size: "large",
    attackers: [["flood", 50, TASKS]],
  },
  {
    name: "200 datasets for clients that never read",
    size: "large",
    attackers: [["unread", 500, "/metrics"], ["unread", 500, TASKS]],
  },
  {
    name: "200 datasets for clients that ask on and never read",
    size: "large",
    attackers: [["unreadOften", 20, "/metrics"], ["unreadOften", 20, TASKS]],
  },
  {
    name: "200 datasets over HTTP/2, never read",
    size: "large",
    attackers: [["unreadStreams", 10, "/metrics"], ["takeBack", 10, "/metrics"]],
  },
  {
    name: "200 datasets for clients that leave at once",
    size: "large",
    attackers: [["churn", 50, "/metrics"]],
  },
];

for (const { name, size, attackers, ignore } of ATTACKS) {
  attackTest(`${name}: no slot is late or lost`, async () => {
    const { small, large } = await startVictims();
    const [victim, bystander] = size === "small" ? [small, large] : [large, small];
    if (size === "large") {
      await eventually("a full backlog", async () => {
        return (await scrape(victim.url)).value("probe_tasks_tracked") >= BACKLOG;
      }, 60_000);
    }
    await attack({ victim, bystander, attackers });
  }, { ignore });
}

for (const { name, request, statuses } of ODDITIES) {
  attackTest(`${name}: ${statuses.join(", ") || "nothing"}`, async () => {
    const { small } = await startVictims();
    const heads = await converse(small.url, request);
    assertEquals(heads.map((head) => Number(head.slice("HTTP/1.1 ".length, 12))), statuses);
  });
}

/** The heads of all that is answered to a request, whatever is asked there. */
async function converse(url: string, request: string): Promise<string[]> {
  const { hostname, port } = new URL(url);
  using connection = await Deno.connect({ hostname, port: Number(port) });
  let text = "";
  try {
    await send(connection, request);
    // What is smuggled in would be answered by now.
    await connection.closeWrite();
    const decoder = new TextDecoder("latin1");
    for await (const chunk of connection.readable) text += decoder.decode(chunk);
  } catch (error) {
    // Who is refused before all was said may find the connection gone.
    if (
      !(error instanceof Deno.errors.ConnectionReset || error instanceof Deno.errors.BrokenPipe)
    ) {
      throw error;
    }
  }
  return text.match(/^HTTP\/1\.1 \d{3}[^]*?\r\n\r\n/gm) ?? [];
}
