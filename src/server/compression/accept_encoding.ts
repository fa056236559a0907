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

/** Each coding with its quality; what is malformed is left out. */
function itemsOf(header: string): [coding: string, quality: number][] {
  return header.toLowerCase().split(",").flatMap((item) => {
    const [, coding, quality = "1"] =
      item.match(/^\s*([^\s;]+)\s*(?:;\s*q\s*=\s*([01](?:\.\d{0,3})?))?\s*$/) ?? [];
    return coding === undefined ? [] : [[coding, Math.min(1, Number(quality))]];
  });
}
