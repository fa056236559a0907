/** Tools outside npm that check metrics and rules: which are installed, and how they run. */

const PARSE_OPENMETRICS = `
import sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families
families = text_string_to_metric_families(sys.stdin.read())
print(sum(len(family.samples) for family in families))
`;

/** Debian's Python comes second: another one that is found first may lack Debian's packages. */
const PYTHONS = ["python3", "/usr/bin/python3"] as const;

const onCi = Deno.env.get("CI") === "true";
const python = await firstThatWorks(PYTHONS, ["-c", "import prometheus_client.openmetrics.parser"]);
const promtool = await firstThatWorks(["promtool"], ["--version"]);
const prometheus = await firstThatWorks(["prometheus"], ["--version"]);
const alertmanager = await firstThatWorks(["prometheus-alertmanager"], ["--version"]);

const missing = [
  ...alertmanager ? [] : ["prometheus-alertmanager"],
  ...prometheus ? [] : ["prometheus"],
  ...promtool ? [] : ["promtool"],
  ...python ? [] : ["python3-prometheus-client"],
];
if (missing.length > 0 && !onCi) {
  console.warn(
    `Not installed: ${missing.join(", ")}. The tests that need it are ignored.`,
  );
}

/** Whether to ignore a test: a tool is missing, and this is not CI, where none may be missing. */
export const WITHOUT_PROMETHEUS = !onCi && prometheus === null;
export const WITHOUT_PARSERS = !onCi && (promtool === null || python === null);
export const WITHOUT_PROMTOOL = !onCi && promtool === null;
export const WITHOUT_ALERTMANAGER = !onCi && (prometheus === null || alertmanager === null);

/** Throws the complaints of `promtool check metrics` about a text in the text format. */
export async function checkText(exposition: string): Promise<void> {
  await runOn(exposition, promtool ?? "promtool", ["check", "metrics"]);
}

/** Returns the number of samples; throws the complaints of the strict OpenMetrics parser. */
export async function checkOpenMetrics(exposition: string): Promise<number> {
  return Number(await runOn(exposition, python ?? PYTHONS[0], ["-c", PARSE_OPENMETRICS]));
}

/** Throws the complaints and warnings of `promtool check rules` about a file of rules. */
export async function checkRules(yaml: string): Promise<void> {
  await inFolder({ "rules.yaml": yaml }, (folder) =>
    runOn("", promtool ?? "promtool", [
      "check",
      "rules",
      "--lint=all",
      "--lint-fatal",
      `${folder}/rules.yaml`,
    ]));
}

/** Throws the failures of `promtool test rules`. The tests are written as JSON, a part of YAML. */
export async function testRules(yaml: string, tests: object): Promise<void> {
  const files = {
    "rules.yaml": yaml,
    "tests.json": JSON.stringify({ rule_files: ["rules.yaml"], ...tests }),
  };
  await inFolder(
    files,
    (folder) => runOn("", promtool ?? "promtool", ["test", "rules", `${folder}/tests.json`]),
  );
}

async function inFolder(
  files: Record<string, string>,
  use: (folder: string) => Promise<unknown>,
): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "rules-" });
  try {
    for (const [name, text] of Object.entries(files)) {
      await Deno.writeTextFile(`${folder}/${name}`, text);
    }
    await use(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Returns the output of a command; throws when it fails or writes to stderr. */
async function runOn(input: string, command: string, args: string[]): Promise<string> {
  const child = new Deno.Command(command, {
    args,
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writing = new Blob([input]).stream().pipeTo(child.stdin);
  const { code, stdout, stderr } = await child.output();
  await writing.catch(() => {/* The command stopped reading; its exit code says why. */});
  const decoder = new TextDecoder();
  const [out, complaint] = [decoder.decode(stdout), decoder.decode(stderr)];
  if (code !== 0 || complaint) throw new Error(`${command} exited ${code}: ${complaint}${out}`);
  return out;
}

async function firstThatWorks(commands: readonly string[], args: string[]): Promise<string | null> {
  for (const command of commands) {
    try {
      const options = { args, stdout: "null", stderr: "null" } as const;
      if ((await new Deno.Command(command, options).output()).success) return command;
    } catch {
      // The command is not on the path.
    }
  }
  return null;
}
