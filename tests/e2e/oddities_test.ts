/** Each malformed or unusual request has the same response on every runtime, or is an exception. */
import { assertEquals } from "@std/assert";
import { send } from "../attack/bytes.ts";
import { ODDITIES } from "../attack/oddities.ts";
import { sharingTest, startLoop } from "../support/program.ts";

/** One program for all requests. */
let url: Promise<string> | null = null;
const resources = new AsyncDisposableStack();
Deno.test.afterAll(() => resources.disposeAsync());

async function startProgram(): Promise<string> {
  return resources.use(await startLoop({ env: { LOCAL_SERVICES_ONLY: "true" } })).url;
}

for (const { name, request, statuses } of ODDITIES) {
  sharingTest(name, async () => {
    assertEquals(await statusesOf(await (url ??= startProgram()), request), statuses);
  });
}

/** Sent after each request: a smuggled request in it has its response before this one. */
const LAST_REQUEST = "GET /readyz HTTP/1.1\r\nHost: probe\r\nConnection: close\r\n\r\n";

/** The statuses of all responses to a request, until the connection is closed. */
async function statusesOf(url: string, request: string): Promise<number[]> {
  const { hostname, port } = new URL(url);
  using connection = await Deno.connect({ hostname, port: Number(port) });
  let text = "";
  try {
    await send(connection, request + LAST_REQUEST);
    const decoder = new TextDecoder("latin1");
    for await (const chunk of connection.readable) text += decoder.decode(chunk);
  } catch (error) {
    // The program may refuse the request and close the connection before it was sent completely.
    const { ConnectionReset, BrokenPipe } = Deno.errors;
    if (!(error instanceof ConnectionReset || error instanceof BrokenPipe)) throw error;
  }
  const statuses = [...text.matchAll(/HTTP\/1\.[01] (\d{3}) /g)].map(([, status]) =>
    Number(status)
  );
  return text.endsWith('{"status":"ready"}') ? statuses.slice(0, -1) : statuses;
}
