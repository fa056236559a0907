/**
 * Starts the emulator and the probe, and stops both together: the whole system on one machine,
 * without a container engine. The probe gets tokens with credentials. Flags are passed on to it.
 */
import { startDeno, startProbe } from "./run.ts";

const emulatorUrl = `http://localhost:${Deno.env.get("HTTP_SERVER_PORT") || "8081"}`;

/** Defaults for the environment of the probe. */
const DEFAULTS: Record<string, string> = {
  DATASET_ID: "abc123",
  TASK_INTERVAL_SECONDS: "1",
  TABLE_INTERVAL_SECONDS: "5",
  LOG_LEVEL: "info",
};

/** The platform is the emulator, whatever the shell has been set up for; an empty one is unset. */
const PLATFORM: Record<string, string> = {
  OKDATA_API_URL: `${emulatorUrl}/metadata/datasets`,
  OKDATA_TOKEN_URL: `${emulatorUrl}/auth/realms/api-catalog/protocol/openid-connect/token`,
  OKDATA_CLIENT_ID: "local-client",
  OKDATA_CLIENT_SECRET: "local-secret",
  OKDATA_CLIENT_SECRET_FILE: "",
  OKDATA_ENVIRONMENT: "",
  OKDATA_SCOPE: "",
  OKDATA_AUDIENCE: "",
};

const defaults = Object.fromEntries(
  Object.entries(DEFAULTS).map(([name, value]) => [name, Deno.env.get(name) || value]),
);
/** The running processes, in the order of their start. */
const children: Deno.ChildProcess[] = [];
let isStopping = false;

/** Ends the last process. Its end stops the one before, so that the probe ends before the emulator. */
function stop(signal: Deno.Signal = "SIGTERM"): void {
  isStopping = true;
  try {
    children.at(-1)?.kill(signal);
  } catch {
    // It has just ended by itself.
  }
}
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  // Every signal is passed on: the second one makes the probe exit at once.
  Deno.addSignalListener(signal, () => stop(signal === "SIGHUP" ? "SIGTERM" : signal));
}

/** Waits for the process and returns its exit code. When one process ends, the other is stopped. */
async function untilExit(child: Deno.ChildProcess): Promise<number> {
  children.push(child);
  const { code } = await child.status;
  children.splice(children.indexOf(child), 1);
  stop();
  return code;
}

/** Whether a server responds at the emulator's address. */
async function isResponding(): Promise<boolean> {
  try {
    const signal = AbortSignal.timeout(1_000);
    await (await fetch(`${emulatorUrl}/heartbeat`, { signal })).body?.cancel();
    return true;
  } catch {
    return false;
  }
}

if (await isResponding()) {
  console.error(
    `A server responds at ${emulatorUrl} already. \`deno task stop\` stops the services of ` +
      "`deno task run`; HTTP_SERVER_PORT and PORT choose other ports.",
  );
  Deno.exit(2);
}

if (isStopping) Deno.exit(130);
const exits = [
  untilExit(startDeno(["--allow-net", "--allow-env", "local/http_server/http_server.ts"])),
];
// The first task would fail without the emulator.
while (!isStopping && !await isResponding()) {
  await new Promise((resolve) => setTimeout(resolve, 20));
}
if (!isStopping) {
  console.error(`
Metrics and tasks of the probe: http://localhost:${Deno.env.get("PORT") || "8000"}
Emulator of the platform:       ${emulatorUrl}
Ctrl-C stops both.
`);
  const env = { ...defaults, ...PLATFORM, LOCAL_RUN: "true" };
  exits.push(untilExit(startProbe(["--rows", "10", ...Deno.args], { env })));
}
Deno.exit(Math.max(...await Promise.all(exits)));
