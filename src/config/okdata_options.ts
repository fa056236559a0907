import type { OkdataOptions } from "../okdata/okdata.ts";
import type { Config } from "./config.ts";
import { readSecretFile } from "./credentials.ts";

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
  const readSecret = () =>
    "text" in secret ? Promise.resolve(secret.text) : readSecretFile(secret.path, readFile);
  return { ...common, credentials: { ...client, readSecret } };
}
