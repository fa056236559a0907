import { assert, assertEquals } from "@std/assert";
import { createOutput } from "../../src/runtime/output.ts";
import { settle } from "../support/clock.ts";

/** A stream whose reader takes `take` bytes a write and only when told to. */
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

Deno.test("what is written arrives whole and in order, however little the reader takes at once", async () => {
  const stream = slowStream(3);
  stream.read();
  const output = createOutput(stream);
  for (const word of ["one ", "two ", "", "three "]) output.write(word);
  await settle();
  output.write("four");
  await output.flush();
  assertEquals(stream.text, "one two three four");
});

Deno.test("nothing is left behind, at whichever moment it is written", async () => {
  for (let ticks = 0; ticks < 30; ticks++) {
    const stream = slowStream();
    stream.read();
    const output = createOutput(stream);
    output.write("one ");
    for (let i = 0; i < ticks; i++) await Promise.resolve();
    output.write("two");
    await output.flush();
    assertEquals(stream.text, "one two", `written after ${ticks} turns`);
  }
});

Deno.test("a reader that does not read costs a bounded memory and holds nothing up", async () => {
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

Deno.test("a reader that has gone is no error, and the next write is tried again", async () => {
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

Deno.test("a text above the bound is kept whole, and results are kept however much they are", async () => {
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

Deno.test("lines that come close together are written together, and a flush waits for none", async () => {
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

Deno.test("texts that are made later keep their place; one that cannot be made says so in it", async () => {
  const stream = slowStream(1e6);
  stream.read();
  const output = createOutput(stream, { lingerMs: 60_000 });
  let made = 0;
  output.write("first\n");
  output.writeLater(() => `${++made}\n`);
  output.writeLater(() => {
    throw new Error("no text");
  });
  output.write("last\n");
  await settle();
  assertEquals([stream.text, made], ["", 0]);
  await output.flush();
  assertEquals(stream.text, "first\n1\na text could not be made: Error: no text\nlast\n");
});

Deno.test("what is to be made does not pile up, and nothing is made for nobody", async () => {
  const stream = slowStream(1e6);
  const output = createOutput(stream, { lingerMs: 60_000 });
  let made = 0;
  const line = () => {
    made++;
    return "x".repeat(999) + "\n";
  };
  for (let i = 0; i < 10_000; i++) output.writeLater(line);
  await settle();
  // A thousand are on their way, and another million bytes wait for them.
  assert(made > 1_500 && made < 2_500, `${made} made`);
  stream.read();
  await output.flush();
});

Deno.test("a flush tells what text was lost to", async () => {
  const full = new Error("no space left on device");
  const output = createOutput({ write: () => Promise.reject(full) });
  assertEquals(await output.flush(), undefined);
  output.write("lost");
  assertEquals(await output.flush(), full);
});
