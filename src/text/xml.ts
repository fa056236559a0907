import { escapeXml, escapeXmlAttribute } from "./escape.ts";

/** An element of XML. Attributes that are null are left out; children that are texts are escaped. */
export type XmlElement = {
  name: string;
  attributes?: Readonly<Record<string, string | number | null>>;
  children?: readonly (XmlElement | string)[];
};

const INDENT = "  ";

/**
 * A document of XML 1.0 that is well-formed whatever its texts hold. Each element stands on a line of
 * its own, but for those within a text, which would get blanks that are not its own.
 */
export function renderXml(root: XmlElement): string {
  return `<?xml version="1.0" encoding="UTF-8"?>\n${renderElement(root, "")}\n`;
}

function renderElement(
  { name, attributes = {}, children = [] }: XmlElement,
  indent: string,
): string {
  const written = Object.entries(attributes)
    .filter(([, value]) => value !== null)
    .map(([key, value]) => ` ${key}="${escapeXmlAttribute(String(value))}"`)
    .join("");
  const start = `${indent}<${name}${written}`;
  if (children.length === 0) return `${start}/>`;
  const hasText = children.some((child) => typeof child === "string");
  const inner = children.map((child) =>
    typeof child === "string"
      ? escapeXml(child)
      : hasText
      ? renderElement(child, "")
      : `\n${renderElement(child, indent + INDENT)}`
  );
  return `${start}>${inner.join("")}${hasText ? "" : `\n${indent}`}</${name}>`;
}
