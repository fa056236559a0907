import { dirname } from "node:path";
import { bundle as makeBundle } from "../../local/tools/compile.ts";
import { Child, type ChildOptions, deno, eventuallyFetch, freePort } from "./child.ts";
import { metricIn } from "./exposition.ts";
import { collectGarbage } from "./inspector.ts";
import { temporaryPath } from "../support/temporary.ts";

const PERMISSIONS = ["--no-prompt", "--allow-net", "--allow-read", "--allow-env"];

let bundled: Promise<string> | undefined;

/** The file that starts the program as users run it, with all that it needs beside it; made once. */
export function bundle(): Promise<string> {
  return bundled ??= makeBundle(temporaryPath("program"));
}

/** How much the files of the bundle are together. */
export async function bundleBytes(): Promise<number> {
  const folder = dirname(await bundle());
  const files = await Array.fromAsync(Deno.readDir(folder));
  return files.reduce((sum, { name }) => sum + Deno.statSync(`${folder}/${name}`).size, 0);
}

/** Arguments that start the bundle; `flags` are Deno's own. */
export async function probeArguments(flags: readonly string[] = []): Promise<string[]> {
  return ["run", ...flags, ...PERMISSIONS, await bundle()];
}

/** The command that starts the bundle. */
export async function probeCommand(flags: readonly string[] = []): Promise<string[]> {
  return deno(...await probeArguments(flags));
}

/** A way in which users run the probe, and what figures call it. */
export type Program = {
  name: "bundle" | "executable";
  what: string;
  command: readonly string[];
  /** The command of a client that only makes requests, on the same runtime. */
  bareClient: readonly string[];
};

/** The settings of a probe that listens on `port` and asks `apiUrl` for one dataset. */
export function probeEnvironment(port: number, apiUrl: string): Record<string, string> {
  return {
    DATASET_ID: "abc123",
    LOCAL_SERVICES_ONLY: "true",
    OKDATA_API_URL: apiUrl,
    HOST: "127.0.0.1",
    PORT: String(port),
    LOG_FORMAT: "json",
  };
}

type ProbeOptions = ChildOptions & {
  env: Record<string, string>;
  /** The bundle unless given. */
  program?: Program;
  /** Whether its garbage can be collected on demand, which only the bundle's can. */
  isInspected?: boolean;
};

/** A task as `/tasks` has it, in part. */
type Task = { seqno: number; duration_seconds: number | null };

/** What a probe says of its lateness: over how many slots, and the sum. */
export type Lag = { sumMs: number; count: number };

/** A process that probes. */
export class Probe extends Child {
  private constructor(
    command: readonly string[],
    options: ChildOptions,
    readonly url: string,
    private readonly inspectorPort: number | null,
  ) {
    super(command, options);
  }

  /** Starts it against `apiUrl`; it listens when this returns. It logs errors only. */
  static async start(
    apiUrl: string,
    { env, program, stderr, isInspected }: ProbeOptions,
  ): Promise<Probe> {
    const port = freePort();
    const inspectorPort = isInspected ? freePort() : null;
    const flags = inspectorPort === null ? [] : [`--inspect=127.0.0.1:${inspectorPort}`];
    const given = { ...probeEnvironment(port, apiUrl), LOG_LEVEL: "error", ...env };
    const url = `http://127.0.0.1:${port}`;
    const command = program?.command ?? await probeCommand(flags);
    const probe = new Probe(command, { stderr, env: given }, url, inspectorPort);
    await probe.unlessItEnds(eventuallyFetch(`${url}/metrics`));
    return probe;
  }

  /** Gives back all memory that it can do without; returns how many bytes JavaScript keeps. */
  async collectGarbage(): Promise<number> {
    if (this.inspectorPort === null) throw new Error("the probe is not inspected");
    return await collectGarbage(this.inspectorPort);
  }

  /** The sum of the samples of that name, at this moment. */
  async metric(name: string): Promise<number> {
    return metricIn(await this.scrape(), name);
  }

  async scrape(): Promise<string> {
    return await (await fetch(`${this.url}/metrics`)).text();
  }

  /** The newest tasks, at most a thousand, newest first. */
  async tasks(): Promise<Task[]> {
    return (await (await fetch(`${this.url}/tasks?limit=1000`)).json()).tasks;
  }

  /** What it says of its lateness so far, over all slots. */
  async lag(): Promise<Lag> {
    return lagIn(await this.scrape());
  }
}

/** The lateness of a probe's slots so far, as its exposition has it. */
export function lagIn(exposition: string): Lag {
  const lines = exposition.split("\n").filter((line) => line.includes('loop="probe"')).join("\n");
  return {
    sumMs: 1e3 * metricIn(lines, "probe_schedule_lag_seconds_sum"),
    count: metricIn(lines, "probe_schedule_lag_seconds_count"),
  };
}

/** The mean lateness of the slots between two looks. */
export function meanLagMs(before: Lag, after: Lag): number {
  return (after.sumMs - before.sumMs) / (after.count - before.count);
}
