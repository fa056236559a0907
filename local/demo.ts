/**
 * Starts the emulator and the probe side by side, and stops both together: the whole system on one
 * machine, without a container engine. The probe goes the whole way, with credentials; flags are
 * passed on to it, and with `--local-services-only` it goes without.
 */
const emulatorUrl = `http://localhost:${Deno.env.get("HTTP_SERVER_PORT") || "8081"}`;

const DEFAULTS: Record<string, string> = {
  DATASET_ID: "abc123",
  TASK_INTERVAL_SECONDS: "1",
  TABLE_INTERVAL_SECONDS: "5",
  LOG_LEVEL: "info",
};

/** What the emulator accepts. */
const CREDENTIALS: Record<string, string> = {
  OKDATA_API_URL: `${emulatorUrl}/metadata/datasets`,
  OKDATA_TOKEN_URL: `${emulatorUrl}/auth/realms/api-catalog/protocol/openid-connect/token`,
  OKDATA_CLIENT_ID: "local-client",
  OKDATA_CLIENT_SECRET: "local-secret",
};

/** A lock file without what only tests need, so that a first start downloads little. */
const LOCK = ["--lock=local/run.lock", "--frozen"];

const root = new URL("..", import.meta.url);

function start(args: string[], env: Record<string, string>): Deno.ChildProcess {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", ...LOCK, ...args],
    cwd: root,
    env,
    // The terminal's Ctrl-C would reach the children on its own, beside what is sent from here.
    detached: true,
    stdin: "null",
  }).spawn();
}

const environment = Deno.args.includes("--local-services-only")
  ? { ...DEFAULTS, OKDATA_API_URL: `${emulatorUrl}/metadata` }
  : { ...DEFAULTS, ...CREDENTIALS };
const given = Object.fromEntries(
  Object.entries(environment).map(([name, value]) => [name, Deno.env.get(name) || value]),
);
const children: Deno.ChildProcess[] = [];

let stopping = false;

/** Ends the one that was started last; its end brings the next, so that the probe goes first. */
function stop(): void {
  stopping = true;
  children.at(-1)?.kill("SIGTERM");
}
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  Deno.addSignalListener(signal, () => stopping || stop());
}

/** Either one ending takes the other with it: half a demo would only mislead. */
async function follow(child: Deno.ChildProcess): Promise<number> {
  children.push(child);
  const { code } = await child.status;
  children.splice(children.indexOf(child), 1);
  stop();
  return code;
}

/** Waits until the emulator answers, so that the first task does not fail for want of it. */
async function untilReady(): Promise<void> {
  while (!stopping) {
    try {
      await (await fetch(`${emulatorUrl}/heartbeat`)).body?.cancel();
      return;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

const ended = [
  follow(start(["--allow-net", "--allow-env", "local/http_server/http_server.ts"], {})),
];
await untilReady();
if (!stopping) {
  console.error(`
Metrics and tasks of the probe: http://localhost:${Deno.env.get("PORT") || "8000"}
The platform's stand-in:        ${emulatorUrl}
Ctrl-C stops both.
`);
  const permissions = ["--no-prompt", "--allow-net", "--allow-read", "--allow-env"];
  ended.push(follow(start([...permissions, "main.ts", "--rows", "10", ...Deno.args], {
    ...given,
    LOCAL_RUN: "true",
  })));
}
Deno.exit(Math.max(...await Promise.all(ended)));
