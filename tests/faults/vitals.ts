/** What a process holds, read where nothing has to be asked of it. */
export type Vitals = { descriptors: number; threads: number };

export function vitalsOf(pid: number): Vitals {
  return { descriptors: countIn(`/proc/${pid}/fd`), threads: countIn(`/proc/${pid}/task`) };
}

function countIn(folder: string): number {
  return [...Deno.readDirSync(folder)].length;
}

/** Resident memory of a process. */
export function residentBytes(pid: number): number {
  const [, kilobytes] = Deno.readTextFileSync(`/proc/${pid}/status`).match(/^VmRSS:\s+(\d+)/m) ??
    [];
  return Number(kilobytes) * 1024;
}

/** Whether a process is there and has not ended. */
export function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+[ZX]/m.test(Deno.readTextFileSync(`/proc/${pid}/status`));
  } catch {
    return false;
  }
}
