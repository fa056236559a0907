const STATUSES_WITHOUT_BODY = [204, 205, 304];

/** A JSON response; without its body when the status allows none. */
export function jsonResponse(
  status: number,
  body: unknown,
  headers: HeadersInit = {},
): Response {
  if (!STATUSES_WITHOUT_BODY.includes(status)) {
    return Response.json(body, { status, headers });
  }
  return new Response(null, { status, headers });
}
