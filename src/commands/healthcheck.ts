import * as z from "zod/mini";
import type { Config } from "../config/config.ts";
import { NO_CREDENTIALS } from "../config/credentials.ts";
import { EXIT } from "../core/exit_code.ts";
import { createLocalProbeClient, readDocument } from "../probe_client/probe_client.ts";
import type { Runtime } from "../runtime/runtime.ts";
import { escapeControls } from "../text/escape.ts";

const healthDocument = z.discriminatedUnion("status", [
  z.object({ status: z.literal("ok"), app_id: z.string() }),
  z.object({ status: z.literal("stalled"), app_id: z.string(), loops: z.array(z.string()) }),
]);

/**
 * Prints whether the probe with this configuration on the same machine is healthy; returns the exit
 * code. Throws as `createLocalProbeClient` and `readDocument` do.
 */
export async function healthcheck(
  config: Pick<Config, "host" | "port" | "tls">,
  runtime: Runtime,
  signal: AbortSignal,
): Promise<number> {
  // `/healthz` needs no credentials.
  const client = await createLocalProbeClient(config, NO_CREDENTIALS, runtime.readFile);
  const url = new URL("healthz", client.url);
  const expected = { schema: healthDocument, statuses: [200, 503] };
  const health = await readDocument(client, url, expected, runtime, signal);
  if (health.status === "ok") {
    runtime.stdout.write("ok\n");
    return EXIT.ok;
  }
  runtime.stdout.write(`stalled: ${escapeControls(health.loops.join(", "))}\n`);
  return EXIT.failed;
}
