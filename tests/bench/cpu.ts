import { setTimeout as sleep } from "node:timers/promises";
import { Child, script } from "./child.ts";
import { compared, type Figure, type Line } from "./figure.ts";
import { Probe } from "./probe.ts";
import { Target } from "./target.ts";
import { temporaryPath } from "./temporary.ts";

const INTERVAL_MS = 4;
const WARM_UP_MS = 5_000;
const ROUNDS = 5;
/** What a process catches up on after a pause is not measured. */
const SETTLE_MS = 500;
const WINDOW_MS = 3_500;

/**
 * CPU time of one task at 250 tasks a second, start-up and warm-up left out. The processes take
 * turns, the others held still meanwhile, so that a noisy moment of the machine meets all of them.
 */
export const cpu: Line = {
  name: "cpu",
  help: "CPU time of one task, beside a bare node:http client that makes the same requests",
  async measure(say) {
    await using target = await Target.start();
    const env = { TASK_INTERVAL_SECONDS: String(INTERVAL_MS / 1e3) };
    await using bare = new Child([
      "run",
      "--allow-net",
      script("bare_client.ts"),
      `${target.apiUrl}/abc123`,
      String(INTERVAL_MS),
    ]);
    await using quiet = await Probe.start(target.apiUrl, {
      stderr: "/dev/null",
      env: { ...env, LOG_LEVEL: "warning" },
    });
    await using logging = await Probe.start(target.apiUrl, {
      stderr: temporaryPath("probe.log"),
      env: { ...env, LOG_LEVEL: "info" },
    });
    const processes = [bare, quiet, logging];
    say("warming up");
    await sleep(WARM_UP_MS);
    for (const each of processes) each.pause();

    const values: number[][] = processes.map(() => []);
    for (let round = 1; round <= ROUNDS; round++) {
      say(`round ${round} of ${ROUNDS}`);
      for (const [i, each] of processes.entries()) {
        each.resume();
        await sleep(SETTLE_MS);
        values[i].push(await cpuMsPerTask(each, target));
        each.pause();
      }
    }

    const figure = (what: string, i: number): Figure => ({ what, unit: "ms", values: values[i] });
    const peer = figure("bare node:http client", 0);
    return [
      peer,
      compared(figure("a task, LOG_LEVEL=warning", 1), peer, "1.5 ×, later 1.3 ×"),
      compared(figure("a task, a line of log for each", 2), peer, "1.5 ×, later 1.3 ×"),
    ];
  },
};

async function cpuMsPerTask(client: Child, target: Target): Promise<number> {
  const [firstMs, firstCount] = [await client.cpuMs(), await target.count()];
  await sleep(WINDOW_MS);
  const [lastMs, lastCount] = [await client.cpuMs(), await target.count()];
  return (lastMs - firstMs) / (lastCount - firstCount);
}
