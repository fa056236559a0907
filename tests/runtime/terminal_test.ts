import { assertEquals } from "@std/assert";
import { canDraw, StartTerminal, streamsOfStart } from "../../src/runtime/terminal.ts";

const stream = (isTerminal: boolean) => ({ isTerminal: () => isTerminal });

Deno.test("StartTerminal ends the program when a stream leads to its controlling terminal", () => {
  const ends = (streams: boolean[], hasControlling: boolean) =>
    new StartTerminal(streams.map(stream), () => hasControlling).endsProgram;
  assertEquals(ends([true, false, false], true), true);
  assertEquals(ends([false, false, true], true), true);
  // As nohup leaves it, and a service.
  assertEquals(ends([false, false, false], true), false);
  // As setsid leaves it.
  assertEquals(ends([true, true, true], false), false);
});

Deno.test("streamsOfStart has no standard input on macOS, where nohup leaves it a terminal", () => {
  const underNohup = { stdin: stream(true), stdout: stream(false), stderr: stream(false) };
  const ends = (os: string) =>
    new StartTerminal(streamsOfStart(underNohup, os), () => true).endsProgram;
  assertEquals([ends("darwin"), ends("linux")], [false, true]);
});

Deno.test("StartTerminal is gone when no stream that led to it does any more", () => {
  let isThere = true;
  const terminal = new StartTerminal(
    [stream(false), { isTerminal: () => isThere }],
    () => true,
  );
  assertEquals(terminal.isGone, false);
  isThere = false;
  assertEquals(terminal.isGone, true);
});

Deno.test("canDraw refuses the terminal that calls itself dumb alone", () => {
  assertEquals(["dumb", "xterm", "linux", undefined].map(canDraw), [false, true, true, true]);
});
