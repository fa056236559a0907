import { assert, assertThrows } from "@std/assert";
import process from "node:process";
import { eventually } from "../support/program.ts";
import { processCpuMs } from "./cpu_clock.ts";

/** The same by getrusage, in whole microseconds. */
function usedMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e3;
}

function assertSame(): void {
  const [before, clock, after] = [usedMs(), processCpuMs(Deno.pid), usedMs()];
  assert(before <= clock && clock <= after + 0.001, `${before} ≤ ${clock} ≤ ${after}`);
}

function threads(): string[] {
  return [...Deno.readDirSync("/proc/self/task")].map(({ name }) => name);
}

Deno.test("processCpuMs is what the process knows of itself, to a microsecond", () => {
  for (let i = 0; i < 100; i++) assertSame();
});

Deno.test("processCpuMs counts threads that have ended", async () => {
  const before = threads();
  const code =
    "const endMs = performance.now() + 20; while (performance.now() < endMs); postMessage(0)";
  const worker = new Worker(`data:text/javascript,${code}`, { type: "module" });
  await new Promise((resolve) => worker.onmessage = resolve);
  const own = threads().filter((thread) => !before.includes(thread));
  worker.terminate();
  await eventually("its thread has ended", () => own.some((thread) => !threads().includes(thread)));
  assertSame();
});

Deno.test("processCpuMs throws for a process that is not there", () => {
  assertThrows(() => processCpuMs(2 ** 22 + 1), Error, "process 4194305");
});
