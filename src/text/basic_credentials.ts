/** User and password for HTTP Basic. RFC 7617. */
export type BasicCredentials = { user: string; password: string };

/** Those that stand in a URL; null without any. */
export function credentialsOf({ username, password }: URL): BasicCredentials | null {
  return username || password ? { user: decode(username), password: decode(password) } : null;
}

/** How they are sent, after the word `Basic`. */
export function encodeCredentials({ user, password }: BasicCredentials): string {
  return btoa(String.fromCharCode(...new TextEncoder().encode(`${user}:${password}`)));
}

/** The text of a part of a URL. A percent sign that encodes nothing stands for itself. */
function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
