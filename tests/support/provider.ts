import { createServer, type IncomingHttpHeaders } from "node:http";
import { Provider } from "npm:oidc-provider@9.13.3";

export const TOKEN_PATH = "/auth/realms/api-catalog/protocol/openid-connect/token";

type Interception = { status: number; headers?: Record<string, string>; body?: string };

export type ProviderOptions = {
  clientId: string;
  clientSecret: string;
  lifetimeSeconds?: number;
  /** How the client must present its secret. Default: in the body. */
  authMethod?: "client_secret_post" | "client_secret_basic";
  /** Scopes that the client may ask for; it may not ask for `forbidden`. */
  scope?: string;
  /** Responds in place of the provider, unless it returns null. */
  intercept?: (headers: IncomingHttpHeaders) => Interception | null;
  /** How long it takes for each token, besides its own work. */
  delayMs?: number;
  /** A port of its own choosing, when it comes back after an outage. */
  port?: number;
};

/** A certified OpenID provider on this machine, with Keycloak's path. */
export async function startProvider(options: ProviderOptions) {
  const { clientId, clientSecret, lifetimeSeconds = 300, delayMs = 0, port = 0 } = options;
  const { authMethod = "client_secret_post", scope } = options;
  // It warns of what only matters in production.
  const { warn, info } = console;
  console.warn = console.info = () => {};
  const provider = new Provider("http://127.0.0.1", {
    clients: [{
      client_id: clientId,
      client_secret: clientSecret,
      grant_types: ["client_credentials"],
      redirect_uris: [],
      response_types: [],
      token_endpoint_auth_method: authMethod,
      ...scope && { scope },
    }],
    ...scope && { scopes: [...scope.split(" "), "forbidden"] },
    features: { clientCredentials: { enabled: true }, devInteractions: { enabled: false } },
    routes: { token: TOKEN_PATH },
    ttl: { ClientCredentials: () => lifetimeSeconds },
  });
  Object.assign(console, { warn, info });

  let requests = 0;
  const handle = provider.callback();
  const server = createServer((request, response) => {
    requests++;
    const instead = options.intercept?.(request.headers);
    if (instead) {
      response.writeHead(instead.status, instead.headers).end(instead.body);
      return;
    }
    setTimeout(() => handle(request, response), delayMs);
  });
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  const address = server.address() as { port: number };

  return {
    tokenUrl: `http://127.0.0.1:${address.port}${TOKEN_PATH}`,
    port: address.port,
    requests: () => requests,
    /** Whether it has issued this token and the token has not ended. */
    async knows(authorization: string | null): Promise<boolean> {
      const token = authorization?.match(/^Bearer (.+)$/)?.[1];
      const found = token && await provider.ClientCredentials.find(token);
      return Boolean(found && !found.isExpired);
    },
    async [Symbol.asyncDispose](): Promise<void> {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
