/**
 * Makes the README's picture of the table: runs the probe in a real terminal (tmux) against the
 * emulator and draws what the terminal shows. Needs tmux.
 */
import { startHttpServer } from "./http_server/http_server.ts";

const COLUMNS = 80;
const ROWS = 24;
const CELL = { width: 8.43, height: 18 };
const PADDING = 14;
const COLORS: Record<string, string> = { "31": "#ff7b72", "32": "#7ee787", "33": "#e3b341" };

const out = new URL("pictures/table.svg", import.meta.url);
const root = new URL("..", import.meta.url).pathname;

async function tmux(...args: string[]): Promise<string> {
  const { stdout } = await new Deno.Command("tmux", { args: ["-L", "picture", ...args] }).output();
  return new TextDecoder().decode(stdout);
}

/** What the terminal shows, with its colours, once the shell has its prompt back. */
async function record(apiUrl: string): Promise<string> {
  const environment =
    `DATASET_ID=abc123 LOCAL_SERVICES_ONLY=true OKDATA_API_URL=${apiUrl} RETRIES=1 PS1='$ '`;
  const shell = `cd ${root} && env -u NO_COLOR ${environment} bash --norc`;
  await tmux("new-session", "-d", "-x", String(COLUMNS), "-y", String(ROWS), shell);
  const probe = `${Deno.execPath()} run -q -A main.ts`;
  await tmux("send-keys", `dataplatform-probe() { ${probe} "$@"; }; clear`, "Enter");
  await tmux("send-keys", "dataplatform-probe --count 8 --task-interval 0.3 --table", "Enter");
  for (let tries = 0; tries < 100; tries++) {
    await new Promise((resolve) => setTimeout(resolve, 200));
    const screen = await tmux("capture-pane", "-p", "-e");
    if (screen.includes("tracked:") && screen.trimEnd().endsWith("$")) {
      await tmux("kill-server");
      return screen;
    }
  }
  throw new Error("the probe did not come to its end");
}

function svgOf(screen: string): string {
  const lines = screen.trimEnd().split("\n").slice(0, -1);
  const width = COLUMNS * CELL.width + 2 * PADDING;
  const height = lines.length * CELL.height + 2 * PADDING;
  const rows = lines.map((line, i) =>
    `<text x="${PADDING}" y="${PADDING + (i + 0.75) * CELL.height}">${spansOf(line)}</text>`
  );
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" ` +
    `viewBox="0 0 ${width} ${height}" role="img" aria-label="The table of tracked tasks">`,
    `<rect width="100%" height="100%" rx="8" fill="#0d1117"/>`,
    `<g fill="#e6edf3" font-family="ui-monospace, Menlo, Consolas, monospace" font-size="14" ` +
    `xml:space="preserve">`,
    ...rows,
    "</g>",
    "</svg>",
    "",
  ].join("\n");
}

/** A line with its colours: `tmux -e` gives only the colours that the table uses. */
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
try {
  await Deno.writeTextFile(out, svgOf(await record(`${emulator.url}/metadata`)));
  console.log(`written: ${out.pathname.slice(root.length)}`);
} finally {
  await emulator.shutdown();
}
