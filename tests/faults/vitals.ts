/** Resources of a process, read from outside. */
export type Vitals = { descriptors: number; threads: number };

export function vitalsOf(pid: number): Vitals {
  return { descriptors: countIn(`/proc/${pid}/fd`), threads: countIn(`/proc/${pid}/task`) };
}

function countIn(folder: string): number {
  return [...Deno.readDirSync(folder)].length;
}

/** Resident memory of a process, in bytes. */
export function residentBytes(pid: number): number {
  const status = Deno.readTextFileSync(`/proc/${pid}/status`);
  return Number(status.match(/^VmRSS:\s+(\d+)/m)?.[1]) * 1024;
}

/** Whether a process has not ended. */
export function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+[ZX]/m.test(Deno.readTextFileSync(`/proc/${pid}/status`));
  } catch {
    return false;
  }
}
