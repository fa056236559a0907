/**
 * Makes the README's pictures of tables: runs the probe in a real terminal against the emulator and
 * draws the terminal's screen as SVG. Needs tmux.
 */
import { startHttpServer } from "../http_server/http_server.ts";

const COLUMNS = 80;
const ROWS = 24;
const CELL = { width: 8.43, height: 18 };
const PADDING = 14;
const COLORS: Record<string, string> = { "31": "#ff7b72", "32": "#7ee787", "33": "#e3b341" };

const PROBE_ARGS = ["run", "--quiet", "-A", "main.ts"];
const MAX_WAIT_MS = 60_000;

const root = new URL("../..", import.meta.url).pathname;

/** A server of tmux of its own for each picture: the one before may still be about to end. */
let server = "";

async function tmux(...args: string[]): Promise<string> {
  const { stdout } = await new Deno.Command("tmux", {
    args: ["-L", server, "-f", "/dev/null", "-u", ...args],
  }).output();
  return new TextDecoder().decode(stdout);
}

/** The terminal's screen with its colours, as soon as it is complete. */
async function screenWhen(isComplete: (screen: string) => boolean): Promise<string> {
  const startMs = performance.now();
  let screen = "";
  while (performance.now() - startMs < MAX_WAIT_MS) {
    await new Promise((resolve) => setTimeout(resolve, 200));
    screen = (await tmux("capture-pane", "-p", "-e")).trimEnd();
    if (isComplete(screen)) return screen;
  }
  throw new Error(`the screen was not complete in time:\n${screen}`);
}

/** Runs the program with these arguments and returns the screen's lines once it is complete. */
async function record(
  args: string,
  env: Record<string, string>,
  isComplete: (screen: string) => boolean,
): Promise<string[]> {
  const assignments = Object.entries(env).map(([name, value]) => `${name}=${value}`).join(" ");
  server = crypto.randomUUID();
  const shell = `cd ${root} && env -u NO_COLOR ${assignments} PS1='$ ' bash --norc`;
  await tmux("new-session", "-d", "-x", String(COLUMNS), "-y", String(ROWS), shell);
  try {
    await tmux(
      "send-keys",
      `dataplatform-probe() { ${[Deno.execPath(), ...PROBE_ARGS].join(" ")} "$@"; }; clear`,
      "Enter",
    );
    // Text that is typed before the prompt appears would be shown twice.
    await screenWhen((screen) => screen === "$");
    await tmux("send-keys", `dataplatform-probe ${args}`, "Enter");
    return (await screenWhen(isComplete)).split("\n");
  } finally {
    await tmux("kill-server");
  }
}

/** A one-off run with its table, without the shell's next prompt. */
async function recordRun(env: Record<string, string>): Promise<string[]> {
  const lines = await record(
    "--count 8 --task-interval 0.3 --table",
    env,
    (screen) => screen.includes("tracked:") && screen.endsWith("$"),
  );
  return lines.slice(0, -1);
}

/** A watch of a running probe that fills the terminal. */
async function recordWatch(env: Record<string, string>): Promise<string[]> {
  const probe = new Deno.Command(Deno.execPath(), {
    args: PROBE_ARGS,
    cwd: root,
    env: { ...env, DATASET_ID: "abc123,def456", TASK_INTERVAL_SECONDS: "0.8" },
    stdout: "null",
    stderr: "null",
  }).spawn();
  // When its port is in use it ends, and the picture would show the probe on that port.
  const ended = probe.status.then(({ code }) => {
    if (code !== 0) throw new Error(`the probe exited with ${code}`);
    return [];
  });
  try {
    const isFull = (screen: string) => / [6-9]\d tracked/.test(screen);
    return await Promise.race([record("tasks --watch", env, isFull), ended]);
  } finally {
    probe.kill("SIGTERM");
    await ended.catch(() => {});
  }
}

function svgOf(lines: string[], title: string): string {
  const width = COLUMNS * CELL.width + 2 * PADDING;
  const height = lines.length * CELL.height + 2 * PADDING;
  const rows = lines.map((line, i) =>
    `<text x="${PADDING}" y="${PADDING + (i + 0.75) * CELL.height}">${spansOf(line)}</text>`
  );
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" ` +
    `viewBox="0 0 ${width} ${height}" role="img" aria-label="${title}">`,
    `<rect width="100%" height="100%" rx="8" fill="#0d1117"/>`,
    `<g fill="#e6edf3" font-family="ui-monospace, Menlo, Consolas, monospace" font-size="14" ` +
    `xml:space="preserve">`,
    ...rows,
    "</g>",
    "</svg>",
    "",
  ].join("\n");
}

/** A line as SVG, with the styles that tables use. */
function spansOf(line: string): string {
  let style = "";
  // deno-lint-ignore no-control-regex
  return line.split(/(\x1b\[[\d;]*m)/).map((part) => {
    if (!part.startsWith("\x1b")) return part && `<tspan${style}>${escape(part)}</tspan>`;
    const codes = part.slice(2, -1).split(";");
    const color = codes.map((code) => COLORS[code]).find(Boolean);
    if (color) style = ` fill="${color}"`;
    else if (codes.includes("1")) style = ' font-weight="bold"';
    else style = "";
    return "";
  }).join("");
}

function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(" ", "\u00a0");
}

const emulator = startHttpServer({
  seed: 5,
  faults: { delay_percent: 20, delay_max_seconds: 1, unauthorized_percent: 15 },
});
const environment = {
  DATASET_ID: "abc123",
  LOCAL_SERVICES_ONLY: "true",
  OKDATA_API_URL: `${emulator.url}/metadata`,
  RETRIES: "1",
  PORT: "8000",
};
try {
  for (
    const [name, title, recorded] of [
      ["table.svg", "A one-off run and its table of tracked tasks", recordRun],
      ["watch.svg", "A running probe, watched in a terminal", recordWatch],
    ] as const
  ) {
    const out = new URL(`../../docs/images/${name}`, import.meta.url);
    await Deno.writeTextFile(out, svgOf(await recorded(environment), title));
    console.log(`wrote ${out.pathname.slice(root.length)}`);
  }
} finally {
  await emulator.shutdown();
}
