/**
 * Changes an element into another with as little as possible, so that what a reader holds stays:
 * focus, selected text, places scrolled to. Children with an `id` are known by it, others by their
 * kind and order. What `isKept` is left as it is.
 */
export function morph(old: Element, wanted: Element, isKept: (element: Element) => boolean): void {
  if (isKept(old)) return;
  for (const name of new Set([...old.getAttributeNames(), ...wanted.getAttributeNames()])) {
    const value = wanted.getAttribute(name);
    if (old.getAttribute(name) === value) continue;
    if (value === null) old.removeAttribute(name);
    else old.setAttribute(name, value);
    // What a form shows does not follow its attributes once a reader has chosen something.
    if (old instanceof HTMLOptionElement && name === "selected") old.selected = value !== null;
    if (old instanceof HTMLInputElement && name === "value") old.value = value ?? "";
  }
  let place = old.firstChild;
  for (const child of [...wanted.childNodes]) {
    const known = counterpart(child, place, old);
    if (!known) {
      old.insertBefore(child, place);
      continue;
    }
    while (place && place !== known) {
      const gone = place;
      place = place.nextSibling;
      gone.remove();
    }
    place = known.nextSibling;
    if (known instanceof Element && child instanceof Element) morph(known, child, isKept);
    else if (known.nodeValue !== child.nodeValue) known.nodeValue = child.nodeValue;
  }
  while (place) {
    const gone = place;
    place = place.nextSibling;
    gone.remove();
  }
}

/** The node among the children of `old`, from `place` on, that is to become `child`. */
function counterpart(child: Node, place: Node | null, old: Element): Node | null {
  const id = child instanceof Element ? child.id : "";
  if (id === "") return place && isAlike(place, child) ? place : null;
  const known = document.getElementById(id);
  if (known?.parentNode !== old || known.nodeName !== child.nodeName) return null;
  const isAhead = place !== null &&
    (place === known || place.compareDocumentPosition(known) & Node.DOCUMENT_POSITION_FOLLOWING);
  return isAhead ? known : null;
}

function isAlike(a: Node, b: Node): boolean {
  return a.nodeName === b.nodeName && !(a instanceof Element && a.id !== "");
}
