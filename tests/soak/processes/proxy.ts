/**
 * A proxy that opens tunnels to the ports of this machine, whatever host is asked for. Writes a line to
 * standard output for each: `opened`, or `refused` when nobody listens there.
 *
 * `deno run --allow-net proxy.ts PORT`
 */
import { readHead, write } from "../../support/targets.ts";

const listener = Deno.listen({ hostname: "127.0.0.1", port: Number(Deno.args[0]) });
console.log("did listen");
for await (const client of listener) serve(client).catch(() => {/* One of the two has gone. */});

async function serve(client: Deno.TcpConn): Promise<void> {
  const [, port] = (await readHead(client)).match(/^CONNECT \S+:(\d+) HTTP\/1\.1\r\n/) ?? [];
  if (!port) throw new Error("not a request for a tunnel");
  const server = await connect(Number(port));
  console.log(server ? "opened" : "refused");
  const reply = server ? "200 Connected" : "502 Refused";
  try {
    await write(client, `HTTP/1.1 ${reply}\r\n\r\n`);
  } catch (error) {
    server?.close();
    throw error;
  }
  if (!server) return client.close();
  await Promise.allSettled([
    client.readable.pipeTo(server.writable),
    server.readable.pipeTo(client.writable),
  ]);
}

async function connect(port: number): Promise<Deno.TcpConn | null> {
  try {
    return await Deno.connect({ hostname: "127.0.0.1", port });
  } catch {
    return null;
  }
}
