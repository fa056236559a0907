import { runCommand } from "./src/commands/run_command.ts";
import { DenoProcess } from "./src/runtime/deno_runtime.ts";

if (import.meta.main) {
  const process = new DenoProcess();
  const exitCode = await runCommand(Deno.args, process);
  Deno.exit(await process.finish(exitCode));
}
