/**
 * The main loop while its endpoints are attacked: it probes as if nobody were there. With
 * ATTACK_FIGURES=1 each attack prints what was measured.
 */
import { assertEquals } from "@std/assert";
import { eventually, isAvailable, sharingTest, startLoop } from "../support/program.ts";
import { scrape } from "../support/scrape.ts";
import { answerDataset, type Seen, startServer } from "../support/targets.ts";
import { attack, type Attacker, PROBE_FIRST, type Victim, withDescriptors } from "./attack.ts";
import { send } from "./bytes.ts";
import { ODDITIES } from "./oddities.ts";

/** 10,000 connections, and some for all else. */
const DESCRIPTORS = 12_000;
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

/** The probes that are attacked, both from the first test to the last: the other one is the bystander. */
let victims: Promise<Record<Size, Victim>> | null = null;
const parts = new AsyncDisposableStack();
Deno.test.afterAll(() => parts.disposeAsync());

async function startVictims(): Promise<Record<Size, Victim>> {
  return { small: await startVictim(PROBES.small), large: await startVictim(PROBES.large) };
}

async function startVictim({ datasets, env }: typeof PROBES[Size]): Promise<Victim> {
  const target = parts.use(startServer(answer));
  const ids = Array.from({ length: datasets }, (_, nth) => `dataset-${nth}`);
  const program = parts.use(
    await startLoop({
      wrapper: withoutRoom ? PROBE_FIRST : withDescriptors(DESCRIPTORS),
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

type Attack = {
  name: string;
  size: Size;
  attackers: Attacker[];
  slots?: number;
  ignore?: boolean;
};

const TASKS = "/tasks?limit=1000";

const ATTACKS: Attack[] = [
  {
    name: "10,000 idle connections: no slot is late or lost",
    size: "small",
    attackers: [["idle", 10_000]],
    // They are there for a while: to come and to leave takes them a tenth of a second each.
    slots: 1_500,
    ignore: withoutRoom,
  },
  {
    name: "half requests, some of which go on slowly: no slot is late or lost",
    size: "small",
    attackers: [["half", 2_000], ["loris", 2_000], ["halfOfMany", 500]],
  },
  {
    name: "headers and bodies without end: no slot is late or lost",
    size: "small",
    attackers: [["endlessHeaders", 20], ["endlessHeader", 20], ["endlessBody", 20]],
  },
  {
    name: "requests that nobody should make: no slot is late or lost",
    size: "small",
    attackers: [["oddities", 50]],
  },
  {
    name: "HTTP/2, headers without end: no slot is late or lost",
    size: "small",
    attackers: [["continued", 20]],
  },
  {
    name: "HTTP/2, answers kept away from many streams: no slot is late or lost",
    size: "small",
    attackers: [["unreadStreams", 100, "/metrics"]],
  },
  {
    name: "a flood at /healthz: no slot is late or lost",
    size: "small",
    attackers: [["flood", 50, "/healthz"]],
  },
  {
    name: "a flood at /events, by those who stay and those who leave: no slot is late or lost",
    size: "small",
    attackers: [["unread", 1_000, "/events"], ["churn", 20, "/events"]],
  },
  {
    name: "a flood at /metrics: no slot is late or lost",
    size: "large",
    attackers: [["flood", 50, "/metrics"]],
  },
  {
    name: "a flood at /: no slot is late or lost",
    size: "large",
    attackers: [["flood", 50, "/"]],
  },
  {
    name: "a flood at /tasks: no slot is late or lost",
    size: "large",
    attackers: [["flood", 50, TASKS]],
  },
  {
    name: "a flood of clients that leave at once: no slot is late or lost",
    size: "large",
    attackers: [["churn", 50, "/metrics"]],
  },
  {
    name: "clients that never read: no slot is late or lost",
    size: "large",
    attackers: [["unread", 500, "/metrics"], ["unread", 500, TASKS]],
  },
  {
    name: "clients that ask on and never read: no slot is late or lost",
    size: "large",
    attackers: [["unreadOften", 20, "/metrics"], ["unreadOften", 20, TASKS]],
  },
  {
    name: "HTTP/2, questions taken back and answers kept away: no slot is late or lost",
    size: "large",
    attackers: [["takeBack", 10, "/metrics"], ["unreadStreams", 10, "/metrics"]],
  },
];

for (const { name, size, attackers, slots, ignore } of ATTACKS) {
  sharingTest(name, async () => {
    const { small, large } = await (victims ??= startVictims());
    const [victim, bystander] = size === "small" ? [small, large] : [large, small];
    if (size === "large") {
      await eventually("a full backlog", async () => {
        return (await scrape(victim.url)).value("probe_tasks_tracked") >= BACKLOG;
      }, 60_000);
    }
    await attack({ victim, bystander, attackers, slots });
  }, { ignore });
}

for (const { name, request, statuses } of ODDITIES) {
  sharingTest(name, async () => {
    const { small: { url } } = await (victims ??= startVictims());
    assertEquals(await statusesOf(url, request), statuses);
  });
}

/** Asked behind a request, so that whatever was smuggled in has been answered before it. */
const FAREWELL = "GET /readyz HTTP/1.1\r\nHost: probe\r\nConnection: close\r\n\r\n";

/** The statuses of all that is answered to a request, until its connection is closed. */
async function statusesOf(url: string, request: string): Promise<number[]> {
  const { hostname, port } = new URL(url);
  using connection = await Deno.connect({ hostname, port: Number(port) });
  let text = "";
  try {
    await send(connection, request + FAREWELL);
    const decoder = new TextDecoder("latin1");
    for await (const chunk of connection.readable) text += decoder.decode(chunk);
  } catch (error) {
    // Who is refused before all was said may find the connection gone.
    const { ConnectionReset, BrokenPipe } = Deno.errors;
    if (!(error instanceof ConnectionReset || error instanceof BrokenPipe)) throw error;
  }
  const statuses = [...text.matchAll(/HTTP\/1\.[01] (\d{3}) /g)].map(([, status]) =>
    Number(status)
  );
  return text.endsWith('{"status":"ready"}') ? statuses.slice(0, -1) : statuses;
}
