import { readSecretFile } from "../config/credentials.ts";
import { within } from "../core/clock.ts";
import type { Config } from "../config/config.ts";
import type { Runtime } from "../runtime/runtime.ts";
import { createClient, type GetDataset } from "./client.ts";
import { createTokenFetcher } from "./oauth.ts";
import { newTimings } from "../http_client/timings.ts";
import { createRedactor } from "../http_client/redact.ts";
import { createTokenSource, type TokenResult, type TokenSource } from "./token_cache.ts";
import type { Exchange } from "../http_client/exchange.ts";
import type { Attempt } from "../core/task.ts";
import { VERSION } from "../core/version.ts";

/** What the rest of the program hears of the platform besides the datasets. */
export type PlatformListeners = {
  onAttempt?: (task: { seqno: number; datasetId: string }, attempt: Attempt) => void;
  onToken?: (result: TokenResult) => void;
  /** The platform has refused the token, so that it is given up before its end. */
  onTokenDropped?: () => void;
  onCertificate?: (host: string, expiresMs: number) => void;
};

export type Platform = {
  getDataset: GetDataset;
  /** Null in a run without credentials. */
  tokens: TokenSource | null;
  /** Sends a HEAD to an address outside the platform; rejects unless it is answered with 2xx. */
  sendHeartbeat: (url: string, signal: AbortSignal) => Promise<void>;
};

const USER_AGENT = `dataplatform-probe/${VERSION}`;

/** The platform as the configuration describes it. `signal` ends what goes on in the background. */
export function connect(
  config: Config,
  { exchange, clock, random, readFile }: Pick<
    Runtime,
    "exchange" | "clock" | "random" | "readFile"
  >,
  signal: AbortSignal,
  { onAttempt = () => {}, onToken = () => {}, onTokenDropped, onCertificate = () => {} }:
    PlatformListeners = {},
): Platform {
  const { hide, hideToken, redact } = createRedactor();
  const requestTimeoutMs = config.requestTimeoutSeconds * 1e3;

  const watched: Exchange = async (request, options) => {
    try {
      return await exchange(request, options);
    } finally {
      const { certificateExpiresMs } = options.timings;
      if (certificateExpiresMs) onCertificate(request.url.host, certificateExpiresMs);
    }
  };

  function connectTokens({ tokenUrl, clientId, secret }: NonNullable<Config["credentials"]>) {
    const fetchToken = createTokenFetcher({
      exchange: watched,
      clock,
      tokenUrl,
      clientId,
      timeoutMs: requestTimeoutMs,
      userAgent: USER_AGENT,
      redact,
      async readSecret() {
        const text = "text" in secret ? secret.text : await readSecretFile(secret.path, readFile);
        hide(text);
        return text;
      },
    });
    return createTokenSource({
      fetchToken,
      clock,
      signal,
      onRequest(result) {
        if (result.token) hideToken(result.token.value);
        onToken(result);
      },
      onDrop: onTokenDropped,
    });
  }

  const tokens = config.credentials && connectTokens(config.credentials);
  return {
    tokens,
    getDataset: createClient({
      exchange: watched,
      clock,
      random,
      tokens,
      redact,
      apiUrl: config.apiUrl,
      taskTimeoutMs: config.taskTimeoutSeconds * 1e3,
      requestTimeoutMs,
      retries: config.retries,
      userAgent: USER_AGENT,
      onAttempt,
    }),
    async sendHeartbeat(url, beatSignal) {
      const timings = newTimings(clock.monotonic());
      const headers = { "user-agent": USER_AGENT };
      const { status } = await within(
        clock,
        requestTimeoutMs,
        beatSignal,
        (limited) =>
          exchange({ url: new URL(url), method: "HEAD", headers }, { signal: limited, timings }),
        () => new Error(`no answer within ${config.requestTimeoutSeconds} s`),
      );
      if (status < 200 || status > 299) throw new Error(`the answer has status ${status}`);
    },
  };
}
