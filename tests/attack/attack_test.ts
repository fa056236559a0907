/**
 * The main loop while its endpoints are attacked: probing must go on as if there were no attack.
 * With ATTACK_FIGURES=1 each attack prints what was measured.
 */
import { eventually, isAvailable, sharingTest, startLoop } from "../support/program.ts";
import { scrape } from "../support/scrape.ts";
import { respondWithDataset, type Seen, startServer } from "../support/targets.ts";
import { attack, type Attacker, PROBE_FIRST, type Victim, withDescriptors } from "./attack.ts";

/** 10,000 connections, and some for everything else. */
const DESCRIPTORS = 12_000;
const hasTooFewDescriptors = !await isAvailable(
  `ulimit -n ${DESCRIPTORS}`,
  "10,000 idle connections",
);

const BACKLOG = 1_000;

/** The configurations of the two probes; each has a slot every 20 ms. */
const PROBES = {
  /** The usual configuration, apart from the short interval. */
  small: { datasets: 20, env: { TASK_INTERVAL_SECONDS: "0.4" } },
  /** The largest responses: the most datasets, and a full backlog with bodies of failed tasks. */
  large: {
    datasets: 200,
    env: { TASK_INTERVAL_SECONDS: "4", MAX_TRACKED_TASKS: String(BACKLOG) },
  },
};
type Size = keyof typeof PROBES;

/** Both probes run from the first test to the last; the one that is not attacked is the bystander. */
let victims: Promise<Record<Size, Victim>> | null = null;
const resources = new AsyncDisposableStack();
Deno.test.afterAll(() => resources.disposeAsync());

async function startVictims(): Promise<Record<Size, Victim>> {
  return { small: await startVictim(PROBES.small), large: await startVictim(PROBES.large) };
}

async function startVictim({ datasets, env }: typeof PROBES[Size]): Promise<Victim> {
  const target = resources.use(startServer(respond));
  const ids = Array.from({ length: datasets }, (_, nth) => `dataset-${nth}`);
  const program = resources.use(
    await startLoop({
      wrapper: hasTooFewDescriptors ? PROBE_FIRST : withDescriptors(DESCRIPTORS),
      env: { OKDATA_API_URL: target.url, DATASET_ID: ids.join(","), HOST: "127.0.0.1", ...env },
    }),
  );
  return { program, url: program.url, startedTasks: () => target.requests.length };
}

/** Some datasets are not found, with a long body. */
function respond(seen: Seen): Response {
  return seen.path.endsWith("-7")
    ? new Response("<b>not found</b>".repeat(200), { status: 404 })
    : respondWithDataset(seen);
}

type Attack = {
  name: string;
  size: Size;
  attackers: Attacker[];
  isCrowd?: boolean;
  ignore?: boolean;
};

const TASKS = "/tasks?limit=1000";

const ATTACKS: Attack[] = [
  {
    name: "10,000 idle connections: probing goes on",
    size: "small",
    attackers: [["idle", 10_000]],
    isCrowd: true,
    ignore: hasTooFewDescriptors,
  },
  {
    name: "incomplete requests, some of which go on slowly: probing goes on",
    size: "small",
    attackers: [["half", 2_000], ["loris", 2_000], ["halfOfMany", 500]],
  },
  {
    name: "endless headers and bodies: probing goes on",
    size: "small",
    attackers: [["endlessHeaders", 20], ["endlessHeader", 20], ["endlessBody", 20]],
  },
  {
    name: "malformed and unusual requests: probing goes on",
    size: "small",
    attackers: [["oddities", 50]],
  },
  {
    name: "endless HTTP/2 headers: probing goes on",
    size: "small",
    attackers: [["continuation", 20]],
  },
  {
    name: "HTTP/2 streams that never read: probing goes on",
    size: "small",
    attackers: [["unreadStreams", 100, "/metrics"]],
  },
  {
    name: "a flood at /healthz: probing goes on",
    size: "small",
    attackers: [["flood", 50, "/healthz"]],
  },
  {
    name: "a flood at /events of clients that stay and clients that leave: probing goes on",
    size: "small",
    attackers: [["unread", 1_000, "/events"], ["churn", 20, "/events"]],
  },
  {
    name: "a flood at /metrics: probing goes on",
    size: "large",
    attackers: [["flood", 50, "/metrics"]],
  },
  {
    name: "a flood at /: probing goes on",
    size: "large",
    attackers: [["flood", 50, "/"]],
  },
  {
    name: "a flood at /tasks: probing goes on",
    size: "large",
    attackers: [["flood", 50, TASKS]],
  },
  {
    name: "a flood of clients that leave at once: probing goes on",
    size: "large",
    attackers: [["churn", 50, "/metrics"]],
  },
  {
    name: "clients that never read: probing goes on",
    size: "large",
    attackers: [["unread", 500, "/metrics"], ["unread", 500, TASKS]],
  },
  {
    name: "clients that keep sending requests and never read: probing goes on",
    size: "large",
    attackers: [["unreadOften", 20, "/metrics"], ["unreadOften", 20, TASKS]],
  },
  {
    name: "HTTP/2 requests that are cancelled and streams that never read: probing goes on",
    size: "large",
    attackers: [["rapidReset", 10, "/metrics"], ["unreadStreams", 10, "/metrics"]],
  },
];

for (const { name, size, attackers, isCrowd, ignore } of ATTACKS) {
  sharingTest(name, async () => {
    const { small, large } = await (victims ??= startVictims());
    const [victim, bystander] = size === "small" ? [small, large] : [large, small];
    if (size === "large") {
      await eventually("a full backlog", async () => {
        return (await scrape(victim.url)).value("probe_tasks_tracked") >= BACKLOG;
      }, 60_000);
    }
    await attack({ victim, bystander, attackers, isCrowd });
  }, { ignore });
}
