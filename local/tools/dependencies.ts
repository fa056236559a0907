/**
 * The packages that are in the program, with version, licence and reason: those that it names, and
 * those that come with them. Run by itself it prints their lock file.
 */
import config from "../../deno.json" with { type: "json" };

const root = new URL("../..", import.meta.url);

/** Why each package that the program names is there. */
export const REASONS: Readonly<Record<string, string>> = {
  "@logtape/logtape": "the log: levels, JSON lines; `@std/log` is no longer published",
  "@opentelemetry/api": "a root span for each task, where Deno's OpenTelemetry is on",
  "deno-std": "Deno's standard library, as npm has it: flags, bytes, hints at misspelt flags, YAML",
  "hono": "routes, and the status page's HTML",
  "oauth4webapi": "tokens: the client credentials grant",
  "prom-client": "metrics in both formats",
  "string-width": "columns of tables in a terminal",
  "undici": "llhttp, the HTTP parser of Node, for WebAssembly",
  "uplot": "the chart on the status page",
  "zod": "checks of the configuration and of responses",
};

/** Files whose packages `deno task generate` has put into the program. */
const GENERATING = ["src/status_page/browser/", "local/tools/parser.ts"];

export type Dependency = { name: string; version: string; licence: string; reason: string };

/** What a package's own `package.json` says, as far as it is of use here. */
export type Package = {
  name: string;
  version: string;
  license?: string;
  scripts?: Record<string, string>;
};

/** A lock file, as far as it is of use here; the keys of `npm` are names with versions. */
export type Lock = {
  specifiers: Record<string, string>;
  npm: Record<string, { integrity: string; dependencies?: string[]; scripts?: boolean }>;
};

/** Name and version of `npm:name@version/path`, or of a key of a lock file. */
export function parseSpecifier(specifier: string): { name: string; version: string } {
  const [, name, version] = specifier.match(/^(?:npm:\/?)?((?:@[^/@]+\/)?[^/@]+)@([^/_]+)/) ?? [];
  if (!name || !version) throw new Error(`not a package with its version: ${specifier}`);
  return { name, version };
}

export function readLock(path: string): Lock {
  return JSON.parse(Deno.readTextFileSync(new URL(path, root)));
}

/** The `package.json` of every package of `deno.lock`; downloads what is missing. */
export function lockedPackages(): Map<string, Package> {
  const { success, stdout, stderr } = new Deno.Command(Deno.execPath(), {
    args: ["info", "--lock=deno.lock", "--json", "main.ts"],
    cwd: root,
  }).outputSync();
  const decoder = new TextDecoder();
  if (!success) throw new Error(decoder.decode(stderr));
  const { npmPackages }: { npmPackages: Record<string, { localPath: string }> } = JSON.parse(
    decoder.decode(stdout),
  );
  return new Map(
    Object.entries(npmPackages).map(([key, { localPath }]) => [
      key,
      JSON.parse(Deno.readTextFileSync(`${localPath}/package.json`)),
    ]),
  );
}

/** What is locked of the program: `local/run.lock`, and what is generated. */
export function programLock(): Lock {
  const run = readLock("local/run.lock");
  const all = readLock("deno.lock");
  const lock = { ...run, specifiers: { ...run.specifiers }, npm: { ...run.npm } };
  for (const specifier of namedByGenerating()) {
    const { name, version } = parseSpecifier(specifier);
    lock.specifiers[`npm:${name}@${version}`] = parseSpecifier(keyOf(specifier, all)).version;
  }
  for (const key of keysOf(namedByGenerating(), all)) lock.npm[key] = locked(key, all);
  return lock;
}

/** The keys of these packages in a lock file, and of all that come with them. */
export function keysOf(specifiers: readonly string[], lock: Lock): Set<string> {
  const keys = new Set<string>();
  const add = (key: string) => {
    if (keys.has(key)) return;
    keys.add(key);
    needsOf(key, lock).forEach(add);
  };
  for (const specifier of specifiers) add(keyOf(specifier, lock));
  return keys;
}

function namedByGenerating(): string[] {
  return GENERATING.flatMap(filesAt)
    .map((path) => Deno.readTextFileSync(new URL(path, root)))
    .flatMap((source) => [...source.matchAll(/(?<= from ")npm:[^"]+/g)])
    .map(([specifier]) => specifier);
}

function filesAt(path: string): string[] {
  if (!path.endsWith("/")) return [path];
  return [...Deno.readDirSync(new URL(path, root))].flatMap(({ name, isDirectory }) =>
    isDirectory ? filesAt(`${path}${name}/`) : name.endsWith(".ts") ? [path + name] : []
  );
}

/** The key of the package that `npm:name@version/path` is locked to. */
function keyOf(specifier: string, { specifiers }: Lock): string {
  const { name, version } = parseSpecifier(specifier);
  return `${name}@${specifiers[`npm:${name}@${version}`]}`;
}

/** The keys of the packages that a package needs, which are named in short where that is clear. */
function needsOf(key: string, lock: Lock): string[] {
  const keys = Object.keys(lock.npm);
  return (locked(key, lock).dependencies ?? []).map((need) =>
    need in lock.npm ? need : keys.find((other) => parseSpecifier(other).name === need) ?? ""
  );
}

function locked(key: string, { npm }: Lock): Lock["npm"][string] {
  const found = npm[key];
  if (!found) throw new Error(`not in the lock file: ${key}`);
  return found;
}

/** The packages in the program: first those that it names, then those that come with them. */
export function dependencies(): Dependency[] {
  const lock = programLock();
  const known = lockedPackages();
  const imported = Object.values(config.imports).filter((specifier) =>
    specifier.startsWith("npm:")
  );
  const named = new Set(
    [...imported, ...namedByGenerating()].map((specifier) => keyOf(specifier, lock)),
  );
  const keys = Object.keys(lock.npm);
  const described = (key: string): Dependency => {
    const { name, version } = parseSpecifier(key);
    const needing = keys.filter((other) => needsOf(other, lock).includes(key))
      .map((other) => `\`${parseSpecifier(other).name}\``);
    const reason = named.has(key) ? REASONS[name] ?? "" : `comes with ${needing.join(", ")}`;
    return { name, version, licence: known.get(key)?.license ?? "", reason };
  };
  return [...[...named].sort(), ...keys.filter((key) => !named.has(key))].map(described);
}

if (import.meta.main) console.log(JSON.stringify(programLock(), null, 2));
