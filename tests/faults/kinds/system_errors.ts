/** Every error that the system may give while a name is resolved or a connection is made. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { isAvailable, run, test } from "../../support/program.ts";
import { IS_CI } from "../rigs.ts";

const withoutStrace = !IS_CI && !await isAvailable(
  "strace -qq -o /dev/null -e trace=connect -e inject=connect:error=EPERM true",
  "errors of the system",
);

/** Words before the program that make a call of the system fail. */
function failing(call: string, errno: string): string[] {
  const words = ["strace", "--follow-forks", "--seccomp-bpf", "-qq", "-o", "/dev/null"];
  return [...words, "-e", `trace=${call}`, "-e", `inject=${call}:error=${errno}`];
}

const SETTINGS = { DATASET_ID: "abc123", RETRIES: "1", OKDATA_API_URL: "http://127.0.0.1:9" };

/** Of the call that fails, the error, and what a message says of it if that is not its name. */
const ERRORS: [call: "connect" | "socket", errno: string, shown?: string][] = [
  ["connect", "EACCES"],
  ["connect", "EPERM"],
  ["connect", "EINVAL"],
  ["connect", "EAFNOSUPPORT"],
  ["connect", "ENOBUFS"],
  ["connect", "ENOMEM"],
  ["connect", "ENOPROTOOPT"],
  ["connect", "ENETUNREACH"],
  ["connect", "EHOSTUNREACH"],
  ["connect", "EADDRNOTAVAIL"],
  ["connect", "EADDRINUSE"],
  ["connect", "ETIMEDOUT"],
  ["connect", "ECONNRESET"],
  ["connect", "ENETDOWN"],
  ["connect", "EHOSTDOWN"],
  ["connect", "EPROTO"],
  // Node has no name for it.
  ["connect", "ENOSR", "Out of streams resources (os error 63)"],
  ["socket", "EMFILE"],
  ["socket", "ENFILE"],
  ["socket", "EACCES"],
];

for (const [call, errno, shown = errno] of ERRORS) {
  test(
    `${errno} of ${call} is a connect failure, retried, that names it and the address`,
    async () => {
      const { code, stdout, stderr } = await run({
        wrapper: failing(call, errno),
        args: ["--once"],
        env: { ...SETTINGS, LOG_LEVEL: "debug" },
      });
      assertEquals(code, 5, stdout + stderr);
      assertStringIncludes(stdout, `connect: connect ${shown} 127.0.0.1:9`);
      assertEquals(stderr.match(/an attempt of task 1 ended/g)?.length, 2, stderr);
    },
    { ignore: withoutStrace },
  );
}

for (const errno of ["EMFILE", "ENFILE", "EACCES", "EAFNOSUPPORT"]) {
  test(
    `${errno} while a name is resolved is a dns failure, retried, that names the host`,
    async () => {
      const { code, stdout, stderr } = await run({
        wrapper: failing("socket", errno),
        args: ["--once", "--json"],
        env: { ...SETTINGS, OKDATA_API_URL: "http://api.test:9" },
      });
      assertEquals(code, 5, stdout + stderr);
      const [task] = JSON.parse(stdout).tasks;
      assertEquals([task.reason, task.attempts.length], ["dns", 2]);
      assert(Object.keys(task.phases).join() === "resolve", JSON.stringify(task.phases));
    },
    { ignore: withoutStrace },
  );
}
