/** Responses that are not the dataset, and unusual ones that are. */
import {
  BOMB,
  brotli,
  chunked,
  datasetUnder,
  gzip,
  joined,
  MEBIBYTE,
  OK,
  packed,
  responds,
  respondsAndCloses,
  respondsAndRepeats,
  responseOf,
} from "../behaviours.ts";
import { dataset } from "../faulty_target.ts";
import type { TargetFault } from "../target_faults.ts";

export const INVALID_RESPONSES: readonly TargetFault[] = [
  {
    name: "a response that is not HTTP causes invalid_response failures until it ends",
    behaviour: responds("SSH-2.0-OpenSSH_9.2\r\n"),
    reason: "invalid_response",
    seen: 1,
  },
  {
    name: "an unrequested HTTP/2 response causes invalid_response failures until it ends",
    behaviour: responds(new Uint8Array([0, 0, 0, 4, 0, 0, 0, 0, 0])),
    reason: "invalid_response",
    seen: 1,
  },
  {
    name: "a body longer than its length causes invalid_response failures until it ends",
    behaviour: respondsAndCloses((c) => `${OK}Content-Length: 5\r\n\r\n${dataset(c)}`),
    reason: "invalid_response",
    seen: 1,
  },
  {
    name: "a response with two lengths causes invalid_response failures until it ends",
    behaviour: respondsAndCloses(datasetUnder("Content-Length: 5")),
    reason: "invalid_response",
    seen: 1,
  },
  {
    name: "a response with a length and chunks causes invalid_response failures until it ends",
    behaviour: respondsAndCloses(datasetUnder("Transfer-Encoding: chunked")),
    reason: "invalid_response",
    seen: 1,
  },
  {
    name: "a chunk larger than any memory causes invalid_response failures until it ends",
    behaviour: respondsAndCloses(`${OK}Transfer-Encoding: chunked\r\n\r\n${"f".repeat(18)}\r\n{}`),
    reason: "invalid_response",
    seen: 1,
  },
  {
    name: "a header of a mebibyte causes invalid_response failures until it ends",
    isCostly: true,
    behaviour: respondsAndCloses(datasetUnder(`X: ${"x".repeat(MEBIBYTE)}`)),
    reason: "invalid_response",
    seen: 1,
  },
  {
    name: "a response with 20,000 headers causes invalid_response failures until it ends",
    isCostly: true,
    behaviour: respondsAndCloses(datasetUnder(...Array(20_000).fill("X: y"))),
    reason: "invalid_response",
    seen: 1,
  },
  {
    name: "headers without an end causes invalid_response failures until it ends",
    isCostly: true,
    behaviour: respondsAndRepeats(OK, `X: ${"x".repeat(1000)}\r\n`),
    reason: "invalid_response",
    seen: 1,
  },
  {
    name: "trailers without an end causes invalid_response failures until it ends",
    isCostly: true,
    behaviour: async (connection) => {
      await responds(chunked("0\r\n"))(connection);
      for (;;) await connection.write(`X: ${"x".repeat(1000)}\r\n`);
    },
    reason: "invalid_response",
    seen: 1,
  },
  {
    name: "interim responses without an end causes invalid_response failures until it ends",
    isCostly: true,
    behaviour: respondsAndRepeats(
      "",
      "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n".repeat(40),
      1,
    ),
    reason: "invalid_response",
    seen: 1,
  },
  {
    name: "a body without an end causes invalid_response failures until it ends",
    isCostly: true,
    behaviour: respondsAndRepeats(`${OK}\r\n`, "x".repeat(10_000)),
    reason: "invalid_response",
    seen: 1,
  },
  {
    name: "a gzip bomb causes invalid_response failures until it ends",
    isCostly: true,
    behaviour: respondsAndCloses(responseOf("200 OK", ["Content-Encoding: gzip"], BOMB)),
    reason: "invalid_response",
    seen: 1,
  },
  {
    name: "truncated gzip causes invalid_response failures until it ends",
    behaviour: respondsAndCloses(packed((text) => gzip(text).subarray(0, -6), "gzip")),
    reason: "invalid_response",
    seen: 1,
  },
  {
    name: "gzip with trailing bytes causes invalid_response failures until it ends",
    behaviour: respondsAndCloses(packed((text) => joined(gzip(text), "more"), "gzip")),
    reason: "invalid_response",
    seen: 1,
  },
  {
    name: "a plain body declared as gzip causes invalid_response failures until it ends",
    behaviour: respondsAndCloses(datasetUnder("Content-Encoding: gzip")),
    reason: "invalid_response",
    seen: 1,
  },
  {
    name: "an unrequested content encoding causes invalid_response failures until it ends",
    behaviour: respondsAndCloses(packed(brotli, "br")),
    reason: "invalid_response",
    seen: 1,
  },
  {
    name: "the response of another dataset causes invalid_response failures until it ends",
    behaviour: respondsAndCloses(responseOf("200 OK", [], '{"Id":"another"}')),
    reason: "invalid_response",
    seen: 1,
  },
  {
    name: "JSON with 30,000 levels causes invalid_response failures until it ends",
    isCostly: true,
    behaviour: respondsAndCloses(responseOf("200 OK", [], "[".repeat(30_000) + "]".repeat(30_000))),
    reason: "invalid_response",
    seen: 1,
  },
];

export const UNUSUAL_RESPONSES: readonly TargetFault[] = [
  {
    name: "a response of just under a mebibyte causes no failure",
    isCostly: true,
    behaviour: respondsAndCloses(responseOf("200 OK", [], (c) => dataset(c, MEBIBYTE - 100))),
    reason: null,
    seen: 1,
  },
  {
    name: "a response of just under a mebibyte in a kilobyte of gzip causes no failure",
    isCostly: true,
    behaviour: respondsAndCloses(
      responseOf("200 OK", ["Content-Encoding: gzip"], (c) => gzip(dataset(c, MEBIBYTE - 100))),
    ),
    reason: null,
    seen: 1,
  },
  {
    name: "a complete response with trailing bytes causes no failure",
    behaviour: async (connection) => {
      await responds(datasetUnder())(connection);
      await connection.write("and more of it\r\n");
      connection.close();
    },
    reason: null,
    seen: 1,
  },
  {
    name: "a complete HTTP/1.0 response causes no failure",
    behaviour: respondsAndCloses((c) => `HTTP/1.0 200 OK\r\n\r\n${dataset(c)}`),
    reason: null,
    seen: 1,
  },
  {
    name: "a chunked body with a trailer causes no failure",
    behaviour: respondsAndCloses(chunked("0\r\nX: y\r\n\r\n")),
    reason: null,
    seen: 1,
  },
  {
    name: "a complete response on a connection that stays open causes no failure",
    behaviour: responds(datasetUnder()),
    reason: null,
    seen: 1,
  },
];
