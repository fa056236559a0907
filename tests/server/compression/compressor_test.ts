import { assert, assertEquals } from "@std/assert";
import { systemClock } from "../../../src/core/clock.ts";
import { Compressor } from "../../../src/server/compression/compressor.ts";

type Bytes = Uint8Array<ArrayBuffer>;

async function decompressed(bytes: Bytes | null): Promise<string> {
  assert(bytes !== null, "nothing was compressed");
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return await new Response(stream).text();
}

/** As compressible as an exposition. */
function bodyOf(bytes: number): Bytes {
  const body = new Uint8Array(bytes);
  const lines = Array.from({ length: 1_000 }, (_, i) => `probe_total{id="${i}"} ${i % 7}\n`);
  const text = new TextEncoder().encode(lines.join(""));
  for (let start = 0; start < bytes; start += text.length) {
    body.set(text.subarray(0, bytes - start), start);
  }
  return body;
}

Deno.test("Compressor makes gzip of which the body is made again, of any size", async () => {
  const compressor = new Compressor(systemClock);
  for (const size of [0, 1, 64 * 1024, 64 * 1024 + 1, 1_000_000]) {
    const body = bodyOf(size);
    assertEquals(
      await decompressed(await compressor.gzip(body)),
      new TextDecoder().decode(body),
      `${size}`,
    );
  }
});

Deno.test("Compressor compresses a body once for all who ask while it is in use", async () => {
  const compressor = new Compressor(systemClock);
  const body = bodyOf(100_000);
  const [first, second] = await Promise.all([compressor.gzip(body), compressor.gzip(body)]);
  assert(first === second && first === await compressor.gzip(body));
});

Deno.test("Compressor yields to the event loop every 2 ms, and before the first part", async () => {
  const parts = 20;
  let nowMs = 0;
  let turns = 0;
  const clock = {
    ...systemClock,
    /** Each part takes a millisecond. */
    monotonic: () => nowMs++,
    after(delayMs: number, callback: () => void) {
      turns++;
      return systemClock.after(delayMs, callback);
    },
  };
  await new Compressor(clock).gzip(bodyOf(parts * 64 * 1024));
  assertEquals(turns, Math.ceil(parts / 3));
});

Deno.test("Compressor compresses one body at a time, in order", async () => {
  const compressor = new Compressor(systemClock);
  const done: number[] = [];
  const sizes = [1_000_000, 10, 500_000, 1];
  await Promise.all(sizes.map(async (size) => {
    await compressor.gzip(bodyOf(size));
    done.push(size);
  }));
  assertEquals(done, sizes);
});

Deno.test("Compressor refuses a body while bodies of 4 MiB wait, and takes it when they are done", async () => {
  const compressor = new Compressor(systemClock);
  const large = new Uint8Array(4 * 1024 * 1024);
  const waiting = compressor.gzip(large);
  const small = bodyOf(10);
  assertEquals(await compressor.gzip(small), null);
  await waiting;
  assertEquals(await decompressed(await compressor.gzip(small)), new TextDecoder().decode(small));
});

Deno.test("Compressor takes a body that is larger than its bound when nothing waits", async () => {
  const huge = new Uint8Array(5 * 1024 * 1024);
  assert(await new Compressor(systemClock).gzip(huge) !== null);
});

Deno.test("Compressor has nothing for a body of which the compression fails, and tries it again", async () => {
  const compressor = new Compressor(systemClock);
  const body = bodyOf(100_000);
  const failing = (): Transformer => ({ transform: () => Promise.reject(new Error("broken")) });
  const failingAtEnd = (): Transformer => ({ flush: () => Promise.reject(new Error("broken")) });
  const original = globalThis.CompressionStream;
  for (const transformer of [failing, failingAtEnd]) {
    globalThis.CompressionStream = class extends TransformStream {
      constructor() {
        super(transformer());
      }
    };
    try {
      assertEquals(await Promise.all([compressor.gzip(body), compressor.gzip(body)]), [null, null]);
    } finally {
      globalThis.CompressionStream = original;
    }
  }
  assertEquals(await decompressed(await compressor.gzip(body)), new TextDecoder().decode(body));
});
