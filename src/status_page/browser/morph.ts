/**
 * Changes an element into another with the fewest changes, so that focus, selected text and scroll
 * positions stay. Children with an `id` are matched by it, others by element name and order.
 * Elements for which `isKept` is true stay as they are.
 */
export function morph(old: Element, wanted: Element, isKept: (element: Element) => boolean): void {
  if (isKept(old)) return;
  // A reader opens and closes details; the page does so only when they become another kind.
  const isReaders = old instanceof HTMLDetailsElement && old.className === wanted.className;
  for (const name of new Set([...old.getAttributeNames(), ...wanted.getAttributeNames()])) {
    const value = wanted.getAttribute(name);
    if (name === "open" && isReaders) continue;
    if (old.getAttribute(name) === value) continue;
    if (value === null) old.removeAttribute(name);
    else old.setAttribute(name, value);
    // A form control ignores its attributes once a reader has changed it.
    if (old instanceof HTMLOptionElement && name === "selected") old.selected = value !== null;
    if (old instanceof HTMLInputElement && name === "value") old.value = value ?? "";
  }
  let place = old.firstChild;
  for (const child of [...wanted.childNodes]) {
    const match = counterpart(child, place, old);
    if (!match) {
      old.insertBefore(child, place);
      continue;
    }
    while (place && place !== match) place = removed(place);
    place = match.nextSibling;
    if (match instanceof Element && child instanceof Element) morph(match, child, isKept);
    else if (match.nodeValue !== child.nodeValue) match.nodeValue = child.nodeValue;
  }
  while (place) place = removed(place);
}

/** Removes a node and returns the one that followed it. */
function removed(node: ChildNode): ChildNode | null {
  const next = node.nextSibling;
  node.remove();
  return next;
}

/** The child of `old`, from `place` on, that is to become `child`; null when there is none. */
function counterpart(child: Node, place: Node | null, old: Element): Node | null {
  const id = child instanceof Element ? child.id : "";
  if (id === "") return place && isSameKind(place, child) ? place : null;
  const match = document.getElementById(id);
  if (match?.parentNode !== old || match.nodeName !== child.nodeName) return null;
  const isAhead = place !== null &&
    (place === match || place.compareDocumentPosition(match) & Node.DOCUMENT_POSITION_FOLLOWING);
  return isAhead ? match : null;
}

function isSameKind(a: Node, b: Node): boolean {
  return a.nodeName === b.nodeName && !(a instanceof Element && a.id !== "");
}
