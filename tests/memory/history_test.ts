import { assert, assertEquals } from "@std/assert";

Deno.test("the history of 200 datasets takes at most 3 MB, and 9 MB with all of the past", async () => {
  const script = new URL("./processes/history.ts", import.meta.url).pathname;
  const root = new URL("../..", import.meta.url).pathname;
  const flags = ["--no-check", "--lock=deno.lock", "--frozen", "--v8-flags=--expose-gc"];
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", ...flags, script],
    cwd: root,
  }).output();
  const decoder = new TextDecoder();
  assert(stdout.length > 0, decoder.decode(stderr));
  const { ownBytes, pastBytes, sizes } = JSON.parse(decoder.decode(stdout));
  assertEquals(sizes, [96, 96, 90, 20]);
  assert(ownBytes < 3e6, `${ownBytes} bytes`);
  assert(ownBytes + pastBytes < 9e6, `${ownBytes} and ${pastBytes} bytes`);
});
