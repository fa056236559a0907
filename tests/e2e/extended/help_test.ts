import { assertEquals } from "@std/assert";
import { run, test } from "../../support/program.ts";
import project from "../../../deno.json" with { type: "json" };

async function printed(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await run({ args });
  assertEquals({ code, stderr }, { code: 0, stderr: "" });
  return stdout;
}

test("--help and --version work whatever else is wrong, and have short forms", async () => {
  const help = await printed("--help");
  assertEquals(await printed("-h"), help);

  for (const args of [["--version"], ["-V"]]) {
    const { code, stdout, stderr } = await run({ args, env: { PORT: "70000" } });
    assertEquals(
      { code, stdout, stderr },
      { code: 0, stdout: `dataplatform-probe ${project.version}\n`, stderr: "" },
    );
  }
  const { code, stdout } = await run({ args: ["--help"], env: { RETRIES: "many" } });
  assertEquals({ code, stdout }, { code: 0, stdout: help });
});
