import type { Hono } from "hono";

/** What a browser accepts. */
export const BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8";

/** Requests a path as a browser does. */
export async function requestPage(server: Hono, path = "/", accept = BROWSER): Promise<Response> {
  return await server.request(path, { headers: { accept } });
}
