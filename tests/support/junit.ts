/** Reads JUnit XML as a CI system does: a real parser and a real schema, of libxml2. */
import { XmlDocument, type XmlElement, XsdValidator } from "npm:libxml2-wasm@0.7.2";

const SCHEMA = Deno.readTextFileSync(new URL("junit.xsd", import.meta.url));

export type TestCase = {
  attributes: Record<string, string>;
  /** Its outcome and output, by the element's name. */
  children: Record<string, { attributes: Record<string, string>; text: string }>;
};

export type TestSuite = {
  attributes: Record<string, string>;
  properties: Record<string, string>;
  cases: TestCase[];
};

/** The suite in a document. Throws when it is not well-formed, or not as the schema wants it. */
export function readJunit(xml: string): TestSuite {
  using schema = XmlDocument.fromString(SCHEMA);
  using validator = XsdValidator.fromDoc(schema);
  using document = XmlDocument.fromString(xml);
  validator.validate(document);
  const { root } = document;
  const elements = (path: string, from = root) => from.find(path) as XmlElement[];
  return {
    attributes: attributesOf(root),
    properties: Object.fromEntries(
      elements("properties/property").map(attributesOf).map((
        { name = "", value = "" },
      ) => [name, value]),
    ),
    cases: elements("testcase").map((each) => ({
      attributes: attributesOf(each),
      children: Object.fromEntries(
        elements("*", each).map((child) => [
          child.name,
          { attributes: attributesOf(child), text: child.content },
        ]),
      ),
    })),
  };
}

function attributesOf(element: XmlElement): Record<string, string> {
  return Object.fromEntries(element.attrs.map(({ name, content }) => [name, content]));
}
