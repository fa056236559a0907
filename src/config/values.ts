/** Schemas of written values. Their messages complete the sentence `expected …, got …`. */
import * as z from "zod/mini";
import { parseProxy, parseProxyExceptions } from "../http_client/connection/proxy.ts";
import { escapeControls } from "../text/escape.ts";
import { replacePlaceholders } from "../text/links.ts";

export const MAX_DATASETS = 200;

/** What an error shows of a value at most. */
const MAX_QUOTED_LENGTH = 80;

/**
 * Stands for bytes that are not UTF-8. No setting accepts it: different secrets would look the same.
 */
export const NOT_UTF8 = "\ufffd";

/** A duration in seconds. */
export const seconds = number("seconds, from 0.001 to 2592000", 0.001, 2_592_000);

/** A whole number, at least 1. */
export const count = number("a whole number, at least 1", 1, Number.MAX_SAFE_INTEGER, 1);

export const lowerCase = z.string().check(z.toLowerCase());

export const flag = z.pipe(
  z.pipe(lowerCase, z.enum(["true", "false", "1", "0"], "true, false, 1 or 0")),
  z.transform((value) => value === "true" || value === "1"),
);

/** `URL` drops line breaks and tabs, and escapes blanks: the text would be no address. */
const unbroken = z.regex(/^[^\s\p{Cc}]*$/u, {
  error: "a URL without blanks and control characters",
  abort: true,
});

export const url = z.string().check(
  unbroken,
  z.refine(isHttpUrl, "an http:// or https:// URL without user, query or #"),
);

/** A link for people, with `{name}` where a value belongs; no user and no password in it. */
export function linkTemplate(name: string) {
  return z.string().check(
    unbroken,
    z.refine((value) => {
      const filled = value.replaceAll(`{${name}}`, "0");
      const link = URL.canParse(filled) ? new URL(filled) : undefined;
      return filled !== value && link !== undefined && !link.username && !link.password &&
        /^https?:$/.test(link.protocol);
    }, `an http:// or https:// URL with {${name}} in it, without user and password`),
  );
}

/**
 * A URL that people open, to which parameters are added; `{environment}` and `{location}` may stand
 * in it. `query` allows it to have parameters of its own.
 */
export function link({ query }: { query: boolean }) {
  const without = query ? "user and #" : "user, query or #";
  return z.string().check(
    unbroken,
    z.refine(
      (value) => {
        const text = replacePlaceholders(value, () => "a");
        return !/[{}]/.test(text) && isHttpUrl(query ? text.replace("?", "") : text);
      },
      `an http:// or https:// URL without ${without}, in which {environment} and {location} may stand`,
    ),
  );
}

/** A token as a bearer header holds it. RFC 6750, section 2.1. */
export const bearerToken = z.string().check(
  z.regex(/^[\w.~+/-]+=*$/, "a token of letters, digits and -._~+/"),
);

/** Drops the slashes at the end of a URL, to which paths are added. */
export const withoutSlashes = z.transform((value: string) => value.replace(/(?<!\/)\/+$/, ""));

/** A URL to which paths are added. */
export const baseUrl = z.pipe(url, withoutSlashes);

/** An HTTP proxy. */
export const proxy = parsed("an http:// URL of a proxy", parseProxy);

/** What is reached without a proxy. */
export const proxyExceptions = parsed(
  "hosts, addresses, CIDR blocks or *, separated by commas",
  parseProxyExceptions,
);

/** A value that `parse` reads; null means that it cannot. */
function parsed<T>(expected: string, parse: (text: string) => T | null) {
  return z.pipe(
    z.string(),
    z.transform((value, { issues }: z.core.ParsePayload) => {
      const result = parse(value);
      if (result !== null) return result;
      issues.push({ code: "custom", message: expected, input: value });
      return z.NEVER;
    }),
  );
}

/** The names of Deno's stores of authorities, in lower case as Deno wants them. */
export const trustStores = z.string().check(
  z.refine(
    (value) => value.split(",").every((name) => /^(mozilla|system)$/.test(name.trim())),
    "mozilla, system or both, separated by a comma",
  ),
);

/** A decimal number within bounds, a whole multiple of `step` where one is given. */
export function number(expected: string, min: number, max: number, step?: number) {
  const written = z.string().check(
    z.regex(/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i, expected),
  );
  return z.pipe(written, z.transform(Number)).check(
    z.refine((value) => value >= min && value <= max && (!step || value % step === 0), expected),
  );
}

/** Dataset IDs separated by commas. */
export const datasetIds = z.pipe(z.string(), z.transform(parseDatasetIds));

function isHttpUrl(value: string): boolean {
  const url = URL.canParse(value) ? new URL(value) : undefined;
  return url !== undefined && ["http:", "https:"].includes(url.protocol) &&
    !url.username && !url.password && !/[?#]/.test(value);
}

function parseDatasetIds(value: string, { issues }: z.core.ParsePayload): string[] {
  const ids = value.split(",").map((id) => id.trim());
  const wrong = ids.find((id) => !/^[A-Za-z0-9._~-]{1,128}$/.test(id) || id === "." || id === "..");
  const refuse = (message: string) => issues.push({ code: "custom", message, input: value });
  if (wrong !== undefined) {
    refuse(
      "dataset IDs of 1 to 128 letters, digits, '.', '_', '~' or '-', separated by commas, " +
        `which ${quote(wrong)} is not`,
    );
  }
  if (new Set(ids).size < ids.length) refuse("each dataset ID once");
  if (ids.length > MAX_DATASETS) {
    refuse(`at most ${MAX_DATASETS} dataset IDs, not ${ids.length} (run a second probe for more)`);
  }
  return ids;
}

/** A value as an error shows it: in quotes, escaped, and cut where it is long. */
export function quote(text: string): string {
  const shown = text.length > MAX_QUOTED_LENGTH ? text.slice(0, MAX_QUOTED_LENGTH - 1) + "…" : text;
  return escapeControls(JSON.stringify(shown));
}
