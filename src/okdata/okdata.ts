import type { Attempt } from "../core/task.ts";
import type { Clock } from "../core/clock.ts";
import type { Random } from "../core/random.ts";
import { RequestError, toRequestError } from "../http_client/errors.ts";
import type { Exchange } from "../http_client/exchange.ts";
import { createRedactor } from "../http_client/redact.ts";
import { createClient, type GetDataset } from "./client.ts";
import { basicCredentials } from "./client_authentication.ts";
import { createTokenFetcher, type OauthOptions } from "./oauth.ts";
import { createTokenCache, type TokenCache, type TokenResult } from "./token_cache.ts";

export type OkdataOptions = {
  exchange: Exchange;
  clock: Clock;
  random: Random;
  /** The base before `/{id}`. */
  apiUrl: string;
  /** Null in a run without credentials. */
  credentials:
    | Pick<
      OauthOptions,
      "tokenUrl" | "clientId" | "scope" | "audience" | "tokenAuth" | "readSecret"
    >
    | null;
  taskTimeoutSeconds: number;
  requestTimeoutSeconds: number;
  retries: number;
  /** Further secrets that no message may hold, such as those of a proxy. */
  secrets?: readonly string[];
};

/** What the rest of the program learns about the platform besides the datasets. */
export type OkdataListeners = {
  onAttempt?: (task: { seqno: number; datasetId: string }, attempt: Attempt) => void;
  onToken?: (result: TokenResult) => void;
  /** The platform has refused the current token. */
  onTokenDropped?: () => void;
};

export type Okdata = {
  getDataset: GetDataset;
  /** Null in a run without credentials. */
  tokens: TokenCache | null;
};

/** The platform with one token cache and one redactor. `signal` ends the background refresh. */
export function connectOkdata(
  { exchange, clock, random, ...options }: OkdataOptions,
  signal: AbortSignal,
  { onAttempt = () => {}, onToken, onTokenDropped }: OkdataListeners = {},
): Okdata {
  const { hide, hideToken, redact } = createRedactor();
  options.secrets?.forEach(hide);
  const requestTimeoutMs = options.requestTimeoutSeconds * 1e3;

  function connectTokens(
    { readSecret, ...credentials }: NonNullable<OkdataOptions["credentials"]>,
  ) {
    const fetchToken = createTokenFetcher({
      ...credentials,
      exchange,
      clock,
      timeoutMs: requestTimeoutMs,
      redact,
      async readSecret() {
        const secret = await readSecret();
        hide(secret);
        hide(basicCredentials(credentials.clientId, secret));
        return secret;
      },
    });
    return createTokenCache({
      fetchToken,
      clock,
      random,
      retries: options.retries,
      signal,
      onRequest(result) {
        if (result.token) hideToken(result.token.value);
        onToken?.(result);
      },
      onDrop: onTokenDropped,
    });
  }

  const tokens = options.credentials && connectTokens(options.credentials);
  const attemptDataset = createClient({
    exchange,
    clock,
    random,
    tokens,
    redact,
    apiUrl: options.apiUrl,
    taskTimeoutMs: options.taskTimeoutSeconds * 1e3,
    requestTimeoutMs,
    retries: options.retries,
    onAttempt,
  });

  /** Throws a `RequestError` without secrets, also for a fault of the program. */
  const getDataset: GetDataset = async (request, attemptSignal) => {
    try {
      await attemptDataset(request, attemptSignal);
    } catch (error) {
      if (attemptSignal.aborted || error instanceof RequestError) throw error;
      const { reason, message } = toRequestError(error);
      throw new RequestError(reason, redact(message), { cause: error });
    }
  };
  return { getDataset, tokens };
}
