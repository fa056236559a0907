/** The status page's script and style: each is bundled from several files and minified. */
const FOLDER = new URL("../../src/status_page/", import.meta.url);

const OPTIONS = ["--platform=browser", "--minify"];

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
    // The browser's packages are not among those that the program itself loads.
    args: ["bundle", "--quiet", "--lock=../../deno.lock", "--frozen", ...OPTIONS, path],
    cwd: FOLDER,
  }).output();
  const decoder = new TextDecoder();
  if (!success) throw new Error(`${path}: ${decoder.decode(stderr)}`);
  return decoder.decode(stdout);
}
