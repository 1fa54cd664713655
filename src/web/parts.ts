/** The parts of the page that code fills, by their `data-part`. */

/** @throws when the page has no such part: it and the code do not belong together. */
export function part<T extends Element>(root: ParentNode, name: string, type: new () => T): T {
  const found = root.querySelector(`[data-part="${name}"]`);
  if (!(found instanceof type)) throw new TypeError(`The page has no part ${name}`);
  return found;
}

/** A copy of what is in a `<template>`. */
export function copyOf<T extends Element>(template: string, type: new () => T): T {
  const content = part(document, template, HTMLTemplateElement).content.firstElementChild;
  const copy = content?.cloneNode(true);
  if (!(copy instanceof type)) throw new TypeError(`The template ${template} is something else`);
  return copy;
}

/** Touches the page only where something changed: a selection of text stays. */
export function setText(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

export function setHidden(element: HTMLElement | SVGElement, hidden: boolean): void {
  element.toggleAttribute('hidden', hidden);
}

/** null removes it. */
export function setAttribute(element: Element, name: string, value: string | null): void {
  if (value === null) element.removeAttribute(name);
  else if (element.getAttribute(name) !== value) element.setAttribute(name, value);
}

/** As many children as there are items, each filled; what is there is used again, so that focus and selection stay. */
export function setChildren<Item, Child extends Element>(
  parent: Element,
  items: readonly Item[],
  make: () => Child,
  fill: (child: Child, item: Item) => void,
): void {
  while (parent.childElementCount > items.length) parent.lastElementChild?.remove();
  for (const [index, item] of items.entries()) {
    const child = (parent.children[index] ?? parent.appendChild(make())) as Child;
    fill(child, item);
  }
}
