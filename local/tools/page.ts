/** The status page's script and style: each is bundled from several files and minified. */
const FOLDER = new URL("../../src/status_page/", import.meta.url);

/** The script that the browser runs, with the libraries that it uses. */
export function pageScript(): Promise<string> {
  return bundle("browser/client.ts");
}

/** The page's style sheet, with everything that it imports. */
export function pageStyle(): Promise<string> {
  return bundle("style/page.css");
}

async function bundle(path: string): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["bundle", "--quiet", "--platform", "browser", "--minify", path],
    cwd: FOLDER,
  }).output();
  const decoder = new TextDecoder();
  if (!success) throw new Error(`${path}: ${decoder.decode(stderr)}`);
  return decoder.decode(stdout);
}
