// Keeps a list's elements in step with its items without making anew what is already there, so
// that focus, selection and scrolling survive each change.

/**
 * @template T
 * @template {HTMLElement & { show(item: T): void }} E
 * @param {Element} list
 * @param {readonly T[]} items
 * @param {(item: T) => string} keyOf
 * @param {(item: T) => E} make
 */
export function keyed(list, items, keyOf, make) {
  const old = new Map(Array.from(list.children, (child) => {
    const element = /** @type {E} */ (child);
    return [element.dataset.key, element];
  }));
  const wanted = new Set(items.map(keyOf));
  for (const [key, element] of old) if (key === undefined || !wanted.has(key)) element.remove();
  /** @type {Element | null} */
  let before = null;
  for (const item of items) {
    const key = keyOf(item);
    const element = old.get(key) ?? make(item);
    element.dataset.key = key;
    element.show(item);
    /** @type {Element | null} */
    const place = before ? before.nextElementSibling : list.firstElementChild;
    if (place !== element) list.insertBefore(element, place);
    before = element;
  }
}

/**
 * Sets an element's text where it differs: a screen reader is not told the same thing twice.
 * @param {Element} element
 * @param {string} text
 */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
