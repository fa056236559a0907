import { assert, assertEquals, assertMatch } from "@std/assert";
import { createLog, type LogOptions } from "../../src/runtime/log.ts";
import { at } from "../support/at.ts";

/** A log whose lines are kept as they would be written. */
async function start(options: Partial<LogOptions> = {}) {
  const written: string[] = [];
  const log = await createLog({
    level: "debug",
    format: "json",
    color: false,
    appId: "0a1b2c3d",
    environment: null,
    output: { writeLater: (format) => void written.push(format()) },
    ...options,
  });
  return { log, written, records: () => written.map((line) => JSON.parse(line)) };
}

Deno.test("a JSON line has the time, level, message, app_id and properties", async () => {
  const { log, written, records } = await start();
  const beforeMs = Date.now();
  log.warn("two attempts", { seqno: 7, reason: null });
  const [{ time, ...record }] = records();
  assertEquals(record, {
    level: "warning",
    message: "two attempts",
    app_id: "0a1b2c3d",
    seqno: 7,
    reason: null,
  });
  assertEquals(new Date(time).toISOString(), time);
  assert(Date.parse(time) >= beforeMs);
  assertEquals(at(written, 0).split("\n").length, 2, "one line with its end");
});

Deno.test("a JSON line names the environment where it is known", async () => {
  const { log, records } = await start({ environment: "prod" });
  log.info("started");
  assertEquals(records()[0].environment, "prod");
});

const LEVELS = ["debug", "info", "warning", "error"] as const;

for (const [i, level] of LEVELS.entries()) {
  Deno.test(`a log of level ${level} has the lines of that level and above`, async () => {
    const { log, records } = await start({ level });
    for (const write of [log.debug, log.info, log.warn, log.error]) write("line");
    assertEquals(records().map((record) => record.level), LEVELS.slice(i));
  });
}

Deno.test("a text line has the local time, the level and the message", async () => {
  const { log, written } = await start({ format: "text" });
  log.info("started");
  assertMatch(at(written, 0), /^\d\d:\d\d:\d\d\.\d{3} info {4}started\n$/);
});

Deno.test("a text line is coloured by its level, on a terminal only", async () => {
  const colored = await start({ format: "text", color: true });
  for (const write of [colored.log.debug, colored.log.info, colored.log.warn, colored.log.error]) {
    write("line");
  }
  // deno-lint-ignore no-control-regex -- colours are searched for
  const colors = colored.written.map((line) => line.match(/^\x1b\[\d+m/)?.[0]);
  assertEquals(colors, ["\x1b[2m", undefined, "\x1b[33m", "\x1b[31m"]);
  assert(at(colored.written, 3).endsWith("line\x1b[0m\n"));

  const plain = await start({ format: "text" });
  plain.log.error("line");
  assert(!at(plain.written, 0).includes("\x1b"));
});

Deno.test("a text line indents the further lines of a message, which cannot pass for its own", async () => {
  const { log, written } = await start({ format: "text" });
  log.error("stack\n12:00:00.000 info    forged\x1b[2J");
  const [first = "", second] = at(written, 0).split("\n");
  assert(first.endsWith("error   stack"), first);
  assertEquals(second, "    12:00:00.000 info    forged\\u001b[2J");
});

Deno.test("a JSON line escapes whatever acts on a terminal, in properties too", async () => {
  const { log, written, records } = await start();
  log.info("\x1b[2J\u202e\n", { text: "\x9b\u2028" });
  assertMatch(at(written, 0), /^[\x20-\x7e]+\n$/);
  assertEquals([records()[0].message, records()[0].text], ["\x1b[2J\u202e\n", "\x9b\u2028"]);
});

Deno.test("a message with braces is written as it is", async () => {
  const { log, records } = await start();
  const messages = ["{seqno}", '{"message": "{{}}"}', "}{"];
  for (const message of messages) log.info(message, { seqno: 7 });
  assertEquals(records().map(({ message }) => message), messages);
});

Deno.test("a line below the level is not formatted", async () => {
  let formatted = 0;
  const { log } = await start({
    level: "info",
    output: { writeLater: () => void formatted++ },
  });
  log.debug("line");
  log.info("line");
  assertEquals(formatted, 1);
});
