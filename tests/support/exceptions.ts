/** The runtime that the list is about, as `PROBE_RUNTIME` names it; users get another one. */
export const EXCEPTED_RUNTIME = "2.6.10";

const HANGS = "its node:http does not notice that a connection ends before the headers do";
const UNCAUGHT = "its node:http throws an error that nobody can catch when a body is cut or broken";
const NO_CODES =
  "its node:http gives no error codes for TLS and HTTP, so that the reason is unknown";

const NO_IPV6 = "its node:http never connects to an IPv6 address in brackets";
const NO_CERTIFICATE = "its node:https shows no certificate, and no error codes for TLS";
const COMPILED =
  "any executable takes OpenTelemetry's switch when it is compiled, not when it runs";

const INTERIM = "interim responses without end keep it busy until the attempt's deadline";
const KEPT_SOCKETS =
  "its node:net keeps the socket of a connection that was given up before it was made";
const NO_HTTPS = "its node:https makes no connection by way of an agent: `Bad resource ID`";
const LAX =
  "its server takes two hosts, a length beside chunks and 100 kB of headers, and no other scheme";
const UNTOLD = "its server tells only when the last connection is gone that its port is lost";
const SLOW = "it reads slowly: a body without an end takes it past the attempt's deadline";

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
  { name: "a response that is not HTTP: exit 6, invalid_response", reason: NO_CODES },
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
  // tests/faults/kinds/
  ...excepted(
    UNCAUGHT,
    "a target that sends headers and no body causes timeout failures until it ends",
    "a body that arrives byte by byte causes timeout failures until it ends",
    "a body shorter than its length on an open connection causes timeout failures until it ends",
    "a reset in the body causes reset failures until it ends",
    "a body shorter than its length causes reset failures until it ends",
    "a chunked body without its last chunk causes reset failures until it ends",
    "a response with a length and chunks causes invalid_response failures until it ends",
    "a chunk larger than any memory causes invalid_response failures until it ends",
    "trailers without an end causes invalid_response failures until it ends",
    "responses that never end leave memory bounded and every refused slot counted",
    "thousands of failures of all kinds leave no memory behind",
  ),
  ...excepted(
    HANGS,
    "a reset before the headers causes reset failures until it ends",
    "a reset in the headers causes reset failures until it ends",
    "a connection closed before the headers causes reset failures until it ends",
    "a connection closed after an interim response causes reset failures until it ends",
  ),
  ...excepted(
    NO_CODES,
    "a response that is not HTTP causes invalid_response failures until it ends",
    "an unrequested HTTP/2 response causes invalid_response failures until it ends",
    "a response with two lengths causes invalid_response failures until it ends",
    "a header of a mebibyte causes invalid_response failures until it ends",
    "a response with 20,000 headers causes invalid_response failures until it ends",
    "headers without an end causes invalid_response failures until it ends",
  ),
  ...excepted(
    INTERIM,
    "interim responses without an end causes invalid_response failures until it ends",
  ),
  ...excepted(
    KEPT_SOCKETS,
    "a target that accepts no more connections causes timeout failures until it ends",
    "a network that drops SYNs causes timeout failures until it ends",
    "an address that dies before its name moves to another one causes timeout failures until it ends",
    "a dead IPv4 address beside IPv6 causes no failure",
  ),
  ...excepted(
    SLOW,
    "a body without an end causes invalid_response failures until it ends",
  ),
  ...excepted(
    NO_HTTPS,
    "an expired certificate causes tls failures until it ends",
    "a certificate for another name causes tls failures until it ends",
    "a self-signed certificate causes tls failures until it ends",
    "a certificate of an unknown authority causes tls failures until it ends",
    "a port that speaks no TLS causes tls failures until it ends",
    "a TLS handshake that stalls causes timeout failures until it ends",
    "a TLS handshake that stalls half-way causes timeout failures until it ends",
    "a connection closed before the TLS handshake causes reset failures until it ends",
    "a connection closed in the TLS handshake causes reset failures until it ends",
  ),
  // tests/e2e/extended/injection_test.ts
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
