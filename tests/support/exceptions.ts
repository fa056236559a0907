/** The runtime that the list is about, as `PROBE_RUNTIME` names it; users get another one. */
export const EXCEPTED_RUNTIME = "2.4.2";

const HANGS = "its node:http does not notice that a connection ends before the headers do";
const UNCAUGHT = "its node:http throws an error that nobody can catch when a body is cut or broken";
const NO_CODES =
  "its node:http gives no error codes for TLS and HTTP, so that the reason is unknown";

const NO_IPV6 = "its node:http never connects to an IPv6 address in brackets";
const NO_CERTIFICATE = "its node:https shows no certificate, and no error codes for TLS";
const COMPILED =
  "any executable takes OpenTelemetry's switch when it is compiled, not when it runs";

const INTERIM = "interim answers without end keep it busy until the attempt's deadline";
const KEPT_SOCKETS =
  "its node:net keeps the socket of a connection that was given up before it was made";
const NO_HTTPS = "its node:https makes no connection by way of an agent: `Bad resource ID`";
const LAX =
  "its server takes two hosts, a length beside chunks and 100 kB of headers, and no other scheme";
const UNTOLD = "its server tells only when the last connection is gone that its port is lost";
const SLOW =
  "it reads slowly: a body without end takes it past the attempt's deadline, and slots run late";

/** The same reason for several tests. */
function excepted(reason: string, ...names: string[]): { name: string; reason: string }[] {
  return names.map((name) => ({ name, reason }));
}

/** The only list of tests that are not run on that runtime. The code is never bent to it. */
export const EXCEPTIONS: readonly { name: string; reason: string }[] = [
  { name: "a reset before the headers: exit 5, reset", reason: HANGS },
  { name: "an end before the headers: exit 5, reset", reason: HANGS },
  { name: "an end in the headers: exit 5, reset", reason: HANGS },
  { name: "a reset in the body: exit 5, reset", reason: UNCAUGHT },
  { name: "an end in a body of known length: exit 5, reset", reason: UNCAUGHT },
  { name: "an end in a chunked body: exit 5, reset", reason: UNCAUGHT },
  { name: "the emulator's cut body: exit 5, reset", reason: UNCAUGHT },
  { name: "a chunked body that is broken: exit 6, invalid_response", reason: UNCAUGHT },
  { name: "an answer that is not HTTP: exit 6, invalid_response", reason: NO_CODES },
  { name: "a server that does not speak TLS: exit 5, tls", reason: NO_CODES },
  {
    name: "a private authority is trusted through DENO_CERT, and its certificate's end is a metric",
    reason: NO_CERTIFICATE,
  },
  { name: "--healthcheck reaches a probe that listens on IPv6 only", reason: NO_IPV6 },
  { name: "tasks over https requires a trusted certificate", reason: NO_CERTIFICATE },
  {
    name: "tasks and --healthcheck reach a probe with HTTPS and credentials on the same machine",
    reason: NO_CERTIFICATE,
  },
  { name: "tasks of a server that does not speak HTTP exits with 6", reason: NO_CODES },
  {
    name: "with Deno's OpenTelemetry each task is one root trace, of the id that the task shows",
    reason: COMPILED,
  },
  // tests/faults/fault_matrix_test.ts
  ...excepted(
    UNCAUGHT,
    "a target that sends headers and no body: timeout, and well again",
    "a body that drips: timeout, and well again",
    "more bytes promised than sent, without an end: timeout, and well again",
    "resets in the body: reset, and well again",
    "more bytes promised than sent: reset, and well again",
    "chunks that end early: reset, and well again",
    "a length and chunks: invalid_response, and well again",
    "a chunk longer than any memory: invalid_response, and well again",
    "trailers without end: invalid_response, and well again",
    "answers that are never whole, as many as may be: bounded memory, slots counted",
    "thousands of failures of all kinds in a small heap: no memory is left behind",
  ),
  ...excepted(
    HANGS,
    "a storm of resets before the headers: reset, and well again",
    "resets in the headers: reset, and well again",
    "an end before the headers: reset, and well again",
    "an end after an interim answer: reset, and well again",
  ),
  ...excepted(
    NO_CODES,
    "what is not HTTP: invalid_response, and well again",
    "HTTP/2 to who has not asked for it: invalid_response, and well again",
    "two lengths: invalid_response, and well again",
    "a header of a megabyte: invalid_response, and well again",
    "a flood of headers: invalid_response, and well again",
    "headers without end: invalid_response, and well again",
  ),
  ...excepted(INTERIM, "interim answers without end: invalid_response, and well again"),
  ...excepted(
    KEPT_SOCKETS,
    "a target that takes no more connections: timeout, and well again",
    "a black hole for SYNs: timeout, and well again",
    "an address that dies while the name moves: the very next task uses the new one",
    "IPv4 that is dead, beside IPv6: no failure, though each task takes longer",
  ),
  ...excepted(
    SLOW,
    "a body without end: invalid_response, and well again",
    "through all of these, 99 slots of 100 ran within 100 ms of their time",
  ),
  ...excepted(
    NO_HTTPS,
    "a certificate that has ended: tls, and well again",
    "a certificate for another name: tls, and well again",
    "a certificate that vouches for itself: tls, and well again",
    "a certificate of an authority that nobody knows: tls, and well again",
    "a port that speaks no TLS: tls, and well again",
    "a handshake that stalls: timeout, and well again",
    "a handshake that stalls half-way: timeout, and well again",
    "a connection that is cut before the handshake: reset, and well again",
    "a connection that is cut in the handshake: reset, and well again",
  ),
  // tests/e2e/injection_test.ts
  {
    name: "what a target says is text in log, table, page, events, metrics and headers",
    reason: NO_CODES,
  },
  // tests/attack/
  ...excepted(
    LAX,
    "absolute form of a file",
    "two hosts",
    "a length and chunks",
    "chunks and a length",
    "200 headers",
    "a header of 100 kB",
  ),
  ...excepted(
    UNTOLD,
    "clients that occupy all descriptors cost no task, and the log reports loss and recovery",
    "clients that occupy all descriptors do not prevent name resolution",
  ),
];
