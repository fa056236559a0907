import type { OkdataOptions } from "../okdata/okdata.ts";
import type { Config } from "./config.ts";
import { readCurrentSecret } from "./credentials.ts";

/** What the configuration says about the platform. The secret's file is read for every token. */
export function okdataOptions(
  config: Config,
  readFile: (path: string) => Promise<string>,
): Omit<OkdataOptions, "exchange" | "clock" | "random"> {
  const { apiUrl, taskTimeoutSeconds, requestTimeoutSeconds, retries, credentials } = config;
  const secrets = proxySecrets(config);
  const common = { apiUrl, taskTimeoutSeconds, requestTimeoutSeconds, retries, secrets };
  if (!credentials) return { ...common, credentials };
  const { secret, ...client } = credentials;
  const readSecret = () => readCurrentSecret(secret, readFile);
  return { ...common, credentials: { ...client, readSecret } };
}

/** What no message may show of the proxies. */
export function proxySecrets({ httpsProxy, httpProxy }: Config): string[] {
  return [httpsProxy, httpProxy].flatMap((proxy) => proxy?.secrets ?? []);
}
