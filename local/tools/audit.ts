/**
 * Asks the registry whether a package of the program is known to be vulnerable, and says which one
 * and how. Ends with 0 when none is, or only a little; with 1 when one is at least moderately; with
 * 75 when nobody could say.
 *
 * It is npm that asks: `deno audit` trusts no authority of the machine's own, and takes a response
 * of any status for a good one.
 *
 * `deno task audit`
 */
import * as z from "zod";
import { parseSpecifier, programLock } from "./dependencies.ts";

/** What `sysexits.h` calls EX_TEMPFAIL. */
const NOBODY_COULD_SAY = 75;

const report = z.object({
  vulnerabilities: z.record(
    z.string(),
    z.object({
      via: z.array(z.union([
        z.string(),
        z.object({ title: z.string(), severity: z.string(), range: z.string(), url: z.string() }),
      ])),
    }),
  ),
});
const failure = z.object({ message: z.string() });

/** The program's packages as `package-lock.json` has them, as far as an audit looks. */
function npmLock() {
  const packages = Object.keys(programLock().npm).map(parseSpecifier);
  const named = packages.map(({ name, version }) => [name, version]);
  const program = { name: "program", version: "0.0.0", dependencies: Object.fromEntries(named) };
  return {
    ...{ name: program.name, lockfileVersion: 3, requires: true },
    packages: {
      "": program,
      ...Object.fromEntries(
        packages.map(({ name, version }) => [`node_modules/${name}`, { version }]),
      ),
    },
  };
}

async function audit(): Promise<number> {
  const folder = await Deno.makeTempDir({ prefix: "audit-" });
  try {
    await Deno.writeTextFile(`${folder}/package-lock.json`, JSON.stringify(npmLock()));
    const { code, stdout } = await new Deno.Command("npm", {
      // With a cache of its own, since npm would take a hole's severity from when it first saw it.
      args: ["audit", "--json", "--audit-level=moderate", `--cache=${folder}/cache`],
      cwd: folder,
      stderr: "null",
    }).output();
    const response: unknown = JSON.parse(new TextDecoder().decode(stdout));
    const { data } = report.safeParse(response);
    if (!data) {
      throw new Error(failure.safeParse(response).data?.message ?? JSON.stringify(response));
    }
    const found = Object.entries(data.vulnerabilities).flatMap(([name, { via }]) =>
      // A name stands for another package, which is listed itself.
      via.flatMap((hole) => typeof hole === "string" ? [] : [{ name, ...hole }])
    );
    for (const { name, range, severity, title, url } of found) {
      console.log(`${name} ${range}: ${severity}: ${title}, ${url}`);
    }
    console.log(`${Object.keys(programLock().npm).length} packages, ${found.length} known holes`);
    return code;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

if (import.meta.main) {
  try {
    Deno.exitCode = await audit();
  } catch (error) {
    console.error(`not audited: ${error instanceof Error ? error.message : error}`);
    Deno.exitCode = NOBODY_COULD_SAY;
  }
}
