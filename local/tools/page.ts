/** The files of the status page that follow from others: its script and its style, made small. */
const FOLDER = new URL("../../src/status_page/browser/", import.meta.url);

/** The script that the browser runs, with the libraries it uses. */
export function pageScript(): Promise<string> {
  return bundled("client.ts");
}

/** The page's style. */
export function pageStyle(): Promise<string> {
  return bundled("page.css");
}

async function bundled(name: string): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["bundle", "--quiet", "--platform", "browser", "--minify", name],
    cwd: FOLDER,
  }).output();
  const decoder = new TextDecoder();
  if (!success) throw new Error(`${name}: ${decoder.decode(stderr)}`);
  return decoder.decode(stdout);
}
