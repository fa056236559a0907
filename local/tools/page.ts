/** The status page's script and style: each is bundled from several files and minified. */
const FOLDER = new URL("../../src/status_page/", import.meta.url);

/**
 * uPlot offers its parts as members of its class, so that no bundler can see that nobody uses them:
 * a tenth of the script.
 */
const OFFERED_PARTS =
  /^ {0,2}(uPlot\d*\.\w+|paths\d*\.\w+|let paths\d* = uPlot\d*\.paths) +?= +[^;]+;$/gm;

/** The script that the browser runs, with what it uses of its libraries. */
export async function pageScript(): Promise<string> {
  const whole = await bundle("browser/client.ts");
  const path = await Deno.makeTempFile({ suffix: ".js" });
  try {
    await Deno.writeTextFile(path, whole.replaceAll(OFFERED_PARTS, ""));
    return await bundle(path, "--minify");
  } finally {
    await Deno.remove(path);
  }
}

/** The page's style sheet, with everything that it imports. */
export function pageStyle(): Promise<string> {
  return bundle("style/page.css", "--minify");
}

async function bundle(path: string, ...options: string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    // The browser's packages are not among those that the program itself loads.
    args: [
      "bundle",
      "--quiet",
      "--lock=../../deno.lock",
      "--frozen",
      "--platform=browser",
      ...options,
      path,
    ],
    cwd: FOLDER,
  }).output();
  const decoder = new TextDecoder();
  if (!success) throw new Error(`${path}: ${decoder.decode(stderr)}`);
  return decoder.decode(stdout);
}
