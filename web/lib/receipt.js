// The visitor's receipt: a secret made in this browser, of which only the public side leaves it.

import { sha256, toBase64, toHex, utf8 } from './bytes.js';
import { keyPairOf } from './seal.js';

/** @import { Bytes } from './bytes.js' */
/** @import { ReceiptClaim } from './wire.js' */

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
