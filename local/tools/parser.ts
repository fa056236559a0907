/** The parser of responses, as the program imports it. */
import wasm from "npm:undici@7.30.2/lib/llhttp/llhttp-wasm.js";

/**
 * The source of a module with llhttp as text. The package's own module exports bytes by CommonJS, and
 * a bundler defines a property for each byte of such an export: 0.1 s and more at every start.
 */
export function parserModule(): string {
  return [
    "/** llhttp, the HTTP parser of Node, for WebAssembly, from the package undici (MIT); base64. */",
    `export const LLHTTP_WASM =\n  "${wasm.toBase64()}";`,
    "",
  ].join("\n");
}
