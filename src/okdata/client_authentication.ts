import type { ClientAuth } from "oauth4webapi";
import { ClientSecretPost } from "oauth4webapi";
import type { TokenAuth } from "./environments.ts";

/** Presents the client's secret to the token endpoint. RFC 6749, section 2.3.1. */
export function clientAuthentication(method: TokenAuth, secret: string): ClientAuth {
  if (method === "post") return ClientSecretPost(secret);
  return (_provider, { client_id: id }, _body, headers) => {
    headers.set("authorization", `Basic ${basicCredentials(id, secret)}`);
  };
}

/**
 * The credentials of an `Authorization: Basic` header. ID and secret are form-encoded first, as RFC
 * 6749 demands, and no character more than needed: some providers compare without decoding.
 */
export function basicCredentials(id: string, secret: string): string {
  return btoa(`${encodeURIComponent(id)}:${encodeURIComponent(secret)}`);
}
