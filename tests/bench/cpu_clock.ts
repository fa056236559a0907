import { at } from "../support/at.ts";

/** What of libc is needed for the clock of a process. */
const SYMBOLS = {
  clock_getcpuclockid: { parameters: ["i32", "buffer"], result: "i32" },
  clock_gettime: { parameters: ["i32", "buffer"], result: "i32" },
} as const;

let libc: Deno.DynamicLibrary<typeof SYMBOLS> | undefined;

/**
 * CPU time of a process since it began, in milliseconds. It is the kernel's own clock, in nanoseconds:
 * `/proc/PID/stat` has ticks of 10 ms, which is more than a second of a probe takes, and the `schedstat`
 * of its threads goes back when a thread ends. Throws when there is no such process.
 */
export function processCpuMs(pid: number): number {
  const { symbols } = libc ??= Deno.dlopen("libc.so.6", SYMBOLS);
  const clock = new Int32Array(1);
  const time = new BigInt64Array(2);
  const isThere = symbols.clock_getcpuclockid(pid, clock) === 0 &&
    symbols.clock_gettime(at(clock, 0), time) === 0;
  if (!isThere) throw new Error(`the CPU time of process ${pid} cannot be read`);
  const [seconds = 0n, nanoseconds = 0n] = time;
  return Number(seconds) * 1e3 + Number(nanoseconds) / 1e6;
}
