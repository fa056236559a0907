/** The metadata API of the emulator, which a run with local services only uses. */
export const LOCAL_API_URL = "http://localhost:8081/metadata";

const TOKEN_PATH = "/realms/api-catalog/protocol/openid-connect/token";

/** The addresses of the platform by `OKDATA_ENVIRONMENT`: the API's base, and the token endpoint. */
export const ENVIRONMENTS = {
  dev: {
    apiUrl: "https://api.data-dev.oslo.systems/metadata/datasets",
    tokenUrl: `https://login-test.oslo.kommune.no/auth${TOKEN_PATH}`,
  },
  prod: {
    apiUrl: "https://api.data.oslo.systems/metadata/datasets",
    tokenUrl: `https://login.oslo.kommune.no/auth${TOKEN_PATH}`,
  },
} as const;

/** How the client presents its secret: in the body of the request, or as HTTP Basic. */
export const TOKEN_AUTH_METHODS = ["post", "basic"] as const;
export type TokenAuth = typeof TOKEN_AUTH_METHODS[number];
