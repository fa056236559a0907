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
import { registerTargetFaults, type TargetFault } from "../target_faults.ts";

export const INVALID_RESPONSES: readonly TargetFault[] = [
  {
    fault: "a response that is not HTTP",
    behaviour: responds("SSH-2.0-OpenSSH_9.2\r\n"),
    reason: "invalid_response",
    seen: 1,
  },
  {
    fault: "an unrequested HTTP/2 response",
    behaviour: responds(new Uint8Array([0, 0, 0, 4, 0, 0, 0, 0, 0])),
    reason: "invalid_response",
    seen: 1,
  },
  {
    fault: "a body longer than its length",
    behaviour: respondsAndCloses((c) => `${OK}Content-Length: 5\r\n\r\n${dataset(c)}`),
    reason: "invalid_response",
    seen: 1,
  },
  {
    fault: "a response with two lengths",
    behaviour: respondsAndCloses(datasetUnder("Content-Length: 5")),
    reason: "invalid_response",
    seen: 1,
  },
  {
    fault: "a response with a length and chunks",
    behaviour: respondsAndCloses(datasetUnder("Transfer-Encoding: chunked")),
    reason: "invalid_response",
    seen: 1,
  },
  {
    fault: "a chunk larger than any memory",
    behaviour: respondsAndCloses(`${OK}Transfer-Encoding: chunked\r\n\r\n${"f".repeat(18)}\r\n{}`),
    reason: "invalid_response",
    seen: 1,
  },
  {
    fault: "a header of a mebibyte",
    isCostly: true,
    behaviour: respondsAndCloses(datasetUnder(`X: ${"x".repeat(MEBIBYTE)}`)),
    reason: "invalid_response",
    seen: 1,
  },
  {
    fault: "a response with 20,000 headers",
    isCostly: true,
    behaviour: respondsAndCloses(datasetUnder(...Array(20_000).fill("X: y"))),
    reason: "invalid_response",
    seen: 1,
  },
  {
    fault: "headers without an end",
    isCostly: true,
    behaviour: respondsAndRepeats(OK, `X: ${"x".repeat(1000)}\r\n`),
    reason: "invalid_response",
    seen: 1,
  },
  {
    fault: "trailers without an end",
    isCostly: true,
    behaviour: async (connection) => {
      await responds(chunked("0\r\n"))(connection);
      for (;;) await connection.write(`X: ${"x".repeat(1000)}\r\n`);
    },
    reason: "invalid_response",
    seen: 1,
  },
  {
    fault: "interim responses without an end",
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
    fault: "a body without an end",
    isCostly: true,
    behaviour: respondsAndRepeats(`${OK}\r\n`, "x".repeat(10_000)),
    reason: "invalid_response",
    seen: 1,
  },
  {
    fault: "a gzip bomb",
    isCostly: true,
    behaviour: respondsAndCloses(responseOf("200 OK", ["Content-Encoding: gzip"], BOMB)),
    reason: "invalid_response",
    seen: 1,
  },
  {
    fault: "truncated gzip",
    behaviour: respondsAndCloses(packed((text) => gzip(text).subarray(0, -6), "gzip")),
    reason: "invalid_response",
    seen: 1,
  },
  {
    fault: "gzip with trailing bytes",
    behaviour: respondsAndCloses(packed((text) => joined(gzip(text), "more"), "gzip")),
    reason: "invalid_response",
    seen: 1,
  },
  {
    fault: "a plain body declared as gzip",
    behaviour: respondsAndCloses(datasetUnder("Content-Encoding: gzip")),
    reason: "invalid_response",
    seen: 1,
  },
  {
    fault: "an unrequested content encoding",
    behaviour: respondsAndCloses(packed(brotli, "br")),
    reason: "invalid_response",
    seen: 1,
  },
  {
    fault: "the response of another dataset",
    behaviour: respondsAndCloses(responseOf("200 OK", [], '{"Id":"another"}')),
    reason: "invalid_response",
    seen: 1,
  },
  {
    fault: "JSON with 30,000 levels",
    isCostly: true,
    behaviour: respondsAndCloses(responseOf("200 OK", [], "[".repeat(30_000) + "]".repeat(30_000))),
    reason: "invalid_response",
    seen: 1,
  },
];

export const UNUSUAL_RESPONSES: readonly TargetFault[] = [
  {
    fault: "a response of just under a mebibyte",
    isCostly: true,
    behaviour: respondsAndCloses(responseOf("200 OK", [], (c) => dataset(c, MEBIBYTE - 100))),
    reason: null,
    seen: 1,
  },
  {
    fault: "a response of just under a mebibyte in a kilobyte of gzip",
    isCostly: true,
    behaviour: respondsAndCloses(
      responseOf("200 OK", ["Content-Encoding: gzip"], (c) => gzip(dataset(c, MEBIBYTE - 100))),
    ),
    reason: null,
    seen: 1,
  },
  {
    fault: "a complete response with trailing bytes",
    behaviour: async (connection) => {
      await responds(datasetUnder())(connection);
      await connection.write("and more of it\r\n");
      connection.close();
    },
    reason: null,
    seen: 1,
  },
  {
    fault: "a complete HTTP/1.0 response",
    behaviour: respondsAndCloses((c) => `HTTP/1.0 200 OK\r\n\r\n${dataset(c)}`),
    reason: null,
    seen: 1,
  },
  {
    fault: "a chunked body with a trailer",
    behaviour: respondsAndCloses(chunked("0\r\nX: y\r\n\r\n")),
    reason: null,
    seen: 1,
  },
  {
    fault: "a complete response on a connection that stays open",
    behaviour: responds(datasetUnder()),
    reason: null,
    seen: 1,
  },
];

registerTargetFaults([...INVALID_RESPONSES, ...UNUSUAL_RESPONSES]);
