/** The status page's script and style: each is bundled from several files and minified. */
const FOLDER = new URL("../../src/status_page/", import.meta.url);

/**
 * uPlot offers its parts as members of its class, so that no bundler can see that nobody uses them:
 * a tenth of the script.
 */
const OFFERED_PARTS =
  /^ {0,2}(uPlot\d*\.\w+|paths\d*\.\w+|let paths\d* = uPlot\d*\.paths) +?= +[^;]+;$/gm;

/**
 * Functions of uPlot that the chart's options leave without a use, with the body that is enough: it
 * has no legend of uPlot's, no selection, no other chart to follow, the same lines for good, and
 * finds its ranges and the marks on its axis of times itself.
 */
const UNUSED_FUNCTIONS: Readonly<Record<string, string>> = {
  initLegendRow: "",
  addSeries: "",
  delSeries: "",
  setSeries: "",
  addBand: "",
  delBand: "",
  setFocus: "",
  seriesPointsShow: "",
  initCursorPt: "",
  toggleDOM: "",
  hideSelect: "",
  autoPadSide: "",
  setSelect: "",
  rangeNum: "",
  rangeLog: "",
  rangeAsinh: "",
  setLegend: "",
  mouseUp: "",
  mouseDown: "",
  dblClick: "",
  pubSync: "",
  genTimeStuffs: "return [[], [], () => null];",
  timeAxisVals: "",
  fmtDate: "",
  tzDate: "",
  log10AxisValsFilt: "",
  log2AxisValsFilt: "",
  asinhAxisSplits: "",
};

/** The script that the browser runs, with what it uses of its libraries. */
export async function pageScript(): Promise<string> {
  let whole = (await bundle("browser/client.ts")).replaceAll(OFFERED_PARTS, "");
  for (const [name, body] of Object.entries(UNUSED_FUNCTIONS)) whole = withBody(name, body, whole);
  const path = await Deno.makeTempFile({ suffix: ".js" });
  try {
    await Deno.writeTextFile(path, whole);
    return await bundle(path, "--minify");
  } finally {
    await Deno.remove(path);
  }
}

/** The script with another body of the function; throws unless it has exactly one of this name. */
function withBody(name: string, body: string, script: string): string {
  const definition = new RegExp(`^( {0,2})function ${name}\\([^]*?^\\1\\}$`, "gm");
  const found = script.match(definition) ?? [];
  if (found.length !== 1) throw new Error(`the script has ${found.length} functions ${name}`);
  return script.replace(definition, `$1function ${name}() {${body}}`);
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
