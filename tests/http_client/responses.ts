/** Responses as bytes, and a look into the memory of their parser. */

let memory: WebAssembly.Memory | null = null;

// The parser is loaded with the first response, so that this module is there before it.
const Instance = WebAssembly.Instance;
WebAssembly.Instance = class extends Instance {
  constructor(module: WebAssembly.Module, imports?: WebAssembly.Imports) {
    super(module, imports);
    const { exports } = this;
    if ("llhttp_alloc" in exports) memory = exports.memory as WebAssembly.Memory;
  }
};

/** How large the memory of the parser is now. */
export function parserMemoryBytes(): number {
  if (!memory) throw new Error("the parser is not loaded yet");
  return memory.buffer.byteLength;
}

/** Text in Latin-1: each character is a byte. */
export function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

export function textOf(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
}
