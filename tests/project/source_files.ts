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

/** The files of ours that a file imports, types and dynamic imports included, by path. */
export function importsOf(path: string): string[] {
  const mapped: Record<string, string> = config.imports;
  const specifiers = read(path).matchAll(/(?<=\b(?:from|import) ?\(?")[^"\n]+(?=")/g);
  return [...specifiers].flatMap(([specifier]) => {
    const target = mapped[specifier] ?? specifier;
    const base = target === specifier ? new URL(path, ROOT) : ROOT;
    return /^\.\.?\//.test(target)
      ? [new URL(target, base).pathname.slice(ROOT.pathname.length)]
      : [];
  });
}
