import { Blackbox } from "./blackbox.ts";
import { Child, deno, script } from "./child.ts";
import { BUNDLE, EXECUTABLE, executables } from "./executables.ts";
import { type Aim, compared, type Figure, type Run } from "./figure.ts";
import { probeCommand, probeEnvironment } from "./probe.ts";
import { areHere } from "./tools.ts";

/** A program that serves scrapes on a given port. */
export type Server = {
  what: string;
  start(port: number): Child;
  /** The server that it is compared with, and whether that is what an aim is for. */
  beside?: { what: string; hasAim: boolean };
};

const EMPTY_SCRIPT = "an empty Deno.serve, script";
const EMPTY_EXECUTABLE = "an empty Deno.serve, executable";

/**
 * The probe as users get it, each time with the least that it could be: as a bundle that this Deno
 * runs, and as an executable. And blackbox_exporter. The probes ask `apiUrl`.
 */
export async function servers(what: string, apiUrl: string, run: Run): Promise<Server[]> {
  const emptyOf = (command: string[]) => (port: number) => new Child([...command, String(port)]);
  const probeOf = (command: string[]) => (port: number) =>
    new Child(command, { env: probeEnvironment(port, apiUrl), stderr: "/dev/null" });
  const empty = deno("run", "--no-prompt", "--allow-net", script("empty_server.ts"));
  const probe = await probeCommand();
  const made = await executables(`${what} of the executable`, run);
  const blackbox = "prometheus-blackbox-exporter";
  return [
    ...await areHere([blackbox], `${what} of blackbox_exporter`, run)
      ? [{ what: "blackbox_exporter", start: (port: number) => new Blackbox(port) }]
      : [],
    { what: EMPTY_SCRIPT, start: emptyOf(empty) },
    { what: BUNDLE, start: probeOf(probe), beside: { what: EMPTY_SCRIPT, hasAim: false } },
    ...made
      ? [
        { what: EMPTY_EXECUTABLE, start: emptyOf([made.empty]) },
        {
          what: EXECUTABLE,
          start: probeOf([made.probe]),
          beside: { what: EMPTY_EXECUTABLE, hasAim: true },
        },
      ]
      : [],
  ];
}

/** A figure for each server from its values, in the same order. */
export function figuresOf(
  servers: readonly Server[],
  values: readonly number[][],
  { unit, aim }: { unit: string; aim: Aim },
): Figure[] {
  const figures = servers.map(({ what }, i): Figure => ({ what, unit, values: values[i] ?? [] }));
  return figures.map((figure, i) => {
    const beside = servers[i]?.beside;
    const peer = figures.find(({ what }) => what === beside?.what);
    return peer ? compared(figure, peer, beside?.hasAim ? aim : undefined) : figure;
  });
}
