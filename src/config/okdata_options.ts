import type { OkdataOptions } from "../okdata/okdata.ts";
import type { Config } from "./config.ts";
import { readSecretFile } from "./credentials.ts";
import { secretProblem } from "./secret_text.ts";

/** What the configuration says about the platform. The secret's file is read for every token. */
export function okdataOptions(
  config: Config,
  readFile: (path: string) => Promise<string>,
): Omit<OkdataOptions, "exchange" | "clock" | "random"> {
  const { apiUrl, taskTimeoutSeconds, requestTimeoutSeconds, retries, credentials } = config;
  const secrets = [config.httpsProxy, config.httpProxy].flatMap((proxy) => proxy?.secrets ?? []);
  const common = { apiUrl, taskTimeoutSeconds, requestTimeoutSeconds, retries, secrets };
  if (!credentials) return { ...common, credentials };
  const { secret, ...client } = credentials;
  const readSecret = async () => {
    if ("text" in secret) return secret.text;
    const text = await readSecretFile(secret.path, readFile);
    // It may have been replaced since the start.
    const accident = secretProblem(text);
    if (accident !== null) throw new Error(`${accident} in ${secret.path}`);
    return text;
  };
  return { ...common, credentials: { ...client, readSecret } };
}
