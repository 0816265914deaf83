// Builds elements. Text becomes text nodes and nothing is ever parsed as HTML.

/**
 * What may stand inside an element; `null` and `false` leave a place empty.
 * @typedef {Node | string | number | null | undefined | false} Child
 */

/**
 * Attributes by name; a function is a listener for the event after `on`; `true` is the empty
 * attribute; `null`, `undefined` and `false` set nothing.
 * @typedef {Record<string, string | number | boolean | null | undefined | ((event: any) => void)>} Attributes
 */

/**
 * An element with attributes and children.
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {Attributes | null} [attributes]
 * @param {...(Child | Child[])} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export function h(tag, attributes, ...children) {
  const element = document.createElement(tag);
  dress(element, attributes);
  fill(element, ...children);
  return element;
}

/**
 * Replaces what an element holds.
 * @param {Element | DocumentFragment} element
 * @param {...(Child | Child[])} children
 */
export function fill(element, ...children) {
  element.replaceChildren(.../** @type {(Node | string)[]} */ (children.flat().filter((child) => child != null && child !== false)));
}

/**
 * An icon drawn with strokes on a 24 px grid; it is hidden from screen readers, so give its button a name.
 * @param {string} path
 * @param {number} [size]
 */
export function icon(path, size = 20) {
  const space = 'http://www.w3.org/2000/svg';
  const svg = document.createElementNS(space, 'svg');
  dress(svg, {
    viewBox: '0 0 24 24', width: size, height: size, fill: 'none', stroke: 'currentColor',
    'stroke-width': 2, 'stroke-linecap': 'round', 'stroke-linejoin': 'round', 'aria-hidden': 'true',
  });
  const line = document.createElementNS(space, 'path');
  line.setAttribute('d', path);
  svg.append(line);
  return svg;
}

/**
 * The address, if it is one that a link may lead to.
 * @param {string} address
 */
export function webAddress(address) {
  try {
    const url = new URL(address);
    return ['https:', 'http:', 'mailto:'].includes(url.protocol) ? url.href : null;
  } catch {
    return null;
  }
}

/**
 * Registers a custom element, once.
 * @param {string} name
 * @param {CustomElementConstructor} constructor
 */
export function register(name, constructor) {
  if (!customElements.get(name)) customElements.define(name, constructor);
}

/**
 * @param {Element} element
 * @param {Attributes | null} [attributes]
 */
function dress(element, attributes) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (typeof value === 'function') element.addEventListener(name.replace(/^on/, ''), value);
    else if (value === true) element.setAttribute(name, '');
    else if (value != null && value !== false) element.setAttribute(name, String(value));
  }
}
