/**
 * A substitute for the platform: API and identity provider, each on a port of its own, made of bare
 * sockets, with random faults. Writes a line to standard output for each event:
 *
 * - `attempt TRACE_ID RESPONSE`: a request for a dataset, and how it will respond
 * - `token ok|failed`: a request for a token
 * - `look`: a connection without a request, as for a look at the certificate
 * - `did COMMAND`: a command from standard input is done: `recover` ends all faults; `refuse` and
 *   `listen` close and open the port of the API; `hold` leaves the next request without a response,
 *   and is done when that has come
 *
 * With a certificate both ports have TLS.
 *
 * `deno run --allow-net --allow-read target.ts API_PORT TOKEN_PORT SEED [CERT_FILE KEY_FILE]`
 */
import { mulberry32 } from "../../../local/http_server/random.ts";
import { send } from "../../attack/bytes.ts";
import { createDraw, type ResponseName } from "../responses.ts";

const [apiPort = "", tokenPort = "", seed, certFile, keyFile] = Deno.args;
const fraction = mulberry32(Number(seed));
const draw = createDraw(fraction);
const pair = certFile && keyFile
  ? { cert: Deno.readTextFileSync(certFile), key: Deno.readTextFileSync(keyFile) }
  : null;

/** How many of a thousand token requests are refused. */
const TOKENS_REFUSED = 30;
const TOKEN_SECONDS = 20;
const LARGE_BYTES = 1_100_000;
const PIECE_BYTES = 128;
/** How long there must be no new connection before the port is closed. */
const IDLE_MS = 50;

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const filler = "As long as the description of a dataset of the platform may be. ".repeat(16);
const large = encoder.encode("x".repeat(LARGE_BYTES));

let tokens = 0;
let isWell = false;
let isHolding = false;
let acceptedMs = 0;
listen(tokenPort);
let listener = listen(apiPort);

function listen(port: string): Deno.TcpListener | Deno.TlsListener {
  const address = { hostname: "127.0.0.1", port: Number(port) };
  const opened = pair ? Deno.listenTls({ ...address, ...pair }) : Deno.listen(address);
  accept(opened);
  return opened;
}

async function accept(from: Deno.TcpListener | Deno.TlsListener): Promise<void> {
  try {
    for await (const connection of from) {
      acceptedMs = performance.now();
      serve(connection).catch(() => {}).finally(() => close(connection));
    }
  } catch {
    // It was closed.
  }
}

async function serve(connection: Deno.Conn): Promise<void> {
  const request = new Request(connection);
  await request.until(/^(GET|POST) \S+ .*\r\n/).catch((error) => {
    if (request.text === "") report("look");
    throw error;
  });
  if (request.text.startsWith("POST ")) return await giveToken(connection, request);
  await request.until(/^authorization: Bearer token-\d+\r\n/mi);
  const [, datasetId] = request.text.match(/^GET \/datasets\/(\S+) /) ?? [];
  const [, traceId] = request.text.match(/^traceparent: 00-(\w+)-/mi) ?? [];
  if (!datasetId || !traceId) throw new Error(`not a request of the probe: ${request.text}`);
  const response: ResponseName = isHolding ? "silence" : isWell ? "plain" : draw();
  report(`attempt ${traceId} ${response}`);
  if (isHolding) {
    isHolding = false;
    report("did hold");
  }
  // A connection that is closed with unread bytes is reset.
  if (response !== "reset") await request.until(/\r\n\r\n/);
  await respond(connection, response, datasetId);
}

/** A request, read piece by piece. */
class Request {
  text = "";

  constructor(private readonly connection: Deno.Conn) {}

  /** Reads until `pattern` matches; throws when the request ends before. */
  async until(pattern: RegExp): Promise<void> {
    const buffer = new Uint8Array(PIECE_BYTES);
    while (!pattern.test(this.text)) {
      const count = await this.connection.read(buffer);
      if (count === null) throw new Error(`the request has ended: ${this.text}`);
      this.text += decoder.decode(buffer.subarray(0, count));
    }
  }
}

async function giveToken(connection: Deno.Conn, request: Request): Promise<void> {
  await request.until(/client_secret=/);
  // The first token is never refused: without it there would be no requests.
  const isRefused = tokens > 0 && !isWell && fraction() * 1000 < TOKENS_REFUSED;
  report(`token ${isRefused ? "failed" : "ok"}`);
  if (isRefused) return await send(connection, head("500 Broken", 0));
  const body = JSON.stringify({
    access_token: `token-${++tokens}`,
    token_type: "Bearer",
    expires_in: TOKEN_SECONDS,
  });
  await send(connection, head("200 OK", body.length) + body);
}

async function respond(connection: Deno.Conn, response: ResponseName, id: string): Promise<void> {
  const body = JSON.stringify({ Type: "Dataset", Id: id, description: filler });
  const whole = head("200 OK", body.length) + body;
  const chunk = `${body.length.toString(16)}\r\n${body}\r\n`;
  const chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n";
  const refusal = (status: string, headers = "") =>
    send(connection, head(status, 7, headers) + "refused");
  switch (response) {
    case "plain":
      return await send(connection, whole);
    case "packed": {
      const packed = await gzip(body);
      await send(connection, head("200 OK", packed.length, "content-encoding: gzip\r\n"));
      return await send(connection, packed);
    }
    case "slow":
      await sleep(50 + fraction() * 450);
      return await send(connection, whole);
    case "error500":
      return await refusal("500 Broken");
    case "error501":
      return await refusal("501 Not There Yet");
    case "error503":
      return await refusal("503 Busy", "retry-after: 0\r\n");
    case "tooMany":
      return await refusal("429 Too Many", "retry-after: 0\r\n");
    case "forbidden":
      return await refusal("403 Forbidden");
    case "badToken":
      return await refusal("401 Unauthorized");
    case "missing":
      return await refusal("404 Missing");
    case "moved":
      return await refusal("302 Found", "location: /elsewhere\r\n");
    case "teapot":
      return await refusal("418 Teapot");
    case "notJson":
      return await send(connection, head("200 OK", 6) + "<html>");
    case "otherDataset": {
      const other = JSON.stringify({ Type: "Dataset", Id: "another" });
      return await send(connection, head("200 OK", other.length) + other);
    }
    case "empty":
      return await send(connection, head("200 OK", 0));
    case "badlyPacked":
      return await send(
        connection,
        head("200 OK", 10, "content-encoding: gzip\r\n") + "not packed",
      );
    case "tooLarge":
      await send(connection, head("200 OK", large.length));
      return await send(connection, large);
    case "silence":
      return await untilLeft(connection);
    case "stalledBody":
      await send(connection, whole.slice(0, -100));
      return await untilLeft(connection);
    case "reset":
    case "end":
      return;
    case "cutBody":
      return await send(connection, whole.slice(0, -100));
    case "cutChunks":
      return await send(connection, chunked + chunk);
    case "badChunks":
      return await send(connection, chunked + "this is no number\r\n");
    case "notHttp":
      return await send(connection, "SSH-2.0-OpenSSH_9.2\r\n");
    default:
      // Does not compile while a kind of response is missing.
      response satisfies never;
  }
}

function head(status: string, length: number, headers = ""): string {
  return `HTTP/1.1 ${status}\r\ncontent-type: application/json\r\n` +
    `content-length: ${length}\r\n${headers}connection: close\r\n\r\n`;
}

/** Waits until the client gives up. */
async function untilLeft(connection: Deno.Conn): Promise<void> {
  while (await connection.read(new Uint8Array(64)) !== null);
}

function close(connection: Deno.Conn): void {
  try {
    connection.close();
  } catch {
    // It is closed already.
  }
}

async function gzip(text: string): Promise<Uint8Array> {
  const stream = new Blob([text]).stream().pipeThrough(new CompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

function sleep(delayMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, delayMs));
}

let unwritten = "";

/** Lines are written together: one write costs more than one response. */
function report(line: string): void {
  if (unwritten === "") {
    setTimeout(() => {
      const bytes = encoder.encode(unwritten);
      unwritten = "";
      for (let rest = bytes; rest.length > 0;) rest = rest.subarray(Deno.stdout.writeSync(rest));
    }, 20);
  }
  unwritten += `${line}\n`;
}

report("did listen");
let unfinished = "";
for await (const chunk of Deno.stdin.readable) {
  const lines = (unfinished + decoder.decode(chunk)).split("\n");
  unfinished = lines.pop() ?? "";
  for (const command of lines) {
    if (command === "recover") isWell = true;
    if (command === "hold") isHolding = true;
    if (command === "listen") listener = listen(apiPort);
    if (command === "refuse") {
      // Accepted connections must be served: otherwise their response would be unknown.
      while (performance.now() - acceptedMs < IDLE_MS) await sleep(IDLE_MS / 5);
      listener.close();
    }
    if (command !== "hold") report(`did ${command}`);
  }
}
Deno.exit();
