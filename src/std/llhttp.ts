/** llhttp, the HTTP parser of Node, as undici ships it for WebAssembly; the file has no types. */
import untyped from "undici/lib/llhttp/llhttp-wasm.js";

/** The WebAssembly module. */
export const LLHTTP_WASM: BufferSource = untyped;
