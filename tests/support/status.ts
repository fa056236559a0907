/** Data for the status page, made from invented tasks by the program's own backlog and health. */
import { Backlog } from "../../src/probing/backlog.ts";
import { History } from "../../src/history/history.ts";
import { HealthHistory } from "../../src/probing/health.ts";
import type { Past } from "../../src/history/past.ts";
import {
  type StatusQuery,
  type StatusSources,
  type StatusView,
  viewOf,
} from "../../src/status_page/view.ts";
import { fail, type PendingTask, type SettledTask, succeed } from "../../src/core/task.ts";
import type { Reason } from "../../src/core/reasons.ts";
import { pageParts } from "../../src/status_page/page.tsx";
import { FakeClock } from "./clock.ts";
import { seededRandom } from "./fake_runtime.ts";

export type Scene = {
  datasetIds?: readonly string[];
  /** Number of settled tasks of each dataset, an interval apart. */
  rounds: number;
  intervalSeconds?: number;
  /** The reason for which the dataset's task of a round fails; null when it succeeds. */
  reasonOf?: (datasetId: string, round: number) => Reason | null;
  /** How many attempts a failed task makes; 3 unless given. */
  attempts?: number;
  /** How long a round's tasks take; null for as long as usual. */
  secondsOf?: (round: number) => number | null;
  body?: string;
  /** The message of every failure, in place of one that suits its reason. */
  message?: string;
  /** Time at the end in which nothing is settled, besides half an interval. */
  silentSeconds?: number;
  draining?: boolean;
  stalledLoops?: string[];
  /** What was before the probe started. */
  past?: Past;
};

/** When the probe of a scene starts. */
export const SCENE_START_MS = Date.UTC(2026, 10, 23, 20, 1, 5);

/** The status of a response that fails for a reason; null where none comes. */
const STATUSES: Readonly<Record<Reason, number | null>> = {
  timeout: null,
  dns: null,
  connect: null,
  tls: null,
  reset: null,
  auth: null,
  identity_provider: null,
  unauthorized: 401,
  not_found: 404,
  rate_limited: 429,
  server_error: 500,
  http: 418,
  invalid_response: 200,
  internal: null,
};

const MESSAGES: Partial<Record<Reason, string>> = {
  server_error: "status 500: upstream connect error or disconnect/reset before headers",
  not_found: "status 404",
  connect: "connect ECONNREFUSED 192.0.2.1:443",
  timeout: "no complete response within 2 s",
};

/** Plays the scene and returns a function that gives the page's data for a query. */
export function play(scene: Scene): (query?: Partial<StatusQuery>) => StatusView {
  const sources = playHealth(scene);
  return (query) => viewOf({ page: 1, ...query }, sources);
}

/** Plays the scene and returns what a probe would have of it. */
export function playHealth(scene: Scene): StatusSources {
  const { datasetIds = ["abc123"], rounds, intervalSeconds = 10, reasonOf = () => null } = scene;
  const clock = new FakeClock({ wallMs: SCENE_START_MS });
  const random = seededRandom(7);
  const backlog = new Backlog(100_000, () => {});
  const startedMs = clock.now();
  const health = new HealthHistory({
    datasetIds,
    clock,
    taskIntervalSeconds: intervalSeconds,
    requestTimeoutSeconds: 10,
    sloLatencySeconds: 1,
  });
  for (let round = 0; round < rounds; round++) {
    for (const datasetId of datasetIds) {
      health.slotRan(random.fraction() * 3);
      const reason = reasonOf(datasetId, round);
      const seconds = scene.secondsOf?.(round) ?? null;
      const task = settled(open(datasetId), reason, random.fraction, { ...scene, seconds });
      backlog.settle(task);
      health.settled(task);
      clock.advance(intervalSeconds * 1e3 / datasetIds.length);
    }
  }
  for (const datasetId of datasetIds.slice(0, 1)) open(datasetId);
  clock.advance(intervalSeconds * 500 + (scene.silentSeconds ?? 0) * 1e3);
  return {
    config: {
      appId: "0a1b2c3d",
      environmentName: "dev",
      apiUrl: "https://api.example/metadata/datasets",
      taskIntervalSeconds: intervalSeconds,
      datasetIds,
    },
    clock,
    backlog,
    health,
    history: new History(health, scene.past),
    startedMs,
    isDraining: () => scene.draining ?? false,
    stalledLoops: () => scene.stalledLoops ?? [],
  };

  function open(datasetId: string): PendingTask {
    const task = backlog.open({
      datasetId,
      traceId: random.hex(16),
      createdMs: clock.now(),
      createdMonotonicMs: clock.monotonic(),
    });
    health.created(task);
    return task;
  }
}

/** The whole page, without a pause between its parts. */
export function statusPage(...args: Parameters<typeof pageParts>): string {
  const parts = pageParts(...args);
  let part = parts.next();
  while (!part.done) part = parts.next();
  return part.value;
}

/** The data of the page with the details of the newest failed task. */
export function withDetails(
  ask: ReturnType<typeof play>,
  query: Partial<StatusQuery> = {},
): StatusView {
  const failed = ask({ ...query, state: "FAILED" }).tasks[0];
  return ask({ ...query, state: "FAILED", task: failed?.seqno });
}

/** The text that a reader sees of the page, without markup, script and style. */
export function textOf(html: string): string {
  return html
    .replaceAll(/<(script|style).*?<\/\1>/gs, "")
    .replaceAll(/<[^>]*>/g, " ")
    .replaceAll("&#39;", "'")
    .replaceAll(/[\s\u00a0]+/g, " ");
}

function settled(
  task: PendingTask,
  reason: Reason | null,
  fraction: () => number,
  { body = null, message, attempts: failedAttempts = 3, seconds }: {
    body?: string | null;
    message?: string;
    attempts?: number;
    seconds: number | null;
  },
): SettledTask {
  const processing = 0.06 + 0.05 * fraction() + (fraction() < 0.05 ? fraction() : 0);
  const phases = {
    token: 0.0001,
    resolve: 0.001 + 0.002 * fraction(),
    connect: 0.004 + 0.004 * fraction(),
    tls: 0.02 + 0.01 * fraction(),
    processing: reason === "timeout" ? 2 : seconds ?? processing,
    transfer: 0.003 + 0.003 * fraction(),
  };
  const tokenAndAttempt = Object.values(phases).reduce((a, b) => a + b);
  const attempt = {
    durationSeconds: tokenAndAttempt - phases.token,
    reason,
    status: reason ? STATUSES[reason] : 200,
    phases,
  };
  let atSeconds = 0;
  const attempts = Array.from({ length: reason ? failedAttempts : 1 }, (_, i) => {
    atSeconds += Math.min(i * 0.11, 0.5) + phases.token;
    const startSeconds = atSeconds;
    atSeconds += attempt.durationSeconds;
    return { ...attempt, startSeconds, wait: i === 0 ? null : "backoff" as const };
  });
  const endMs = task.createdMonotonicMs + atSeconds * 1e3;
  if (!reason) return succeed(task, endMs, { phases, attempts });
  return fail(task, endMs, { phases, attempts }, {
    reason,
    message: message ?? MESSAGES[reason] ?? `what caused ${reason}`,
    body,
  });
}

/** Dataset IDs such as people choose. */
export function manyIds(count: number): string[] {
  const kinds = ["boligpriser", "befolkning", "trafikk", "luftkvalitet", "skoler", "parkering"];
  return Array.from({ length: count }, (_, i) => `${kinds[i % kinds.length]}-${100 + i}`);
}

/** States of the probe that the page shows. */
export const SCENES = {
  starting: { rounds: 0 },
  one: { rounds: 1 },
  healthy: {
    rounds: 700,
    reasonOf: (_id: string, round: number) => [401, 640].includes(round) ? "reset" : null,
  },
  outage: {
    rounds: 700,
    body: '<h1>502</h1><script>alert("no")</script><img src=x onerror=alert(1)>',
    reasonOf: (_id: string, round: number) =>
      round > 670 ? (round % 9 === 0 ? "timeout" : "server_error") : round === 601 ? "dns" : null,
  },
  few: {
    rounds: 200,
    datasetIds: manyIds(3),
    reasonOf: (id: string, round: number) => round > 190 && id.includes("101") ? "not_found" : null,
  },
  many: {
    rounds: 40,
    datasetIds: manyIds(200),
    reasonOf: (id: string, round: number) =>
      round > 30 && /1[049]7$/.test(id) ? (id.includes("147") ? "not_found" : "timeout") : null,
  },
  all: {
    rounds: 40,
    datasetIds: manyIds(200),
    body: '{"message": "Service Unavailable"}',
    reasonOf: (_id: string, round: number) => round > 36 ? "server_error" : null,
  },
  silent: { rounds: 50, silentSeconds: 300 },
  silentFew: { rounds: 50, silentSeconds: 300, datasetIds: manyIds(3) },
  unsteady: {
    rounds: 50,
    reasonOf: (_id: string, round: number) => [45, 47].includes(round) ? "reset" : null,
  },
  slow: { rounds: 50, secondsOf: (round: number) => round > 45 ? 2 : null },
  mixed: {
    rounds: 50,
    datasetIds: manyIds(3),
    reasonOf: (id: string, round: number) =>
      id.includes("101") && [45, 47].includes(round)
        ? "reset"
        : id.includes("102") && round > 46
        ? "dns"
        : null,
  },
  /** One dataset fails for another reason than the others, and for longer. */
  reasons: {
    rounds: 50,
    datasetIds: manyIds(4),
    reasonOf: (id: string, round: number) =>
      id.includes("100") ? round > 43 ? "not_found" : null : round > 46 ? "server_error" : null,
  },
  /** An outage of several datasets has just ended. */
  recovered: {
    rounds: 50,
    datasetIds: manyIds(4),
    reasonOf: (id: string, round: number) =>
      round > 41 && round < 48 ? (id.includes("100") ? "timeout" : "server_error") : null,
  },
  slowMany: {
    rounds: 50,
    datasetIds: manyIds(4),
    secondsOf: (round: number) => round > 45 ? 1.5 + round % 3 : null,
  },
  /** All has worked, and nothing is settled any more. */
  quiet: { rounds: 50, datasetIds: manyIds(4), silentSeconds: 20 },
  draining: { rounds: 50, draining: true },
  stalled: { rounds: 50, stalledLoops: ["probe"] },
} as const satisfies Record<string, Scene>;
