/** The script and the style of the page, which are part of it. */
import { createHash } from "node:crypto";
import script from "./generated/client.js" with { type: "text" };
import style from "./generated/page.min.css" with { type: "text" };

export { script, style };

let policy: string | undefined;

/** The page's Content-Security-Policy: allows its own script and style, and no other host. */
export function pagePolicy(): string {
  return policy ??= [
    "default-src 'none'",
    `script-src '${hashOf(script)}'`,
    `style-src '${hashOf(style)}'`,
    "connect-src 'self'",
    "img-src 'self' data:",
    "base-uri 'none'",
    "form-action 'self'",
    "frame-ancestors 'none'",
  ].join("; ");
}

function hashOf(text: string): string {
  return `sha256-${createHash("sha256").update(text).digest("base64")}`;
}
