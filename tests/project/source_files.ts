/** The source files of the program, and what each imports. */
import config from "../../deno.json" with { type: "json" };

const ROOT = new URL("../..", import.meta.url);

const CODE = /\.(ts|tsx|js)$/;

/** The paths of all files below a folder, from the root of the project, sorted. */
export function filesBelow(folder: string): string[] {
  return [...Deno.readDirSync(new URL(folder, ROOT))].flatMap(({ name, isDirectory }) => {
    const path = `${folder}/${name}`;
    return isDirectory ? filesBelow(path) : [path];
  }).sort();
}

/** The program: `main.ts` and all code below `src/`, the browser's and the generated included. */
export const PROGRAM: readonly string[] = [
  "main.ts",
  ...filesBelow("src").filter((path) => CODE.test(path)),
];

export function read(path: string): string {
  return Deno.readTextFileSync(new URL(path, ROOT));
}

/** What a file imports, types and dynamic imports included, as `deno.json` maps it. */
function specifiersOf(path: string): string[] {
  const mapped = Object.entries(config.imports);
  const specifiers = read(path).matchAll(/(?<=\b(?:from|import) ?\(?")[^"\n]+(?=")/g);
  return [...specifiers].map(([specifier]) => {
    if (/^\.\.?\//.test(specifier)) return new URL(specifier, new URL(path, ROOT)).href;
    const [key, target] = mapped.find(([key]) =>
      key.endsWith("/") ? specifier.startsWith(key) : specifier === key
    ) ?? [specifier, specifier];
    return target.startsWith("./")
      ? new URL(target, ROOT).href
      : target + specifier.slice(key.length);
  });
}

/** The files of ours that a file imports, by path. */
export function importsOf(path: string): string[] {
  return specifiersOf(path).filter((specifier) => specifier.startsWith(ROOT.href))
    .map((specifier) => specifier.slice(ROOT.href.length));
}

/** The npm packages that these files need, with all files of ours that they import. */
export function packagesOf(paths: readonly string[]): string[] {
  const packages = new Set<string>();
  const seen = new Set<string>();
  const visit = (path: string) => {
    if (seen.has(path) || !CODE.test(path)) return;
    seen.add(path);
    for (const specifier of specifiersOf(path)) {
      if (specifier.startsWith("npm:")) packages.add(specifier);
    }
    importsOf(path).forEach(visit);
  };
  paths.forEach(visit);
  return [...packages];
}
