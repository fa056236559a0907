import { createTlsFiles, type TlsFiles } from "../support/tls_files.ts";
import type { Figure, Run } from "./figure.ts";
import { areHere } from "./tools.ts";

/** What `measure` finds over TLS; nothing without the nginx that stands before the targets. */
export async function overTls(
  what: string,
  run: Run,
  measure: (tls: TlsFiles) => Promise<Figure[]>,
): Promise<Figure[]> {
  if (!await areHere(["nginx"], `${what} over TLS`, run)) return [];
  return await measure(await createTlsFiles("127.0.0.1"));
}

/** What makes the probe trust the authority. */
export function trustEnvironment(tls: TlsFiles | null): Record<string, string> {
  return tls ? { DENO_CERT: tls.authorityFile } : {};
}
