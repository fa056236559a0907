/**
 * Makes the one executable, `dist/dataplatform-probe`: bundles with this Deno, compiles, and runs
 * the result. With `DENO_COMPILE` and `DENORT_BIN` set (see `.ci/denort`) it compiles with those, on
 * machines that cannot download a base runtime.
 *
 * `deno task compile [--target x86_64-unknown-linux-gnu] [--output dist/dataplatform-probe]`
 */
import { parseArgs } from "@std/cli/parse-args";
import { VARIABLES } from "../../src/config/settings.ts";
import { VERSION } from "../../src/core/version.ts";

const ROOT = new URL("../..", import.meta.url);

/**
 * What the executable may do, baked in: it uses the network, reads the files that its operator names,
 * and reads its own variables. Nothing else.
 */
export const PERMISSIONS: readonly string[] = [
  "--no-prompt",
  // Without it the executable writes a predictable file into the temporary folder.
  "--no-code-cache",
  "--allow-net",
  "--allow-read",
  `--allow-env=${VARIABLES.join(",")}`,
  // Else code of jsr.io, deno.land and some more hosts may be imported, which a bare `--deny-import`
  // does not change in 2.9.6. One host takes the place of those, and is denied as well.
  "--allow-import=none.invalid",
  "--deny-import=none.invalid",
];

/**
 * Less memory for a program that mostly waits: the first scrape would load Maglev, the middle one of
 * V8's compilers. At 200 tasks a second it saves no time; near a thousand it would. The parser of
 * responses is WebAssembly, for which the optimizing compiler would take 7 MB; what the quick one makes
 * of it takes microseconds a response. A young generation of 4 MB in place of 16 takes a third less
 * memory under load. One of 1 MB (`--optimize-for-size`) would save 1.5 MB more at rest, but under a
 * flood its collections delay up to seven slots in a hundred.
 *
 * V8 would mark what is in use in hundreds of short tasks, and Deno runs all of them in one turn of the
 * event loop: 20 to 45 ms at 20 MB. Without these tasks other threads mark, and it stands still for
 * some 5 ms. Under load that takes some 12 MB more.
 */
const V8_FLAGS =
  "--v8-flags=--no-maglev,--liftoff-only,--max-semi-space-size=4,--no-incremental-marking-task";

/**
 * Bundles the program into this folder and returns the path of the file that starts it. Code that is
 * imported on demand lies in files of its own, since parsing all of it takes longer than a start.
 */
export async function bundle(folder: string): Promise<string> {
  await Deno.mkdir(folder, { recursive: true });
  for (const { name } of Deno.readDirSync(folder)) await Deno.remove(`${folder}/${name}`);
  await run(Deno.execPath(), [
    "bundle",
    "--quiet",
    "--minify",
    "--platform=deno",
    "--code-splitting",
    `--outdir=${folder}`,
    "main.ts",
  ]);
  return `${folder}/main.js`;
}

/** Makes an executable of this file of JavaScript and those that it imports, and nothing else. */
export async function compile(
  script: string,
  { output, target }: { output: string; target?: string },
): Promise<void> {
  await run(Deno.env.get("DENO_COMPILE") ?? Deno.execPath(), [
    "compile",
    "--quiet",
    "--no-config",
    "--no-lock",
    "--node-modules-dir=none",
    // To check types, some versions fetch a package of types and put it into the executable.
    "--no-check",
    ...PERMISSIONS,
    V8_FLAGS,
    ...(target ? ["--target", target] : []),
    `--output=${output}`,
    script,
  ]);
}

async function run(command: string, args: string[]): Promise<void> {
  const { code, stderr } = await new Deno.Command(command, { args, cwd: ROOT, stdout: "inherit" })
    .output();
  // Warnings are for whoever compiles; a failure carries them in its error.
  if (code === 0) return void Deno.stderr.writeSync(stderr);
  const errors = new TextDecoder().decode(stderr).trim();
  throw new Error(`exit code ${code}: ${command} ${args.join(" ")}\n${errors}`);
}

async function main(): Promise<void> {
  const { output, target } = parseArgs(Deno.args, {
    string: ["output", "target"],
    default: { output: "dist/dataplatform-probe" },
  });
  const folder = "dist/program";
  await compile(await bundle(folder), { output, target });

  const { os, arch } = Deno.build;
  if (!target || (target.startsWith(arch) && target.includes(os))) {
    const executable = output.startsWith("/") ? output : `./${output}`;
    const { code, stdout } = await new Deno.Command(executable, { args: ["--version"] }).output();
    const printed = new TextDecoder().decode(stdout).trim();
    if (code !== 0 || printed !== `dataplatform-probe ${VERSION}`) {
      throw new Error(`${output} --version ended with exit code ${code}: "${printed}"`);
    }
  }
  const megabytes = (paths: string[]) =>
    (paths.reduce((sum, path) => sum + Deno.statSync(path).size, 0) / 1e6).toFixed(2);
  const own = [...Deno.readDirSync(folder)].map(({ name }) => `${folder}/${name}`);
  console.log(`${output}: ${megabytes([output])} MB, ${megabytes(own)} MB of them its own`);
}

if (import.meta.main) {
  try {
    await main();
  } catch (error) {
    console.error(`not compiled: ${error instanceof Error ? error.message : error}`);
    Deno.exit(1);
  }
}
