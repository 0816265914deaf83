// A client's accent colour, corrected until it can be read on our papers (WCAG 2.2 AA).

/** 4.5 : 1, and a little for the tint behind a button that is pointed at. */
const ENOUGH = 5.2;

/**
 * Sets `--accent` and `--accent-ink` on the page, now and when its colour scheme changes.
 * @param {string | null} colour `#rrggbb`
 */
export function useAccent(colour) {
  if (!colour || !/^#[0-9a-f]{6}$/i.test(colour)) return;
  const dark = matchMedia('(prefers-color-scheme: dark)');
  const apply = () => {
    const { accent, ink } = readable(colour, dark.matches);
    document.documentElement.style.setProperty('--accent', accent);
    document.documentElement.style.setProperty('--accent-ink', ink);
  };
  dark.onchange = apply;
  apply();
}

/**
 * The nearest colour that can be read on the papers of tokens.css, and the ink to write on it.
 * @param {string} colour
 * @param {boolean} dark
 */
export function readable(colour, dark) {
  // The paper that is nearest to the accent; the other one, and the ink, are farther away.
  const [paper, ink, towards] = dark ? ['#1e2125', '#0c1a29', 255] : ['#f6f6f4', '#ffffff', 0];
  let accent = colour;
  for (let step = 1; contrast(accent, paper) < ENOUGH; step += 1) {
    accent = toHex(toRgb(colour).map((c) => Math.round(c + ((towards - c) * step) / 50)));
  }
  return { accent, ink };
}

/**
 * @param {string} a
 * @param {string} b
 */
export function contrast(a, b) {
  const [high, low] = [luminance(a), luminance(b)].sort((x, y) => y - x);
  return (/** @type {number} */ (high) + 0.05) / (/** @type {number} */ (low) + 0.05);
}

/** @param {string} colour */
function luminance(colour) {
  const [r = 0, g = 0, b = 0] = toRgb(colour).map((c) => (c <= 10 ? c / 3294 : ((c / 255 + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

/** @param {string} colour */
function toRgb(colour) {
  return [1, 3, 5].map((i) => parseInt(colour.slice(i, i + 2), 16));
}

/** @param {number[]} rgb */
function toHex(rgb) {
  return `#${rgb.map((c) => c.toString(16).padStart(2, '0')).join('')}`;
}
