import { assertEquals } from "@std/assert";
import { acceptedCodings } from "../../../src/server/compression/accept_encoding.ts";

const GZIP = { prefersGzip: true, acceptsIdentity: true };
const GZIP_ONLY = { prefersGzip: true, acceptsIdentity: false };
const IDENTITY = { prefersGzip: false, acceptsIdentity: true };
const NEITHER = { prefersGzip: false, acceptsIdentity: false };

for (
  const [header, expected] of [
    [undefined, IDENTITY],
    ["", IDENTITY],
    ["gzip", GZIP],
    ["GZip", GZIP],
    ["x-gzip", GZIP],
    ["deflate, gzip, br, zstd", GZIP],
    ["br", IDENTITY],
    ["gzip;q=0", IDENTITY],
    ["gzip;q=0.000", IDENTITY],
    ["gzip ; q=0.001", GZIP],
    ["gzip;Q=0.5", GZIP],
    [" gzip ;\tq = 0.5 ", GZIP],
    ["gzip;q=0.5, identity", IDENTITY],
    ["gzip;q=0.5, identity;q=0.6", IDENTITY],
    ["gzip;q=0.5, identity;q=0.5", GZIP],
    ["identity", IDENTITY],
    ["*", GZIP],
    ["*;q=0.1", GZIP],
    ["gzip;q=0, *", IDENTITY],
    ["identity;q=0, *", GZIP_ONLY],
    ["gzip, identity;q=0", GZIP_ONLY],
    ["gzip, *;q=0", GZIP_ONLY],
    ["gzip;q=0.1, identity;q=0", GZIP_ONLY],
    ["identity;q=0.1, *;q=0", IDENTITY],
    ["identity;q=0", NEITHER],
    ["br, identity;q=0", NEITHER],
    ["*;q=0", NEITHER],
    // What is malformed says nothing.
    ["gzip;q=2", IDENTITY],
    ["gzip;q=-1", IDENTITY],
    ["identity;q=none", IDENTITY],
    ["identity;q=none, gzip", GZIP],
    [";;, ,q=,", IDENTITY],
    ["identity;q=0;q=0", IDENTITY],
    ["identity;q=0=0", IDENTITY],
    ["identity;0", IDENTITY],
  ] as const
) {
  Deno.test(`acceptedCodings of ${header === undefined ? "no header" : `"${header}"`}`, () => {
    assertEquals(acceptedCodings(header), expected);
  });
}

Deno.test("acceptedCodings reads a header of a million characters, however it is filled", () => {
  // A pattern with quadratic time would take minutes for one of them.
  const length = 1_000_000;
  const headers = [
    " ".repeat(length) + "x",
    "x" + " ".repeat(length) + "x",
    "x;" + " ".repeat(length) + "x",
    "x;q" + " ".repeat(length) + "x",
    "x;q=" + " ".repeat(length) + "x",
    "x;q=1" + " ".repeat(length) + "x",
    "x;".repeat(length / 2),
    "x,".repeat(length / 2),
  ];
  for (const header of headers) assertEquals(acceptedCodings(header), IDENTITY);
});
