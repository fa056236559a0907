/**
 * Starts the emulator and the probe side by side, and stops both together: the whole system on one
 * machine, without a container engine. The probe goes the whole way, with credentials; flags are
 * passed on to it.
 */
import { startDeno, startProbe } from "./run.ts";

const emulatorUrl = `http://localhost:${Deno.env.get("HTTP_SERVER_PORT") || "8081"}`;

/** What the probe gets unless the environment says otherwise; the emulator knows the client. */
const DEFAULTS: Record<string, string> = {
  DATASET_ID: "abc123",
  TASK_INTERVAL_SECONDS: "1",
  TABLE_INTERVAL_SECONDS: "5",
  LOG_LEVEL: "info",
  OKDATA_API_URL: `${emulatorUrl}/metadata/datasets`,
  OKDATA_TOKEN_URL: `${emulatorUrl}/auth/realms/api-catalog/protocol/openid-connect/token`,
  OKDATA_CLIENT_ID: "local-client",
  OKDATA_CLIENT_SECRET: "local-secret",
};

const given = Object.fromEntries(
  Object.entries(DEFAULTS).map(([name, value]) => [name, Deno.env.get(name) || value]),
);
const children: Deno.ChildProcess[] = [];

let stopping = false;

/** Ends the one that was started last; its end brings the next, so that the probe goes first. */
function stop(signal: Deno.Signal = "SIGTERM"): void {
  stopping = true;
  try {
    children.at(-1)?.kill(signal);
  } catch {
    // It has just ended by itself, which brings the next.
  }
}
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  // The probe knows what a second signal means, and that one may come twice.
  Deno.addSignalListener(signal, () => stop(signal === "SIGHUP" ? "SIGTERM" : signal));
}

/** Either one ending takes the other with it: half a demo would only mislead. */
async function follow(child: Deno.ChildProcess): Promise<number> {
  children.push(child);
  const { code } = await child.status;
  children.splice(children.indexOf(child), 1);
  stop();
  return code;
}

/** Whether there is an answer where the emulator answers. */
async function isAnswering(): Promise<boolean> {
  try {
    const signal = AbortSignal.timeout(1_000);
    await (await fetch(`${emulatorUrl}/heartbeat`, { signal })).body?.cancel();
    return true;
  } catch {
    return false;
  }
}

if (await isAnswering()) {
  console.error(
    `Something answers at ${emulatorUrl} already: \`deno task stop\` ends what \`deno task run\` ` +
      "has started, and HTTP_SERVER_PORT and PORT name other ports.",
  );
  Deno.exit(2);
}

if (stopping) Deno.exit(130);
const ended = [
  follow(startDeno(["--allow-net", "--allow-env", "local/http_server/http_server.ts"])),
];
// The first task must not fail for want of it.
while (!stopping && !await isAnswering()) await new Promise((resolve) => setTimeout(resolve, 20));
if (!stopping) {
  console.error(`
Metrics and tasks of the probe: http://localhost:${Deno.env.get("PORT") || "8000"}
The platform's stand-in:        ${emulatorUrl}
Ctrl-C stops both.
`);
  const env = { ...given, LOCAL_RUN: "true" };
  ended.push(follow(startProbe(["--rows", "10", ...Deno.args], { env })));
}
Deno.exit(Math.max(...await Promise.all(ended)));
