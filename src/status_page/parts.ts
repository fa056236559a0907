import { raw } from "hono/html";
import type { JSX } from "hono/jsx/jsx-runtime";

/** HTML, which elements take as it is. */
export type Html = ReturnType<typeof raw>;

/** A result that is made in parts: whoever asks for the next part may leave time before it. */
export type Parts<Result> = Generator<void, Result>;

/** The HTML of an element. Its components run here, so that it is a part for as long as they take. */
export function* part(element: JSX.Element): Parts<Html> {
  const html = raw(`${element}`);
  yield;
  return html;
}

/** The HTML of elements, each of which is a part. */
export function* partsOf(elements: readonly JSX.Element[]): Parts<Html[]> {
  const all: Html[] = [];
  for (const element of elements) all.push(yield* part(element));
  return all;
}
