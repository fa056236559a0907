/**
 * The packages that are in the program, with version, licence and reason: those that it names, and
 * those that come with them.
 */
import config from "../deno.json" with { type: "json" };

const root = new URL("..", import.meta.url);

/** Why each package that the program names is there. */
export const REASONS: Readonly<Record<string, string>> = {
  "@logtape/logtape": "the log: levels, JSON lines; `@std/log` is no longer published",
  "@opentelemetry/api": "a root span for each task, where Deno's OpenTelemetry is on",
  "deno-std": "Deno's standard library, as npm has it: flags, bytes, hints at misspelt flags, YAML",
  "hono": "routes, and the status page's HTML",
  "oauth4webapi": "tokens: the client credentials grant",
  "prom-client": "metrics in both formats",
  "string-width": "columns of tables in a terminal",
  "uplot": "the chart on the status page",
  "zod": "checks of the configuration and of answers",
};

/** Packages that are in the program by way of what the browser gets, which is made beforehand. */
const IN_THE_PAGE = ["src/page/client.ts"];

export type Dependency = { name: string; version: string; licence: string; reason: string };

/** What a package's own `package.json` says, as far as it is of use here. */
export type Package = {
  name: string;
  version: string;
  license?: string;
  scripts?: Record<string, string>;
};

/** Name and version of `npm:name@version/path`, or of a key of a lock file. */
export function parseSpecifier(specifier: string): { name: string; version: string } {
  const [, name, version] = specifier.match(/^(?:npm:)?((?:@[^/@]+\/)?[^/@]+)@([^/_]+)/) ?? [];
  if (!name) throw new Error(`not a package with its version: ${specifier}`);
  return { name, version };
}

/** The `package.json` of each locked package, by name and version; all are downloaded already. */
export function packages(): Map<string, Package> {
  const { success, stdout, stderr } = new Deno.Command(Deno.execPath(), {
    args: ["info", "--json", "--frozen", "main.ts"],
    cwd: root,
  }).outputSync();
  const decoder = new TextDecoder();
  if (!success) throw new Error(decoder.decode(stderr));
  const { npmPackages }: { npmPackages: Record<string, { localPath: string }> } = JSON.parse(
    decoder.decode(stdout),
  );
  return new Map(
    Object.entries(npmPackages).map(([key, { localPath }]) => {
      const { name, version } = parseSpecifier(key);
      return [`${name}@${version}`, JSON.parse(Deno.readTextFileSync(`${localPath}/package.json`))];
    }),
  );
}

/** Name and version of the packages that the program names itself. */
export function namedPackages(): string[] {
  const inPage = IN_THE_PAGE.flatMap((path) => {
    const source = Deno.readTextFileSync(new URL(path, root));
    return [...source.matchAll(/ from "(npm:[^"]+)"/g)].map(([, specifier]) => specifier);
  });
  const named = [...Object.values(config.imports), ...inPage].map((specifier) => {
    const { name, version } = parseSpecifier(specifier);
    return `${name}@${version}`;
  });
  return [...new Set(named)].sort();
}

/** The packages in the program: first those that it names, then those that come with them. */
export function dependencies(): Dependency[] {
  const known = packages();
  const named = namedPackages();
  const { npm: locked }: { npm: Record<string, { dependencies?: string[] }> } = JSON.parse(
    Deno.readTextFileSync(new URL("local/run.lock", root)),
  );
  const further = Object.keys(locked).filter((key) => !named.includes(key));
  const needs = (key: string) =>
    Object.keys(locked).filter((other) =>
      locked[other].dependencies?.some((need) => need === key || need === parseSpecifier(key).name)
    ).map((other) => `\`${parseSpecifier(other).name}\``);
  const described = (key: string, reason: string): Dependency => {
    const { name, version } = parseSpecifier(key);
    return { name, version, licence: known.get(key)?.license ?? "", reason };
  };
  return [
    ...named.map((key) => described(key, REASONS[parseSpecifier(key).name] ?? "")),
    ...further.map((key) => described(key, `comes with ${needs(key).join(", ")}`)),
  ];
}
