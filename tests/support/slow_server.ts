/** A server whose responses take as long as their requests say, and which notes how long they took. */
import { sleep, systemClock } from "../../src/core/clock.ts";
import { readHead, startRawServer, type Target, write } from "./targets.ts";

/** How a client knows where the body ends. */
export const FRAMINGS = ["length", "chunked", "end"] as const;

/** When the bytes come: all at the end, evenly until then, or the headers at once. */
export const PACES = ["whole", "dripping", "late-body"] as const;

export type SlowResponse = {
  framing: typeof FRAMINGS[number];
  pace: typeof PACES[number];
  delayMs: number;
};

/** Milliseconds from when the request was read until just before the first and the last byte went. */
export type Sent = { firstMs: number; lastMs: number };

const PIECES = 8;

/** A response as a path holds it, and the ID of a dataset. */
export function pathOf({ framing, pace, delayMs }: SlowResponse): string {
  return `${framing}.${pace}.${delayMs}`;
}

/** Responds with a dataset, as the first part of the request's path that `pathOf` has made says. */
export function startSlowServer(
  pair?: Deno.TlsCertifiedKeyPem,
): Target & { sent: ReadonlyMap<string, Sent> } {
  const sent = new Map<string, Sent>();
  const server = startRawServer(async (connection) => {
    const head = await readHead(connection);
    const startMs = performance.now();
    const path = head.match(/ (\S+)/)?.[1]?.split("/") ?? [];
    const asked = path.find((part) => part.includes(".")) ?? "";
    const [framing = "", pace = "", delay] = asked.split(".");
    const pieces = piecesOf(framing, pace, JSON.stringify({ Type: "Dataset", Id: path.at(-1) }));
    let firstMs: number | null = null;
    for (const [i, piece] of pieces.entries()) {
      const share = pieces.length === 1 ? 1 : i / (pieces.length - 1);
      await sleep(systemClock, startMs + share * Number(delay) - performance.now());
      const lastMs = performance.now() - startMs;
      firstMs ??= lastMs;
      sent.set(asked, { firstMs, lastMs });
      await write(connection, piece);
    }
    connection.close();
  }, pair);
  return { ...server, sent };
}

function piecesOf(framing: string, pace: string, body: string): string[] {
  const [head, framed] = withFraming(framing, body);
  if (pace === "late-body") return [head, framed];
  const whole = head + framed;
  const length = pace === "whole" ? whole.length : Math.ceil(whole.length / PIECES);
  return whole.match(new RegExp(`[^]{1,${length}}`, "g")) ?? [];
}

function withFraming(framing: string, body: string): [head: string, body: string] {
  const head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n";
  if (framing === "end") return [`${head}\r\n`, body];
  if (framing === "length") return [`${head}content-length: ${body.length}\r\n\r\n`, body];
  const chunks = [body.slice(0, 5), body.slice(5)]
    .map((chunk) => `${chunk.length.toString(16)}\r\n${chunk}\r\n`);
  return [`${head}transfer-encoding: chunked\r\n\r\n`, `${chunks.join("")}0\r\n\r\n`];
}
