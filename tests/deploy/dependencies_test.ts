/** What others have made: what of it is in the program, and how it gets there. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import config from "../../deno.json" with { type: "json" };
import {
  dependencies,
  keysOf,
  type Lock,
  lockedPackages,
  parseSpecifier,
  programLock,
  readLock,
  REASONS,
} from "../../local/tools/dependencies.ts";
import { ROOT } from "../support/program.ts";
import { packagesOf } from "../project/source_files.ts";

/** Licences under which the program may be given to anybody, for anything. */
const LICENCES = ["0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT"];

const LOCKS = { "deno.lock": readLock("deno.lock"), "local/run.lock": readLock("local/run.lock") };

const sources = await textsBelow("", /\.tsx?$|deno\.json$/);
const ciScripts = await textsBelow(".ci", /./);
const pipelines = await textsBelow(".github", /./);
const images = { Dockerfile: await Deno.readTextFile(`${ROOT}Dockerfile`) };

/** The texts below a folder whose paths fit, by path. */
async function textsBelow(folder: string, fits: RegExp): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for await (const { name, isDirectory } of Deno.readDir(ROOT + folder)) {
    const path = folder ? `${folder}/${name}` : name;
    if (isDirectory && !/^(\..*|dist|coverage|node_modules)$/.test(name)) {
      Object.assign(found, await textsBelow(path, fits));
    } else if (!isDirectory && fits.test(path)) {
      found[path] = await Deno.readTextFile(ROOT + path);
    }
  }
  return found;
}

function textOf(texts: Record<string, string>, path: string): string {
  const text = texts[path];
  assert(text !== undefined, `no file ${path}`);
  return text;
}

/** All places where the texts fit, as `path: what fits`. */
function placesOf(pattern: RegExp, texts: Record<string, string>): string[] {
  return Object.entries(texts).flatMap(([path, text]) =>
    [...text.matchAll(pattern)].map(([found]) => `${path}: ${found}`)
  );
}

Deno.test("every package in the program may be passed on, and has a reason to be there", () => {
  const listed = dependencies();
  assertEquals(listed.length, Object.keys(programLock().npm).length);
  for (const { name, licence, reason } of listed) {
    assert(LICENCES.includes(licence), `${name}: ${licence}`);
    assertMatch(reason, /^(?!comes with $)./, name);
  }
  const named = listed.filter(({ reason }) => !reason.startsWith("comes with "));
  assertEquals(Object.keys(REASONS).sort(), named.map(({ name }) => name).sort());
});

Deno.test("what the program and its generated parts import has a reason, and nothing else has", () => {
  const own = Object.entries(sources).filter(([path]) =>
    /^(main\.ts|src\/|local\/tools\/parser\.ts)/.test(path)
  );
  const imported = own.flatMap(([, text]) =>
    [...text.matchAll(/(?<=(?:from |import\(|import )")(?!node:)[\w@][^"\s]*(?=")/g)].map((
      [name],
    ) => name)
  );
  const named = imported.map((name) => {
    const mapped = Object.entries(config.imports).find(([key]) =>
      name === key || name.startsWith(key.endsWith("/") ? key : `${key}/`)
    );
    return mapped?.[1] ?? name;
    // A file of ours that gives a package its types names the package itself.
  }).filter((specifier) => !specifier.startsWith("./")).map((specifier) =>
    parseSpecifier(specifier).name
  );
  assertEquals([...new Set(named)].sort(), Object.keys(REASONS).sort());
});

Deno.test("every package that is named is named with one version", () => {
  const named = placesOf(/(?<=")npm:[^"$]+/g, sources);
  assert(named.length > 50);
  const exact = /: npm:\/?(@[\w-]+\/)?[\w-]+@\d+\.\d+\.\d+(\/[\w./-]*)?$/;
  assertEquals(named.filter((place) => !exact.test(place)), []);
  assertEquals(placesOf(/(?:from |import\()"(?:https?|jsr):.*/g, sources), []);

  const fetched = placesOf(/(?<=^[^#\n]*)\bn(px|pm (pack|install|ci|exec)) .*/gm, {
    ...ciScripts,
    ...pipelines,
  });
  assert(fetched.length > 5);
  const pinned = /^(@[\w-]+\/)?[\w-]+@(\d[\w.-]*|\$deno_version)$/;
  for (const place of fetched) {
    const names = [...place.matchAll(/ (?:-y|-p|--silent) "?(?!-)([^\s")]+)/g)];
    assert(names.length > 0, place);
    for (const [, name = ""] of names) assertMatch(name, pinned, place);
  }
});

Deno.test("every locked package is known by its hash, the same one in both lock files", () => {
  for (const [path, lock] of Object.entries(LOCKS)) {
    assertEquals(Object.keys(lock).sort(), ["npm", "specifiers", "version", "workspace"], path);
    for (const [key, { integrity }] of Object.entries(lock.npm)) {
      assertMatch(integrity, /^sha512-[A-Za-z0-9+/]{86}==$/, `${path} ${key}`);
    }
  }
  for (const [key, { integrity }] of Object.entries(LOCKS["local/run.lock"].npm)) {
    assertEquals(integrity, LOCKS["deno.lock"].npm[key]?.integrity, key);
  }
});

/** What `deno task` starts before anything else is installed. */
const STARTED = [
  "main.ts",
  "local/alert_receiver.ts",
  "local/demo.ts",
  "local/http_server/http_server.ts",
  "local/run.ts",
];

Deno.test("a first start downloads what it needs, and nothing else", () => {
  assertEquals(config.lock, { path: "local/run.lock", frozen: true });
  const lock = LOCKS["local/run.lock"];
  const needed = keysOf(packagesOf(STARTED), lock);
  assertEquals(Object.keys(lock.npm).sort(), [...needed].sort());
});

/** Runs Deno in a folder with the project's settings, its lock file, and one file of code. */
async function denoWith(code: string, args: string[]) {
  const folder = await Deno.makeTempDir({ prefix: "locked-" });
  try {
    await Deno.mkdir(`${folder}/local`);
    for (const name of ["deno.json", "local/run.lock"]) {
      await Deno.copyFile(ROOT + name, `${folder}/${name}`);
    }
    await Deno.writeTextFile(`${folder}/code_test.ts`, code);
    const ended = await new Deno.Command(Deno.execPath(), {
      args: [...args, "--quiet", "code_test.ts"],
      cwd: folder,
    }).output();
    return {
      ...{ code: ended.code, stderr: new TextDecoder().decode(ended.stderr) },
      lock: await Deno.readTextFile(`${folder}/local/run.lock`),
    };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("no command takes a package that is not locked", async () => {
  const lock = await Deno.readTextFile(`${ROOT}local/run.lock`);
  const codeWith = (version: string) =>
    `import "npm:${"zod"}@${version}"; Deno.test("runs", () => {});`;
  const { version } = parseSpecifier(config.imports.zod);
  for (const command of [["check"], ["cache"], ["test"], ["bundle", "--output=code.js"]]) {
    assertEquals((await denoWith(codeWith(version), command)).code, 0, command[0]);
    // The locked version would do, and yet nobody has said so.
    const unlocked = await denoWith(codeWith(`^${version}`), command);
    assertEquals({ code: unlocked.code, lock: unlocked.lock }, { code: 1, lock }, command[0]);
    assertStringIncludes(unlocked.stderr, "The lockfile is out of date");
  }
});

Deno.test("nothing runs when packages are installed", () => {
  for (const lock of Object.values<Lock>(LOCKS)) {
    assertEquals(Object.entries(lock.npm).filter(([, { scripts }]) => scripts), []);
  }
  const locked = lockedPackages();
  assertEquals([...locked.keys()].sort(), Object.keys(LOCKS["deno.lock"].npm).sort());
  const atInstallation = ["preinstall", "install", "postinstall"];
  const scripts = [...locked].flatMap(([key, { scripts = {} }]) =>
    atInstallation.filter((name) => name in scripts).map((name) => `${key}: ${scripts[name]}`)
  );
  assertEquals(scripts, []);

  // Nor would Deno run any, nor npm any of what `.ci/run` fetches by it.
  const places = {
    ...ciScripts,
    ...pipelines,
    ...images,
    "deno.json": textOf(sources, "deno.json"),
  };
  assertEquals(placesOf(/allow-?scripts|node-?modules-?dir(?!=none)/gi, places), []);
  for (const [path, text] of Object.entries({ ...ciScripts, ...pipelines })) {
    if (!/\bnpx\b/.test(text) || path.startsWith(".github/scripts/")) continue;
    assertMatch(text, /npm_config_ignore_scripts[=:] ?"?true\b[^]*\bnpx\b/i, path);
  }
});

Deno.test("`.ci/run` fails for a known hole, and a workflow looks every day", () => {
  assertStringIncludes(textOf(ciScripts, ".ci/run"), "task --quiet audit 2>&1)\ncase $? in\n");
  const daily = textOf(pipelines, ".github/workflows/audit.yaml");
  assertMatch(daily, /cron: "\d+ \d+ \* \* \*"/);
  assertMatch(daily, /run: npx -y deno@\S+ task audit\n/);
});
