/** What a client says of the codings of a body. */
export type AcceptedCodings = {
  /** It accepts gzip, and likes nothing better that the server has. */
  prefersGzip: boolean;
  /** It accepts a body as it is. */
  acceptsIdentity: boolean;
};

/** Reads the header `Accept-Encoding`. RFC 9110, section 12.5.3. */
export function acceptedCodings(header: string | undefined): AcceptedCodings {
  const qualities = new Map(itemsOf(header ?? ""));
  const others = qualities.get("*");
  const gzip = qualities.get("gzip") ?? qualities.get("x-gzip") ?? others ?? 0;
  const identity = qualities.get("identity") ?? others;
  return {
    prefersGzip: gzip > 0 && gzip >= (identity ?? 0),
    // Without a word about it, it is acceptable.
    acceptsIdentity: identity !== 0,
  };
}

/**
 * Each coding with its quality; what is malformed is left out. Takes time in proportion to the length,
 * which the client chooses: a pattern that begins with blanks would not.
 */
function itemsOf(header: string): [coding: string, quality: number][] {
  return header.toLowerCase().split(",").flatMap((item) => {
    const [coding = "", weight = "q=1", ...others] = trimmedParts(item, ";");
    const [name, quality = "", ...rest] = trimmedParts(weight, "=");
    const isWeight = name === "q" && /^[01](?:\.\d{0,3})?$/.test(quality) && rest.length === 0;
    return isWeight && others.length === 0 ? [[coding, Math.min(1, Number(quality))]] : [];
  });
}

function trimmedParts(text: string, separator: string): string[] {
  return text.split(separator).map((part) => part.trim());
}
