import { assert, assertEquals } from "@std/assert";
import { Events } from "../../src/server/events.ts";
import { FakeClock, settle } from "../support/clock.ts";

/** Reads a stream as it comes, and keeps what it has read. */
function follow(stream: ReadableStream<Uint8Array> | null) {
  if (!stream) throw new Error("too many readers");
  const reader = stream.getReader();
  const decoder = new TextDecoder();
  const seen = { text: "", isEnded: false };
  const reading = (async () => {
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      seen.text += decoder.decode(part.value);
    }
    seen.isEnded = true;
  })();
  return Object.assign(seen, { reading, leave: () => reader.cancel() });
}

function start() {
  const clock = new FakeClock();
  const events = new Events(clock, { app_id: "0a1b2c3d" });
  return { clock, events };
}

const HELLO = 'retry: 2000\nevent: hello\ndata: {"app_id":"0a1b2c3d"}\n\n';

Deno.test("Events sends each event to the present readers, several in one write", async () => {
  const { clock, events } = start();
  const first = follow(events.open());
  events.send("settled", () => ({ seqno: 1 }));
  const second = follow(events.open());
  events.send("settled", () => ({ seqno: 2 }));
  await settle();
  assertEquals([first.text, second.text], [HELLO, HELLO]);

  await clock.run(250);
  const both = 'event: settled\ndata: {"seqno":1}\n\nevent: settled\ndata: {"seqno":2}\n\n';
  assertEquals([first.text, second.text], [HELLO + both, HELLO + both]);
  assertEquals(events.flushes, 1);
  events.close();
});

Deno.test("Events keeps quiet streams alive every 10 s, and sets no timer without readers", async () => {
  const { clock, events } = start();
  const first = follow(events.open());
  const second = follow(events.open());
  await clock.run(30_000);
  for (const { text } of [first, second]) {
    assertEquals(text, HELLO + ": still here\n\n".repeat(3));
  }
  await first.leave();
  assertEquals([events.readers, clock.waiting], [1, 1]);
  await second.leave();
  assertEquals([events.readers, clock.waiting], [0, 0]);

  events.send("settled", () => {
    throw new Error("data made for no reader");
  });
  const late = follow(events.open());
  await clock.run(10_000);
  assertEquals(late.text, `${HELLO}: still here\n\n`);
  events.close();
});

Deno.test("Events drops a reader that does not read, and keeps the others", async () => {
  const { clock, events } = start();
  const stuck = events.open();
  const reading = follow(events.open());
  const kilobyte = "x".repeat(1024);
  for (let kilobytes = 0; kilobytes < 255; kilobytes++) {
    events.send("settled", () => kilobyte);
    await clock.run(250);
  }
  assertEquals(events.readers, 1);
  assertEquals(reading.text.split("event: settled").length - 1, 255);
  const late = follow(stuck);
  await late.reading;
  assertEquals(
    late.text,
    "",
    "the dropped reader gets nothing, and its stream ends without an error",
  );
  events.close();
});

Deno.test("Events drops no reader that reads, however large a burst is", async () => {
  const { clock, events } = start();
  const reader = follow(events.open());
  await clock.run(60_000);
  for (let round = 1; round <= 3; round++) {
    for (let seqno = 0; seqno < 1_000; seqno++) events.send("settled", () => "x".repeat(1024));
    await clock.run(250);
    await settle();
    assertEquals(reader.text.split("event: settled").length - 1, round * 1_000);
  }
  events.close();
  await reader.reading;
});

Deno.test("Events drops a reader that reads too slowly", async () => {
  const { clock, events } = start();
  const stream = events.open();
  assert(stream);
  const reader = stream.getReader();
  for (let kilobytes = 0; events.readers > 0 && kilobytes < 1_000; kilobytes++) {
    events.send("settled", () => "x".repeat(1024));
    await clock.run(250);
    if (kilobytes % 4 === 0) await reader.read();
  }
  assertEquals(events.readers, 0);
});

Deno.test("Events refuses a reader beyond 250 until another one leaves", async () => {
  const { events } = start();
  const first = follow(events.open());
  for (let nth = 1; nth < 250; nth++) follow(events.open());
  assertEquals(events.open(), null);
  await first.leave();
  const another = follow(events.open());
  assertEquals(events.open(), null);
  events.close();
  await another.reading;
});

Deno.test("Events sends the gathered events, ends every stream and refuses readers when it closes", async () => {
  const { clock, events } = start();
  const reader = follow(events.open());
  events.send("settled", () => ({ seqno: 1 }));
  events.close();
  await reader.reading;
  assertEquals(reader.text, `${HELLO}event: settled\ndata: {"seqno":1}\n\n`);
  assertEquals([events.open(), events.readers, clock.waiting], [null, 0, 0]);
});
