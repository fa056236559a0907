/**
 * Starts the emulator and the probe side by side, and stops both together: the whole system on one
 * machine, without a container engine. Flags are passed on to the probe.
 */
const DEFAULTS = {
  DATASET_ID: "abc123",
  TASK_INTERVAL_SECONDS: "1",
  TABLE_INTERVAL_SECONDS: "5",
};

const root = new URL("..", import.meta.url);
const port = (name: string, fallback: string) => Deno.env.get(name) || fallback;

function start(args: string[], env: Record<string, string>): Deno.ChildProcess {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", ...args],
    cwd: root,
    env,
    // The terminal's Ctrl-C would reach the children on its own, beside what is sent from here.
    detached: true,
    stdin: "null",
  }).spawn();
}

const given = Object.fromEntries(
  Object.entries(DEFAULTS).map(([name, value]) => [name, Deno.env.get(name) || value]),
);
const emulator = start(
  ["--allow-net", "--allow-env", "local/http_server/http_server.ts"],
  {},
);
const probe = start(
  ["--no-prompt", "--allow-net", "--allow-read", "--allow-env", "main.ts", ...Deno.args],
  { ...given, LOCAL_RUN: "true", LOCAL_SERVICES_ONLY: "true" },
);
const children = [probe, emulator];

let stopping = false;
function stop(): void {
  if (stopping) return;
  stopping = true;
  for (const child of children) {
    try {
      child.kill("SIGTERM");
    } catch {
      // It has ended on its own.
    }
  }
}
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) Deno.addSignalListener(signal, stop);

console.error(
  `\nMetrics and tasks: http://localhost:${port("PORT", "8000")}` +
    `\nThe platform's stand-in: http://localhost:${port("HTTP_SERVER_PORT", "8081")}` +
    "\nCtrl-C stops both.\n",
);

// Either one ending takes the other with it: half a demo would only mislead.
const codes = await Promise.all(
  children.map(async (child) => {
    const { code } = await child.status;
    stop();
    return code;
  }),
);
Deno.exit(Math.max(...codes));
