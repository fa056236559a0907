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
  { name: "--healthcheck reaches a probe that listens on IPv6 alone", reason: NO_IPV6 },
  { name: "tasks over https wants a certificate that is trusted", reason: NO_CERTIFICATE },
  {
    name: "tasks, where something answers that does not speak HTTP, ends with 6",
    reason: NO_CODES,
  },
  {
    name: "with Deno's OpenTelemetry each task is one root trace, of the id that the task shows",
    reason: COMPILED,
  },
];
