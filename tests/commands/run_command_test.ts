import { assert, assertEquals } from "@std/assert";
import { runCommand } from "../../src/commands/run_command.ts";
import { VERSION } from "../../src/core/version.ts";
import { DenoProcess } from "../../src/runtime/deno_runtime.ts";

/** A process with this environment, which keeps what it would print. */
class FakeProcess extends DenoProcess {
  printed = "";
  problems: string[] = [];

  constructor(private readonly variables: Record<string, string>) {
    super();
  }
  override env(name: string): string | undefined {
    return this.variables[name];
  }
  override print(text: string): void {
    this.printed += text;
  }
  override report(problems: readonly string[]): void {
    this.problems.push(...problems);
  }
  override createRuntime(): never {
    throw new Error("the command needs no runtime");
  }
}

async function run(args: string[], env: Record<string, string> = {}) {
  const process = new FakeProcess(env);
  const exitCode = await runCommand(args, process);
  return { exitCode, printed: process.printed, problems: process.problems };
}

Deno.test("--help and --version print to standard output, whatever else is wrong", async () => {
  const help = await run(["--help", "--no-such"], { PORT: "http" });
  assertEquals([help.exitCode, help.problems], [0, []]);
  assert(help.printed.startsWith("dataplatform-probe watches"));
  assertEquals(await run(["--version"]), {
    exitCode: 0,
    printed: `dataplatform-probe ${VERSION}\n`,
    problems: [],
  });
});

Deno.test("rules and dashboard need no dataset and no credentials", async () => {
  const rules = await run(["rules"]);
  assertEquals([rules.exitCode, rules.printed.startsWith("#"), rules.problems], [0, true, []]);
  const dashboard = await run(["dashboard"]);
  assertEquals(dashboard.exitCode, 0);
  JSON.parse(dashboard.printed);
});

Deno.test("--print-config prints the settings in force", async () => {
  const env = { DATASET_ID: "abc123", LOCAL_SERVICES_ONLY: "true" };
  const { exitCode, printed } = await run(["--print-config", "--port", "8001"], env);
  assertEquals(exitCode, 0);
  assert(/^DATASET_ID=abc123 +# environment\n/.test(printed), printed);
  assert(/^PORT=8001 +# flag$/m.test(printed), printed);
});

Deno.test("a wrong command line and configuration are reported together, with exit code 2", async () => {
  const { exitCode, printed, problems } = await run(["--once", "--json", "--table"], {
    LOCAL_SERVICES_ONLY: "true",
    PORT: "http",
  });
  assertEquals([exitCode, printed], [2, ""]);
  assertEquals(problems.map((problem) => problem.split(":")[0]), ["--json", "PORT"]);
});

Deno.test("a wrong flag or word is reported without the settings that seem to be missing", async () => {
  for (const args of [["--datset-id", "abc123"], ["start"], ["--json"], ["--count", "x"]]) {
    const { exitCode, problems } = await run(args);
    assertEquals([exitCode, problems.map((problem) => problem.split(":")[0])], [
      2,
      args.slice(0, 1),
    ]);
  }
  const { problems } = await run(["--datset-id", "abc123"], { PORT: "http" });
  assertEquals(problems.map((problem) => problem.split(":")[0]), ["--datset-id", "PORT"]);
});

for (const args of [[], ["--once"], ["--check"], ["--print-config"]]) {
  Deno.test(`the command "${args.join(" ")}" needs a dataset and credentials`, async () => {
    const { exitCode, problems } = await run(args);
    assertEquals([exitCode, problems.length], [2, 4]);
  });
}
