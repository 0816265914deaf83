// The visitor's receipt: a secret made in this browser, of which only the public side leaves it.

import { concat, sha256, toBase64, toHex, utf8 } from './bytes.js';
import { keyPairOf } from './seal.js';

/** @import { Bytes } from './bytes.js' */
/** @import { ReceiptClaim } from './wire.js' */

/** Words of a receipt, and bits in each. */
const WORDS = 24;
const BITS = 11;

/** @returns {Bytes} */
export function makeSecret() {
  return crypto.getRandomValues(new Uint8Array(32));
}

/**
 * What leaves the browser of a secret: where to look, the hash of a proof, a public key.
 * @param {Bytes} secret
 * @returns {Promise<ReceiptClaim>}
 */
export async function claim(secret) {
  const { publicKey } = await keyPairOf(await derive(secret, 'key', 32));
  return {
    lookup: toBase64(await derive(secret, 'lookup', 16)),
    proof_hash: toHex(await sha256(await derive(secret, 'proof', 32))),
    public_key: toBase64(publicKey),
  };
}

/**
 * One of the values that a secret stands for.
 * @param {Bytes} secret
 * @param {'lookup' | 'proof' | 'key'} what
 * @param {number} length
 * @returns {Promise<Bytes>}
 */
export async function derive(secret, what, length) {
  const base = await crypto.subtle.importKey('raw', secret, 'HKDF', false, ['deriveBits']);
  const info = utf8(`vestibule receipt ${what}`);
  const bits = await crypto.subtle.deriveBits({ name: 'HKDF', hash: 'SHA-256', salt: new Uint8Array(0), info }, base, length * 8);
  return new Uint8Array(bits);
}

/**
 * The secret as 24 words (BIP 39, English list), the last of which checks the others.
 * @param {Bytes} secret
 * @returns {Promise<string[]>}
 */
export async function toWords(secret) {
  const { words } = await import('./words.js');
  const bits = toBits(concat(secret, (await sha256(secret)).slice(0, 1)));
  return Array.from({ length: WORDS }, (_, i) => words[parseInt(bits.slice(i * BITS, (i + 1) * BITS), 2)] ?? '');
}

/**
 * The secret that 24 words stand for; `null` if a word is not on the list or they do not check.
 * @param {string} text
 * @returns {Promise<Bytes | null>}
 */
export async function fromWords(text) {
  const { words } = await import('./words.js');
  const places = (text.toLowerCase().match(/[a-z]+/g) ?? []).map((word) => words.indexOf(word));
  if (places.length !== WORDS || places.includes(-1)) return null;
  const bits = places.map((place) => place.toString(2).padStart(BITS, '0')).join('');
  const bytes = Uint8Array.from({ length: 33 }, (_, i) => parseInt(bits.slice(8 * i, 8 * i + 8), 2));
  const secret = bytes.slice(0, 32);
  return (await sha256(secret))[0] === bytes[32] ? secret : null;
}

/** @param {Bytes} bytes */
function toBits(bytes) {
  return Array.from(bytes, (b) => b.toString(2).padStart(8, '0')).join('');
}
