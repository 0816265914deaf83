// Bytes and their text forms.

/** @typedef {Uint8Array<ArrayBuffer>} Bytes */

/**
 * @param {...Bytes} pieces
 * @returns {Bytes}
 */
export function concat(...pieces) {
  const out = new Uint8Array(pieces.reduce((sum, p) => sum + p.length, 0));
  let at = 0;
  for (const piece of pieces) {
    out.set(piece, at);
    at += piece.length;
  }
  return out;
}

/**
 * UTF-8 bytes of `text`.
 * @param {string} text
 * @returns {Bytes}
 */
export function utf8(text) {
  return new TextEncoder().encode(text);
}

/**
 * `value` in `size` bytes, the highest first.
 * @param {number} value
 * @param {number} size
 * @returns {Bytes}
 */
export function uint(value, size) {
  const out = new Uint8Array(size);
  for (let rest = value, i = size - 1; i >= 0; i -= 1, rest = Math.floor(rest / 256)) out[i] = rest % 256;
  return out;
}

/**
 * @param {Bytes} bytes
 * @returns {string} lower-case hexadecimal
 */
export function toHex(bytes) {
  return Array.from(bytes, (b) => b.toString(16).padStart(2, '0')).join('');
}

/**
 * @param {string} text hexadecimal, or a UUID
 * @returns {Bytes}
 */
export function fromHex(text) {
  const digits = text.replaceAll('-', '');
  if (digits.length % 2 || /[^0-9a-f]/i.test(digits)) throw new Error('not hexadecimal');
  return Uint8Array.from({ length: digits.length / 2 }, (_, i) => parseInt(digits.slice(2 * i, 2 * i + 2), 16));
}

/**
 * @param {Bytes} bytes
 * @returns {string} base64url without padding
 */
export function toBase64(bytes) {
  const text = btoa(Array.from(bytes, (b) => String.fromCharCode(b)).join(''));
  return text.replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}

/**
 * @param {string} text base64, base64url, padded or not
 * @returns {Bytes}
 */
export function fromBase64(text) {
  return Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), (c) => c.charCodeAt(0));
}

/**
 * @param {Bytes} bytes
 * @returns {Promise<Bytes>}
 */
export async function sha256(bytes) {
  return new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
}
