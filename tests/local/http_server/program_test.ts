import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import type { Counts } from "../../../local/http_server/emulator.ts";
import { NO_FAULTS } from "../../../local/http_server/faults.ts";
import { startEmulator } from "../../support/targets.ts";
import { faultsOf, putFaults, requestToken, statusesOf, statusOf, until } from "./requests.ts";

Deno.test("the program prints its address, its seed and how to break it", async () => {
  await using program = await startProgram({ SEED: "42" });

  assertMatch(
    program.startLine,
    /^Listening on (http:\/\/127\.0\.0\.1:\d+), SEED=42\. Break it: curl -X PUT \1\/faults -d '\{"status":500\}'; repair it: curl -X DELETE \1\/faults$/,
  );
  assertEquals(await statusOf(`${program.url}/heartbeat`), 200);
});

Deno.test("the seed that the program prints repeats its responses", async () => {
  const variables = { DELAY_PERCENT: "0", UNAUTHORIZED_PERCENT: "50" };
  await using program = await startProgram(variables);
  const seed = Number(program.startLine.match(/SEED=(\d+)/)?.[1]);
  await using emulator = startEmulator({ seed, faults: { unauthorized_percent: 50 } });

  assertEquals(await statusesOf(program.url, 64), await statusesOf(emulator.url, 64));
});

Deno.test("environment variables configure the program", async () => {
  await using program = await startProgram({
    DELAY_PERCENT: " 20 ",
    DELAY_MAX_SECONDS: "0.005",
    UNAUTHORIZED_PERCENT: "0",
    MISSING_DATASETS: "one, two",
    CLIENT_ID: "me",
    CLIENT_SECRET: "secret",
    TOKEN_LIFETIME_SECONDS: "7",
    REQUIRE_TOKEN: " TRUE ",
    LOG_REQUESTS: " ",
  });
  const { url } = program;

  assertEquals(await faultsOf(url), {
    ...NO_FAULTS,
    delay_percent: 20,
    delay_max_seconds: 0.005,
  });
  assertEquals(await statusOf(`${url}/metadata/a`), 401);
  const credentials = { client_id: "me", client_secret: "secret" };
  const token = await (await requestToken(url, credentials)).json();
  assertEquals(token.expires_in, 7);
  const headers = { authorization: `Bearer ${token.access_token}` };
  const statusWithToken = (id: string) => statusOf(`${url}/metadata/${id}`, { headers });
  assertEquals(await statusWithToken("one"), 404);
  assertEquals(await statusWithToken("two"), 404);
  assertEquals(await statusWithToken("a"), 200);
});

for (const signal of ["SIGTERM", "SIGINT"] as const) {
  Deno.test(`${signal} stops the program at once with exit code 0`, async () => {
    await using program = await startProgram({});
    await putFaults(program.url, '{"hang_percent":100}');
    const hanging = fetch(`${program.url}/metadata/a`);
    await until(async () => {
      const counts: Counts = await (await fetch(`${program.url}/counts`)).json();
      return counts.requests === 1;
    });

    program.process.kill(signal);
    await assertRejects(() => hanging, TypeError);
    assertEquals((await program.process.status).code, 0);
  });
}

Deno.test("LOG_REQUESTS writes one line for each request", async () => {
  const linesWith = async (variables: Record<string, string>) => {
    await using program = await startProgram({
      ...variables,
      DELAY_PERCENT: "0",
      UNAUTHORIZED_PERCENT: "0",
    });
    await statusOf(`${program.url}/metadata/a`);
    await statusOf(`${program.url}/nowhere`);
    program.process.kill("SIGTERM");
    return program.remainingLines();
  };

  const [dataset = "", nowhere = "", ...rest] = await linesWith({ LOG_REQUESTS: "1" });
  assertMatch(dataset, /^GET \/metadata\/a 200 \d+ ms$/);
  assertMatch(nowhere, /^GET \/nowhere 404 \d+ ms$/);
  assertEquals(rest, []);
  assertEquals(await linesWith({}), []);
});

Deno.test("all invalid variables are reported at once with exit code 2", async () => {
  const { code, stdout, stderr } = await runProgram({
    HTTP_SERVER_PORT: "65536",
    DELAY_PERCENT: "101",
    DELAY_MAX_SECONDS: "-1",
    UNAUTHORIZED_PERCENT: "many",
    SEED: "1.5",
    TOKEN_LIFETIME_SECONDS: "0",
    REQUIRE_TOKEN: "yes",
    LOG_REQUESTS: "2",
  });

  assertEquals([code, stdout], [2, ""]);
  assertEquals(stderr.trim().split("\n").sort(), [
    'DELAY_MAX_SECONDS: expected a number of seconds from 0 to 3600, got "-1"',
    'DELAY_PERCENT: expected a percentage from 0 to 100, got "101"',
    'HTTP_SERVER_PORT: expected a port from 0 to 65535, got "65536"',
    'LOG_REQUESTS: expected true, false, 1 or 0, got "2"',
    'REQUIRE_TOKEN: expected true, false, 1 or 0, got "yes"',
    'SEED: expected a whole number from 0 to 4294967295, got "1.5"',
    'TOKEN_LIFETIME_SECONDS: expected a number of seconds from 0.001 to 2592000, got "0"',
    'UNAUTHORIZED_PERCENT: expected a percentage from 0 to 100, got "many"',
  ]);
});

Deno.test("a port in use is reported in one line with exit code 2", async () => {
  await using emulator = startEmulator();
  const { port } = new URL(emulator.url);
  const { code, stderr } = await runProgram({ HTTP_SERVER_PORT: port });

  assertEquals(code, 2);
  assertMatch(stderr, new RegExp(`^Cannot listen on port ${port} of .* in use.*\n$`));
});

function programCommand(variables: Record<string, string>): Deno.Command {
  const path = new URL("../../../local/http_server/http_server.ts", import.meta.url);
  const permissions = ["--no-prompt", "--allow-net", "--allow-env"];
  return new Deno.Command(Deno.execPath(), {
    args: ["run", ...permissions, path.href],
    env: { HTTP_SERVER_PORT: "0", NO_COLOR: "1", ...variables },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  });
}

async function runProgram(variables: Record<string, string>) {
  const { code, ...output } = await programCommand(variables).output();
  const decoder = new TextDecoder();
  const stdout = decoder.decode(output.stdout);
  return { code, stdout, stderr: decoder.decode(output.stderr) };
}

/** Starts the program on a free port; disposing kills it. */
async function startProgram(variables: Record<string, string>) {
  const process = programCommand(variables).spawn();
  const reader = process.stderr.pipeThrough(new TextDecoderStream())
    .getReader();
  let text = "";
  while (!text.includes("\n")) {
    const { value, done } = await reader.read();
    if (done) throw new Error(`the program ended before it listened: ${text}`);
    text += value;
  }
  const [startLine = "", rest = ""] = text.split(/\n(.*)/s);
  return {
    process,
    startLine,
    url: startLine.match(/http:\/\/[^,]+/)?.[0] ?? "",
    /** The lines that it writes until it ends. */
    async remainingLines(): Promise<string[]> {
      let remaining = rest;
      for (;;) {
        const { value, done } = await reader.read();
        if (done) return remaining.split("\n").filter(Boolean);
        remaining += value;
      }
    },
    async [Symbol.asyncDispose]() {
      try {
        process.kill("SIGKILL");
      } catch {
        // It has ended already.
      }
      await process.status;
      await process.stdout.cancel();
      await reader.cancel();
    },
  };
}
