import { assertEquals } from "@std/assert";
import { credentialsOf, encodeCredentials } from "../../src/text/basic_credentials.ts";

const CASES: [string, string | null][] = [
  ["http://host/", null],
  ["http://user@host/", "user:"],
  ["http://:secret@host/", ":secret"],
  ["http://us%40er:p%3Ass@host/", "us@er:p:ss"],
  ["http://user:50%25@host/", "user:50%"],
  ["http://user:50%@host/", "user:50%"],
  ["http://bjørn:ærlig@host/", "bjørn:ærlig"],
];
for (const [url, pair] of CASES) {
  Deno.test(`the credentials of ${url} are ${pair ?? "none"}`, () => {
    const credentials = credentialsOf(new URL(url));
    const sent = credentials && new TextDecoder().decode(
      Uint8Array.from(atob(encodeCredentials(credentials)), (char) => char.charCodeAt(0)),
    );
    assertEquals(sent, pair);
  });
}
