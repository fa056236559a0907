import { assert, assertEquals } from "@std/assert";
import { UnreadResponses } from "../../../src/server/load_shedding/unread_responses.ts";

const MEBIBYTE = 1024 * 1024;

/** A distinct text of a mebibyte. */
const large = (name: string) => name.padEnd(MEBIBYTE, "x");

function add(unread: UnreadResponses, text: string, init?: ResponseInit): Promise<Response> {
  const response = new Response(text, init);
  const { body } = response;
  assert(body);
  return unread.add(response, body);
}

/** Whether a response can be read to its end. */
async function isComplete(response: Response): Promise<boolean> {
  const { length } = await response.bytes();
  return length === Number(response.headers.get("content-length"));
}

Deno.test("UnreadResponses changes neither status, headers nor body of a response", async () => {
  const text = "x€😀\ud800".repeat(50_000);
  const headers = { "content-type": "text/plain", "x-own": "1" };
  const response = await add(new UnreadResponses(), text, { status: 418, headers });
  assertEquals([response.status, response.headers.get("x-own")], [418, "1"]);
  const bytes = await response.bytes();
  assertEquals(response.headers.get("content-length"), String(bytes.length));
  assert(new TextDecoder().decode(bytes) === text.toWellFormed(), "another body arrives");
});

Deno.test("UnreadResponses breaks off the oldest responses beyond 32 MiB", async () => {
  const unread = new UnreadResponses();
  const responses: Response[] = [];
  for (let nth = 0; nth < 64; nth++) responses.push(await add(unread, large(`${nth}`)));
  const complete = await Promise.all(responses.map(isComplete));
  assertEquals(complete.lastIndexOf(false), 32);
  assertEquals(complete.indexOf(true), 33);
});

Deno.test("UnreadResponses breaks off the oldest of many small responses, even equal ones", async () => {
  const unread = new UnreadResponses();
  const responses: Response[] = [];
  for (let nth = 0; nth < 3_000; nth++) responses.push(await add(unread, "not found"));
  const complete = await Promise.all(responses.map(isComplete));
  assertEquals(complete.filter(Boolean).length, 2_047);
  assertEquals(complete.indexOf(true), 3_000 - 2_047);
});

Deno.test("UnreadResponses holds a body once for a crowd that requested the same", async () => {
  const unread = new UnreadResponses();
  const responses: Response[] = [];
  for (let nth = 0; nth < 100; nth++) responses.push(await add(unread, large("crowd")));
  for (let nth = 0; nth < 10; nth++) responses.push(await add(unread, large(`other${nth}`)));
  for (const response of responses) assert(await isComplete(response), "a response broke off");
});

Deno.test("UnreadResponses makes room when a response is read or its client leaves", async () => {
  const unread = new UnreadResponses();
  const first = await add(unread, large("first"));
  for (let nth = 0; nth < 64; nth++) {
    const response = await add(unread, large(`${nth}`));
    if (nth % 2 === 0) await response.body?.cancel();
    else assert(await isComplete(response), `response ${nth} broke off`);
  }
  assert(await isComplete(first), "the first response broke off");
});

Deno.test("UnreadResponses sends parts that do not keep the whole body in memory", async () => {
  const response = await add(new UnreadResponses(), large("body"));
  assert(response.body);
  for await (const part of response.body) assertEquals(part.buffer.byteLength, 64 * 1024);
});
