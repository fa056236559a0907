/**
 * The services of `compose.yaml` and a probe beside them, by its first word:
 *
 * - `run` brings the services up, waits until they are healthy, and probes the emulator;
 * - `run-dp` does so without the emulator and probes the platform that the environment names;
 * - `stop` stops the services, `down` removes them.
 *
 * Further words go to the probe, or to `docker compose stop` and `docker compose down`.
 */
const root = new URL("..", import.meta.url);

/** A lock file without what only tests need, so that a first start downloads little. */
const LOCK = ["--lock=local/run.lock", "--frozen"];

const PROBE = ["--no-prompt", "--allow-net", "--allow-read", "--allow-env", "main.ts"];

const COMPOSE = ["compose", "--file", "compose.yaml"];
/** Stopping must reach what a profile has started, too. */
const PROFILES = ["--profile", "probe", "--profile", "tns-db"];

/** What is brought up, and where to look at it. */
export const SERVICES = {
  prometheus: "Prometheus          http://localhost:9090",
  grafana: "Grafana             http://localhost:3000 (admin/admin)",
  alertmanager: "Alertmanager        http://localhost:9093",
  "alert-receiver": "Alerts that arrive  http://localhost:8083",
  emulator: "Emulator            http://localhost:8081",
};

const EXIT_FAILED = 1;
const EXIT_USAGE = 2;
const EXIT_INTERRUPTED = 130;

type Child = { env?: Record<string, string>; stdout?: "inherit" | "null" };

/** Starts a process in the project's folder, which signals reach only from here. */
function start(command: string, args: readonly string[], child: Child = {}): Deno.ChildProcess {
  return new Deno.Command(command, {
    ...{ args: [...args], cwd: root, ...child },
    // The terminal's Ctrl-C would reach the children on its own, beside what is sent from here.
    detached: true,
    stdin: "null",
  }).spawn();
}

/** Starts a program of this project. */
export function startDeno(args: readonly string[], child?: Child): Deno.ChildProcess {
  return start(Deno.execPath(), ["run", "--quiet", ...LOCK, ...args], child);
}

/** Starts the probe with these flags. */
export function startProbe(flags: readonly string[], child?: Child): Deno.ChildProcess {
  return startDeno([...PROBE, ...flags], child);
}

/** One process after the other; a signal ends the one that runs, and none comes after it. */
class Sequence {
  #current: Deno.ChildProcess | undefined;
  stopped = false;

  constructor() {
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
      Deno.addSignalListener(signal, () => this.#stop(signal === "SIGHUP" ? "SIGTERM" : signal));
    }
  }

  /** Waits for its end and returns its exit code. */
  async run(starting: () => Deno.ChildProcess): Promise<number> {
    if (this.stopped) return EXIT_INTERRUPTED;
    this.#current = starting();
    const { code } = await this.#current.status;
    this.#current = undefined;
    return code;
  }

  /** The probe and Docker know what a second signal means, and that one may come twice. */
  #stop(signal: Deno.Signal): void {
    this.stopped = true;
    try {
      this.#current?.kill(signal);
    } catch {
      // It has just ended by itself.
    }
  }
}

/** Why the services cannot be had here, in one line; undefined when they can. */
async function engineProblem(): Promise<string | undefined> {
  for (const args of [["info"], ["compose", "version"]]) {
    const problem = await problemOf("docker", args);
    if (problem === undefined) continue;
    return `No Docker engine with Compose here (${problem}).`;
  }
}

async function problemOf(command: string, args: string[]): Promise<string | undefined> {
  const words = `\`${[command, ...args].join(" ")}\``;
  try {
    const { success, stderr } = await new Deno.Command(command, { args, cwd: root }).output();
    if (success) return undefined;
    const [reason = "without a word"] = new TextDecoder().decode(stderr).match(/\S.*/) ?? [];
    return `${words}: ${reason.trim()}`;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return `there is no \`${command}\` on the path`;
    return `${words}: ${error instanceof Error ? error.message : error}`;
  }
}

/** Brings the services up and runs the probe until it ends. */
async function runBeside(
  services: (keyof typeof SERVICES)[],
  env: Record<string, string>,
  flags: string[],
): Promise<number> {
  const port = Deno.env.get("PORT") || "8000";
  if (port !== "8000" || flags.some((flag) => /^--(port|host)\b/.test(flag))) {
    console.error("Prometheus looks for the probe at port 8000 of this machine, and nowhere else.");
  }
  const sequence = new Sequence();
  // What the probe would refuse is better known before the services are downloaded.
  const checked = await sequence.run(() =>
    startProbe(["--print-config", ...flags], { env, stdout: "null" })
  );
  if (checked !== 0) return checked;
  const up = await sequence.run(() =>
    start("docker", [...COMPOSE, "up", "--detach", "--wait", "--build", ...services])
  );
  if (sequence.stopped) return EXIT_INTERRUPTED;
  if (up !== 0) {
    console.error(
      "The services are not up; above stands why (a port in use, for example). " +
        "`docker compose logs --tail=10` tells more, `deno task down` removes them.",
    );
    return EXIT_FAILED;
  }
  console.error(`
${services.map((service) => SERVICES[service]).join("\n")}
Probe               http://localhost:${port}
Ctrl-C stops the probe, \`deno task stop\` the services; \`deno task down\` removes them.
`);
  return await sequence.run(() => startProbe(flags, { env }));
}

async function main([command, ...words]: string[]): Promise<number> {
  const problem = await engineProblem();
  if (problem) {
    const offer = "`deno task demo` needs none: the emulator and the probe alone.";
    console.error(/^run/.test(command ?? "") ? `${problem} ${offer}` : problem);
    return EXIT_FAILED;
  }
  const { emulator: _, ...others } = SERVICES;
  const observers = Object.keys(others) as (keyof typeof others)[];
  switch (command) {
    case "run":
      return await runBeside([...observers, "emulator"], {
        DATASET_ID: Deno.env.get("DATASET_ID") || "abc123",
        LOCAL_RUN: "true",
        LOCAL_SERVICES_ONLY: "true",
      }, words);
    case "run-dp":
      return await runBeside(observers, { LOCAL_RUN: "true", LOCAL_SERVICES_ONLY: "false" }, words);
    case "stop":
    case "down":
      return await new Sequence().run(() =>
        start("docker", [...COMPOSE, ...PROFILES, command, ...words])
      );
    default:
      console.error("Expected run, run-dp, stop or down");
      return EXIT_USAGE;
  }
}

if (import.meta.main) Deno.exit(await main(Deno.args));
