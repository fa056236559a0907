import { assertEquals } from "@std/assert";

/**
 * Which files of `src/` a file may import, besides packages. A file that is not listed here may
 * import nothing of ours.
 */
const ALLOWED: Record<string, string[] | "all"> = {
  "main.ts": [
    ..."access app check cli clock config dashboard exit_code runtime listen log output".split(" "),
    ..."random remote remote_error report rules screen stop tasks tracing version".split(" "),
    "okdata/transport",
  ],
  "access.ts": ["config", "runtime"],
  "accounts.ts": ["catalogue", "task"],
  "app.ts": "all",
  "backlog.ts": ["packed_successes", "task"],
  "check.ts": "all",
  "cli.ts": ["config", "task"],
  "config.ts": ["legible"],
  "events.ts": ["clock"],
  "exit_code.ts": ["task"],
  "heartbeat.ts": ["task"],
  "history.ts": ["catalogue", "task"],
  "platform.ts": "all",
  "frame.ts": ["listing", "table", "times"],
  "runtime.ts": [
    ...["accounts", "backlog", "clock", "log", "okdata/transport", "output", "random", "tracing"],
  ],
  "shedLoad.ts": ["clock", "security_headers"],
  "listen.ts": ["clock", "shedLoad", "runtime"],
  "listing.ts": [
    "exit_code",
    "runtime",
    "legible",
    "okdata/errors",
    "remote",
    "remote_error",
    "table",
    "task",
  ],
  "legible.ts": ["okdata/errors"],
  "log.ts": ["output", "times"],
  "catalogue.ts": [],
  "instruments.ts": [],
  "metrics.ts": ["catalogue", "clock", "instruments", "task"],
  "dashboard.ts": ["catalogue", "objectives"],
  "objectives.ts": ["catalogue"],
  "remote.ts": [
    ...["access", "clock", "config", "exit_code", "runtime", "remote_error", "version"],
    ...["okdata/errors", "okdata/phases", "okdata/redact", "okdata/transport"],
  ],
  "rules.ts": ["catalogue", "objectives"],
  "packed_successes.ts": ["task"],
  "probe.ts": ["backlog", "clock", "okdata/errors", "task", "tracing"],
  "report.ts": ["log", "task", "times"],
  "schedule.ts": ["clock"],
  "screen.ts": ["output"],
  "security_headers.ts": [],
  "server.ts": [
    ...["access", "backlog", "metrics", "security_headers", "status", "status_page.tsx", "task"],
  ],
  "status.ts": ["backlog", "clock", "history", "task", "version"],
  "status_page.tsx": [
    ...["history", "page/client.js", "page/page.min.css", "page/words", "status", "task"],
    ...["datasets", "figures", "parts", "tasks"].map((part) => `status_page/${part}.tsx`),
  ],
  "status_page/datasets.tsx": ["history", "page/words", "status", "task", "status_page/parts.tsx"],
  "status_page/figures.tsx": ["page/words", "status", "task", "status_page/parts.tsx"],
  "status_page/parts.tsx": ["history", "legible", "page/words", "status", "task"],
  "status_page/tasks.tsx": [
    "history",
    "legible",
    "page/words",
    "status",
    "task",
    "status_page/parts.tsx",
  ],
  "table.ts": ["backlog", "task", "times"],
  "tasks.ts": [
    ...[
      "access",
      "cli",
      "config",
      "exit_code",
      "runtime",
      "listing",
      "remote",
      "report",
      "screen",
      "table",
      "task",
    ],
    "watch",
  ],
  "tracing.ts": ["random"],
  "version.ts": ["../deno.json"],
  "watch.ts": ["clock", "exit_code", "frame", "runtime", "listing", "remote_error", "screen"],
};

/** The one external system may know the clock, chance, the words for tasks, and itself. */
const ALLOWED_IN_OKDATA = ["clock", "random", "task"];

const root = new URL("../..", import.meta.url);

async function ownImportsOf(path: string): Promise<string[]> {
  const source = await Deno.readTextFile(new URL(path, root));
  return [...source.matchAll(/(?:from |import\()"(\.[^"]+)"/g)].map(([, specifier]) =>
    new URL(specifier, new URL(path, root)).pathname.slice(root.pathname.length)
      .replace(/^src\//, "").replace(/\.ts$/, "")
  );
}

async function sources(): Promise<string[]> {
  const found = ["main.ts"];
  for (const folder of ["src", "src/okdata", "src/status_page"]) {
    for await (const { name, isFile } of Deno.readDir(new URL(folder, root))) {
      if (isFile) found.push(`${folder}/${name}`);
    }
  }
  return found;
}

Deno.test("imports point one way", async () => {
  const wrong: string[] = [];
  for (const path of await sources()) {
    const inOkdata = path.startsWith("src/okdata/");
    const allowed = inOkdata ? ALLOWED_IN_OKDATA : ALLOWED[path.replace("src/", "")] ?? [];
    for (const imported of await ownImportsOf(path)) {
      const fine = allowed === "all" ||
        allowed.includes(imported.replace("deno.json", "../deno.json")) ||
        (inOkdata && imported.startsWith("okdata/"));
      if (!fine) wrong.push(`${path} imports ${imported}`);
    }
  }
  assertEquals(wrong, []);
});

Deno.test("arguments, environment, exits and signals are main.ts's alone; sockets are the transport's", async () => {
  const wrong: string[] = [];
  const only: [RegExp, string[]][] = [
    [/Deno\.(args|env|exit|addSignalListener)\b/, ["main.ts"]],
    [/node:https?"|node:net"|(?<!\.)\bfetch\(/, ["src/http_client/exchange.ts"]],
    [/Deno\.(serve|listen)\b/, ["src/server/listen.ts"]],
    [/\bsetTimeout\(|Date\.now\(|performance\.now\(/, [
      "src/core/clock.ts",
      "src/server/listen.ts",
      "src/runtime/output.ts",
    ]],
    [/Math\.random\(/, ["src/core/random.ts"]],
  ];
  for (const path of await sources()) {
    const source = await Deno.readTextFile(new URL(path, root));
    for (const [pattern, places] of only) {
      const found = source.match(pattern);
      if (found && !places.includes(path)) wrong.push(`${path}: ${found[0]}`);
    }
  }
  assertEquals(wrong, []);
});

Deno.test("the emulator imports nothing from src/", async () => {
  const folder = new URL("local/http_server/", root);
  for await (const { name } of Deno.readDir(folder)) {
    const source = await Deno.readTextFile(new URL(name, folder));
    assertEquals(source.includes("/src/"), false, name);
  }
});
