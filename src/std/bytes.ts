/** Byte slices of Deno's standard library, whose npm package has no types. */
import { concat as untypedConcat } from "deno-std/bytes/concat.js";
import { equals as untypedEquals } from "deno-std/bytes/equals.js";

/** Returns a copy of all slices, one after the other. */
export const concat: (slices: readonly Uint8Array[]) => Uint8Array<ArrayBuffer> = untypedConcat;

/** Whether two slices hold the same bytes. */
export const equals: (a: Uint8Array, b: Uint8Array) => boolean = untypedEquals;
