/** YAML of Deno's standard library, whose npm package has no types. */
import { stringify as untyped } from "deno-std/yaml/stringify.js";

/**
 * Returns a value as a YAML document. A line is folded at `lineWidth` characters, 80 by default,
 * and never with -1. Throws a `TypeError` for what YAML cannot hold, such as a function.
 */
export const stringify: (data: unknown, options?: { lineWidth?: number }) => string = untyped;
