import { assert, assertEquals } from "@std/assert";
import { createOutput } from "../../src/runtime/output.ts";
import { settle } from "../support/clock.ts";

/** A stream whose reader takes at most `take` bytes a write, from the moment that the test says. */
function slowStream(take = Infinity) {
  let text = "";
  let open = Promise.withResolvers<void>();
  return {
    get text() {
      return text;
    },
    read: () => open.resolve(),
    stall: () => open = Promise.withResolvers(),
    async write(bytes: Uint8Array): Promise<number> {
      await open.promise;
      const taken = bytes.subarray(0, take);
      text += new TextDecoder().decode(taken);
      return taken.length;
    },
  };
}

Deno.test("an output writes all text in order, however little its reader takes at once", async () => {
  const stream = slowStream(3);
  stream.read();
  const output = createOutput(stream);
  for (const word of ["one ", "two ", "", "three "]) output.write(word);
  await settle();
  output.write("four");
  await output.flush();
  assertEquals(stream.text, "one two three four");
});

Deno.test("an output leaves no text behind, at whatever moment it is written", async () => {
  for (let ticks = 0; ticks < 30; ticks++) {
    const stream = slowStream();
    stream.read();
    const output = createOutput(stream);
    output.write("one ");
    for (let i = 0; i < ticks; i++) await Promise.resolve();
    output.write("two");
    await output.flush();
    assertEquals(stream.text, "one two", `written after ${ticks} microtasks`);
  }
});

Deno.test("an output keeps at most a mebibyte for a reader that does not read", async () => {
  const stream = slowStream();
  const output = createOutput(stream);
  const line = "x".repeat(999) + "\n";
  for (let i = 0; i < 10_000; i++) output.write(line);
  stream.read();
  await output.flush();
  assert(stream.text.length < 1.1 * 1024 * 1024, `${stream.text.length} bytes were kept`);
  assertEquals(stream.text.length % line.length, 0, "a line was cut");
  output.write("again");
  await output.flush();
  assert(stream.text.endsWith("again"));
});

Deno.test("an output ignores that its reader has gone, and tries the next write again", async () => {
  let writes = 0;
  const output = createOutput({
    write() {
      writes++;
      return Promise.reject(new Deno.errors.BrokenPipe());
    },
  });
  for (let i = 1; i <= 3; i++) {
    output.write("lost");
    await output.flush();
    assertEquals(writes, i);
  }
});

Deno.test("an output keeps a single large text whole, and with keepsAll any number of them", async () => {
  const large = "x".repeat(5e6);
  const patient = slowStream(1e6);
  patient.read();
  const output = createOutput(patient);
  output.write(large);
  await output.flush();
  assertEquals(patient.text.length, large.length);

  const stream = slowStream(1e6);
  const results = createOutput(stream, { keepsAll: true });
  for (let i = 0; i < 5; i++) results.write(large);
  stream.read();
  await results.flush();
  assertEquals(stream.text.length, 5 * large.length);
});

Deno.test("an output with lingerMs writes lines together, and a flush writes them at once", async () => {
  let writes = 0;
  let text = "";
  const output = createOutput({
    write(bytes) {
      writes++;
      text += new TextDecoder().decode(bytes);
      return Promise.resolve(bytes.length);
    },
  }, { lingerMs: 60_000 });
  for (let i = 0; i < 10; i++) output.write(`${i} `);
  await settle();
  assertEquals(writes, 0);
  await output.flush();
  assertEquals([writes, text], [1, "0 1 2 3 4 5 6 7 8 9 "]);
});

Deno.test("lines that are formatted later keep their place, also one that cannot be formatted", async () => {
  const stream = slowStream(1e6);
  stream.read();
  const output = createOutput(stream, { lingerMs: 60_000 });
  let formatted = 0;
  output.write("first\n");
  output.writeLater(() => `${++formatted}\n`);
  output.writeLater(() => {
    throw new Error("no text");
  });
  output.write("last\n");
  await settle();
  assertEquals([stream.text, formatted], ["", 0]);
  await output.flush();
  assertEquals(stream.text, "first\n1\na line could not be formatted: Error: no text\nlast\n");
});

Deno.test("an output formats a bounded number of lines for a reader that does not read", async () => {
  const stream = slowStream(1e6);
  const output = createOutput(stream, { lingerMs: 60_000 });
  let formatted = 0;
  const line = () => {
    formatted++;
    return "x".repeat(999) + "\n";
  };
  for (let i = 0; i < 10_000; i++) output.writeLater(line);
  await settle();
  // A thousand lines are being written, and a million bytes wait behind them.
  assert(formatted > 1_500 && formatted < 2_500, `${formatted} formatted`);
  stream.read();
  await output.flush();
});

Deno.test("flush returns the error that text was lost to, and undefined when none was", async () => {
  const full = new Error("no space left on device");
  const output = createOutput({ write: () => Promise.reject(full) });
  assertEquals(await output.flush(), undefined);
  output.write("lost");
  assertEquals(await output.flush(), full);
});
