/**
 * Whether an executable or an image runs on this machine: it says its version, makes a task succeed
 * against the emulator, and says by its exit code when the platform is broken.
 *
 * `deno run -A .github/scripts/smoke.ts (FILE | --image IMAGE)`
 */
import { NO_FAULTS } from "../../local/http_server/faults.ts";
import { startHttpServer } from "../../local/http_server/http_server.ts";
import manifest from "../../deno.json" with { type: "json" };

const MAX_RUN_MS = 60_000;

const emulator = startHttpServer({ faults: NO_FAULTS, requireToken: true });
const env = {
  DATASET_ID: "abc123",
  OKDATA_API_URL: `${emulator.url}/metadata/datasets`,
  OKDATA_TOKEN_URL: `${emulator.url}/auth/realms/api-catalog/protocol/openid-connect/token`,
  OKDATA_CLIENT_ID: "local-client",
  OKDATA_CLIENT_SECRET: "local-secret",
  RETRIES: "0",
};
const [command = "", ...words] = commandOf(Deno.args);

function commandOf([first = "", ...others]: string[]): string[] {
  if (first !== "--image") return [first];
  const variables = Object.keys(env).flatMap((name) => ["--env", name]);
  return ["docker", "run", "--rm", "--network=host", ...variables, ...others];
}

async function expect(flag: string, expectedCode: number, expected: RegExp): Promise<void> {
  const { code, stdout, stderr } = await new Deno.Command(command, {
    ...{ args: [...words, flag], env },
    signal: AbortSignal.timeout(MAX_RUN_MS),
  }).output();
  const decoder = new TextDecoder();
  const said = decoder.decode(stdout).trim();
  console.log(`${flag}: exit code ${code}: ${said}`);
  if (code === expectedCode && expected.test(said)) return;
  console.error(decoder.decode(stderr));
  console.error(`${flag}: expected exit code ${expectedCode} and ${expected}`);
  Deno.exit(1);
}

await expect("--version", 0, new RegExp(`^dataplatform-probe ${manifest.version}$`));
await expect("--once", 0, /SUCCEEDED/);
emulator.setFaults({ status: 500 });
await expect("--once", 1, /FAILED.*server_error/);
await emulator.shutdown();
