import type { Run } from "./figure.ts";

/** Debian's packages that stand beside the probe, and the flag that makes each tell its version. */
const TOOLS = {
  "curl": "--version",
  "nginx": "-v",
  "wrk": "-v",
  "prometheus": "--version",
  "prometheus-blackbox-exporter": "--version",
};

export type Tool = keyof typeof TOOLS;

/** The version of each tool that is here. */
export async function toolVersions(): Promise<Record<string, string>> {
  const versions: Record<string, string> = {};
  for (const tool of Object.keys(TOOLS) as Tool[]) {
    const version = await versionOf(tool, TOOLS[tool]);
    if (version) versions[tool] = version;
  }
  return versions;
}

export async function isHere(tool: Tool): Promise<boolean> {
  return await versionOf(tool, TOOLS[tool]) !== undefined;
}

/** Whether the tools are here; where they are not, the run notes what it leaves out for want of them. */
export async function areHere(tools: readonly Tool[], what: string, run: Run): Promise<boolean> {
  const here = await Promise.all(tools.map(isHere));
  const missing = tools.filter((_, i) => !here[i]);
  if (missing.length > 0) run.leaveOut(what, `${missing.join(" and ")} cannot be run`);
  return missing.length === 0;
}

/** The first version that a command speaks of when it is given this flag. */
async function versionOf(command: string, flag: string): Promise<string | undefined> {
  try {
    const { stdout, stderr } = await new Deno.Command(command, { args: [flag] }).output();
    const output = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes)).join("\n");
    return output.match(/\d+\.\d+\.\d+\S*/)?.[0];
  } catch {
    return undefined;
  }
}
