import { eventually } from "../support/program.ts";

/** Stops a process while `action` runs: what it has sent by then arrives, and it sends no more. */
export async function whileStopped(
  child: Deno.ChildProcess,
  action: () => Promise<void>,
): Promise<void> {
  child.kill("SIGSTOP");
  try {
    await eventually("the process is stopped", async () => {
      return /^State:\s+T/m.test(await Deno.readTextFile(`/proc/${child.pid}/status`));
    });
    await action();
  } finally {
    child.kill("SIGCONT");
  }
}
