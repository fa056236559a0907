/**
 * Controls the services of `compose.yaml`, and a probe beside them. The first argument is a command:
 *
 * - `run` starts the services, waits until they are healthy, and probes the emulator;
 * - `run-dp` starts the services without the emulator and probes the platform of the environment;
 * - `stop` stops the services, `down` removes them.
 *
 * Further arguments go to the probe, or to `docker compose stop` and `docker compose down`.
 */
const root = new URL("..", import.meta.url);

/** A lock file without the packages of the tests, so that the first start downloads little. */
const LOCK = ["--lock=local/run.lock", "--frozen"];

const PROBE = ["--no-prompt", "--allow-net", "--allow-read", "--allow-env", "main.ts"];

const COMPOSE = ["compose", "--file", "compose.yaml"];
/** `stop` and `down` include the services of all profiles. */
const PROFILES = ["--profile", "probe", "--profile", "tns-db"];

/** The services that are started, each with a line that says where it is. */
export const SERVICES = {
  prometheus: "Prometheus          http://localhost:9090",
  grafana: "Grafana             http://localhost:3000 (admin/admin)",
  alertmanager: "Alertmanager        http://localhost:9093",
  "alert-receiver": "Alerts that arrive  http://localhost:8083",
  emulator: "Emulator            http://localhost:8081",
};

/** The dashboard in that Grafana. */
const DASHBOARD_URL = "http://localhost:3000/d/dataplatform-probe";

const EXIT_FAILED = 1;
const EXIT_USAGE = 2;
const EXIT_INTERRUPTED = 130;

type Child = { env?: Record<string, string>; stdout?: "inherit" | "null" };

/** Starts a process in the project's folder that gets signals only from this program. */
function start(command: string, args: readonly string[], child: Child = {}): Deno.ChildProcess {
  return new Deno.Command(command, {
    ...child,
    args: [...args],
    cwd: root,
    // Otherwise the terminal's Ctrl-C would reach the process in addition to the signal from here.
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

/** Runs one process after the other. A signal ends the running one, and no other is started. */
class Sequence {
  #current: Deno.ChildProcess | undefined;
  isStopped = false;

  constructor() {
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
      Deno.addSignalListener(signal, () => this.#stop(signal === "SIGHUP" ? "SIGTERM" : signal));
    }
  }

  /** Starts a process, waits for its end and returns its exit code. */
  async run(startProcess: () => Deno.ChildProcess): Promise<number> {
    if (this.isStopped) return EXIT_INTERRUPTED;
    this.#current = startProcess();
    const { code } = await this.#current.status;
    this.#current = undefined;
    return code;
  }

  /** Every signal is passed on: the second one makes the probe and Docker exit at once. */
  #stop(signal: Deno.Signal): void {
    this.isStopped = true;
    try {
      this.#current?.kill(signal);
    } catch {
      // It has just ended by itself.
    }
  }
}

/** Why the services cannot run here, in one line; undefined when they can. */
async function engineProblem(): Promise<string | undefined> {
  for (const args of [["info"], ["compose", "version"]]) {
    const problem = await problemOf("docker", args);
    if (problem === undefined) continue;
    return `No Docker engine with Compose on this machine (${problem}).`;
  }
}

async function problemOf(command: string, args: string[]): Promise<string | undefined> {
  const quoted = `\`${[command, ...args].join(" ")}\``;
  try {
    const { success, stderr } = await new Deno.Command(command, { args, cwd: root }).output();
    if (success) return undefined;
    const [reason = "no error message"] = new TextDecoder().decode(stderr).match(/\S.*/) ?? [];
    return `${quoted}: ${reason.trim()}`;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return `there is no \`${command}\` on the path`;
    return `${quoted}: ${error instanceof Error ? error.message : error}`;
  }
}

/** Starts the services, then runs the probe until it ends. */
async function runWithServices(
  services: (keyof typeof SERVICES)[],
  env: Record<string, string>,
  flags: string[],
): Promise<number> {
  const port = Deno.env.get("PORT") || "8000";
  if (port !== "8000" || flags.some((flag) => /^--(port|host)\b/.test(flag))) {
    console.error("Prometheus scrapes the probe only at port 8000 of this machine.");
  }
  const settings = {
    PROMETHEUS_URL: Deno.env.get("PROMETHEUS_URL") || "http://localhost:9090",
    DASHBOARD_URL: Deno.env.get("DASHBOARD_URL") || DASHBOARD_URL,
    ...env,
  };
  const sequence = new Sequence();
  // Wrong settings are reported before the services are downloaded.
  const checked = await sequence.run(() =>
    startProbe(["--print-config", ...flags], { env: settings, stdout: "null" })
  );
  if (checked !== 0) return checked;
  const up = await sequence.run(() =>
    start("docker", [...COMPOSE, "up", "--detach", "--wait", "--build", ...services])
  );
  if (sequence.isStopped) return EXIT_INTERRUPTED;
  if (up !== 0) {
    console.error(
      "The services have not started; the reason stands above (a port in use, for example). " +
        "`docker compose logs --tail=10` shows more, `deno task down` removes them.",
    );
    return EXIT_FAILED;
  }
  console.error(`
${services.map((service) => SERVICES[service]).join("\n")}
Probe               http://localhost:${port}
Ctrl-C stops the probe, \`deno task stop\` the services; \`deno task down\` removes them.
`);
  return await sequence.run(() => startProbe(flags, { env: settings }));
}

async function main([command, ...args]: string[]): Promise<number> {
  const problem = await engineProblem();
  if (problem) {
    const alternative = "`deno task demo` needs none: it runs the emulator and the probe alone.";
    console.error(command?.startsWith("run") ? `${problem} ${alternative}` : problem);
    return EXIT_FAILED;
  }
  const { emulator: _, ...others } = SERVICES;
  const observers = Object.keys(others) as (keyof typeof others)[];
  switch (command) {
    case "run":
      return await runWithServices([...observers, "emulator"], {
        DATASET_ID: Deno.env.get("DATASET_ID") || "abc123",
        LOCAL_RUN: "true",
        LOCAL_SERVICES_ONLY: "true",
      }, args);
    case "run-dp":
      return await runWithServices(
        observers,
        { LOCAL_RUN: "true", LOCAL_SERVICES_ONLY: "false" },
        args,
      );
    case "stop":
    case "down":
      return await new Sequence().run(() =>
        start("docker", [...COMPOSE, ...PROFILES, command, ...args])
      );
    default:
      console.error("Expected run, run-dp, stop or down");
      return EXIT_USAGE;
  }
}

if (import.meta.main) Deno.exit(await main(Deno.args));
