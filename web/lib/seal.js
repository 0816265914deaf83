// Opens the sealed parts that the relay hands back (docs/format.md), with the browser's own
// cryptography only: HPKE base mode (RFC 9180: X25519, HKDF-SHA256, AES-256-GCM) for the key
// wraps, Tink's AES256-GCM-HKDF streaming for the parts.

import { concat, fromBase64, fromHex, sha256, toHex, uint, utf8 } from './bytes.js';

/** @import { Bytes } from './bytes.js' */
/** @import { ChatEvent, KeyWrap, SealedAt, SealedPart } from './wire.js' */

/** @typedef {{ privateKey: CryptoKey, publicKey: Bytes }} KeyPair */
/** @typedef {{ tenant: string, recording: string, participant: string }} Place where a participant's parts belong */

const SUITE = concat(utf8('HPKE'), uint(0x20, 2), uint(1, 2), uint(2, 2));
const KEM = concat(utf8('KEM'), uint(0x20, 2));
const SEGMENT = 65536;
const HEADER = 40;
const NONE = new Uint8Array(0);
const X25519 = { name: 'X25519' };

/** A sealed part or wrap that does not open, or is not where it says. */
export class SealError extends Error {
  name = 'SealError';
}

/**
 * A fresh key pair.
 * @returns {Promise<KeyPair>}
 */
export async function makeKeyPair() {
  const pair = /** @type {CryptoKeyPair} */ (await crypto.subtle.generateKey(X25519, true, ['deriveBits']));
  return { privateKey: pair.privateKey, publicKey: new Uint8Array(await crypto.subtle.exportKey('raw', pair.publicKey)) };
}

/**
 * The pair of a raw private key.
 * @param {Bytes} secret 32 bytes
 * @returns {Promise<KeyPair>}
 */
export async function keyPairOf(secret) {
  const pkcs8 = concat(fromHex('302e020100300506032b656e04220420'), secret);
  const privateKey = await crypto.subtle.importKey('pkcs8', pkcs8, X25519, true, ['deriveBits']);
  return importKeyPair(await crypto.subtle.exportKey('jwk', privateKey));
}

/**
 * The pair that {@link exportKeyPair} wrote.
 * @param {JsonWebKey} jwk
 * @returns {Promise<KeyPair>}
 */
export async function importKeyPair(jwk) {
  const privateKey = await crypto.subtle.importKey('jwk', jwk, X25519, true, ['deriveBits']);
  return { privateKey, publicKey: fromBase64(jwk.x ?? '') };
}

/**
 * @param {KeyPair} pair
 * @returns {Promise<JsonWebKey>}
 */
export function exportKeyPair(pair) {
  return crypto.subtle.exportKey('jwk', pair.privateKey);
}

/**
 * HPKE base mode, single shot: opens `enc ‖ ciphertext`.
 * @param {KeyPair} pair
 * @param {Bytes} sealed
 * @param {Bytes} info
 * @returns {Promise<Bytes>}
 */
export async function hpkeOpen(pair, sealed, info) {
  try {
    const enc = sealed.slice(0, 32);
    const theirs = await crypto.subtle.importKey('raw', enc, X25519, true, []);
    const dh = new Uint8Array(await crypto.subtle.deriveBits({ name: 'X25519', public: theirs }, pair.privateKey, 256));
    const shared = await labeledExpand(KEM, await labeledExtract(KEM, NONE, 'eae_prk', dh),
      'shared_secret', concat(enc, pair.publicKey), 32);
    const context = concat(uint(0, 1), await labeledExtract(SUITE, NONE, 'psk_id_hash', NONE),
      await labeledExtract(SUITE, NONE, 'info_hash', info));
    const secret = await labeledExtract(SUITE, shared, 'secret', NONE);
    const key = await labeledExpand(SUITE, secret, 'key', context, 32);
    const nonce = await labeledExpand(SUITE, secret, 'base_nonce', context, 12);
    return await gcmOpen(await gcmKey(key), nonce, sealed.slice(32));
  } catch {
    throw new SealError('the key wrap does not open');
  }
}

/**
 * Opens a Tink AES256-GCM-HKDF streaming ciphertext (segments of 65,536 bytes).
 * @param {Bytes} key
 * @param {Bytes} associated
 * @param {Bytes} sealed
 * @returns {Promise<Bytes>}
 */
export async function streamOpen(key, associated, sealed) {
  if (sealed[0] !== HEADER || sealed.length < HEADER + 16) throw new SealError('not a sealed part');
  try {
    const base = await crypto.subtle.importKey('raw', key, 'HKDF', false, ['deriveBits']);
    const derived = await crypto.subtle.deriveBits(
      { name: 'HKDF', hash: 'SHA-256', salt: sealed.slice(1, 33), info: associated }, base, 256);
    const partKey = await gcmKey(new Uint8Array(derived));
    const prefix = sealed.slice(33, HEADER);
    const segments = [];
    for (let start = HEADER, end = SEGMENT, i = 0; ; start = end, end += SEGMENT, i += 1) {
      const last = end >= sealed.length;
      const nonce = concat(prefix, uint(i, 4), uint(last ? 1 : 0, 1));
      segments.push(await gcmOpen(partKey, nonce, sealed.slice(start, end)));
      if (last) return concat(...segments);
    }
  } catch {
    throw new SealError('the part does not open');
  }
}

/**
 * What a data key's wrap to a participant is bound to.
 * @param {Place} place
 * @param {number} track
 * @param {number} epoch
 * @returns {Bytes}
 */
export function wrapInfo(place, track, epoch) {
  return concat(utf8('vestibule wrap v1\n'), SUITE.slice(4), fromHex(place.tenant), fromHex(place.recording), uint(track, 4), uint(epoch, 4),
    uint(2, 1), fromHex(place.participant));
}

/**
 * What a part of chat is bound to.
 * @param {Place} place
 * @param {SealedPart} part
 * @returns {Bytes}
 */
export function partAssociatedData(place, part) {
  return concat(utf8('vestibule part v1\n'), fromHex(place.tenant), fromHex(place.recording), uint(part.track, 4),
    uint(part.epoch, 4), uint(part.step, 4), uint(part.seq, 8), uint(0, 1), fromHex(part.prev));
}

/** Opens one participant's view of a recording, and checks that each track is a chain without a gap. */
export class Opener {
  #pair;
  #place;
  /** @type {Map<string, Bytes>} data keys by track and epoch */
  #keys = new Map();
  /** @type {Map<string, string>} part hashes by track and sequence number */
  #heads = new Map();

  /**
   * @param {KeyPair} pair
   * @param {Place} place
   */
  constructor(pair, place) {
    this.#pair = pair;
    this.#place = place;
  }

  /** @param {KeyWrap[]} wraps */
  async addWraps(wraps) {
    for (const { track, epoch, wrap } of wraps) {
      if (this.#keys.has(`${track}/${epoch}`)) continue;
      const key = await hpkeOpen(this.#pair, fromBase64(wrap), wrapInfo(this.#place, track, epoch));
      this.#keys.set(`${track}/${epoch}`, key);
    }
  }

  /**
   * Notes the hash of a part that was acknowledged: the relay may not hand back another one.
   * @param {number} track
   * @param {number} seq
   * @param {string} head
   */
  expect(track, seq, head) {
    const known = this.#heads.get(`${track}/${seq}`);
    if (known !== undefined && known !== head) throw new SealError('a part is not the one that was acknowledged');
    this.#heads.set(`${track}/${seq}`, head);
  }

  /**
   * Where a part that was looked at stands.
   * @param {SealedPart} part
   * @returns {SealedAt}
   */
  at({ track, epoch, seq }) {
    return { track, epoch, seq, head: this.#heads.get(`${track}/${seq}`) ?? '' };
  }

  /**
   * The event in a part; `null` where this participant has no key for it.
   * @param {SealedPart} part
   * @returns {Promise<ChatEvent | null>}
   */
  async open(part) {
    const bytes = fromBase64(part.data);
    const before = part.seq === 1 ? '0'.repeat(64) : this.#heads.get(`${part.track}/${part.seq - 1}`);
    if (before !== undefined && before !== part.prev) throw new SealError('a part does not follow the one before it');
    this.expect(part.track, part.seq, toHex(await sha256(bytes)));
    const key = this.#keys.get(`${part.track}/${part.epoch}`);
    if (!key) return null;
    const plaintext = await streamOpen(key, partAssociatedData(this.#place, part), bytes);
    return JSON.parse(new TextDecoder().decode(plaintext));
  }
}

/**
 * @param {Bytes} key
 * @returns {Promise<CryptoKey>}
 */
function gcmKey(key) {
  return crypto.subtle.importKey('raw', key, 'AES-GCM', false, ['decrypt']);
}

/**
 * @param {CryptoKey} key
 * @param {Bytes} iv
 * @param {Bytes} sealed
 */
async function gcmOpen(key, iv, sealed) {
  return new Uint8Array(await crypto.subtle.decrypt({ name: 'AES-GCM', iv }, key, sealed));
}

/**
 * @param {Bytes} key an empty one counts as zeros, as HMAC pads it
 * @param {Bytes} message
 */
async function hmac(key, message) {
  const imported = await crypto.subtle.importKey('raw', key.length ? key : new Uint8Array(32),
    { name: 'HMAC', hash: 'SHA-256' }, false, ['sign']);
  return new Uint8Array(await crypto.subtle.sign('HMAC', imported, message));
}

/**
 * @param {Bytes} suite
 * @param {Bytes} salt
 * @param {string} label
 * @param {Bytes} ikm
 */
function labeledExtract(suite, salt, label, ikm) {
  return hmac(salt, concat(utf8('HPKE-v1'), suite, utf8(label), ikm));
}

/**
 * @param {Bytes} suite
 * @param {Bytes} prk
 * @param {string} label
 * @param {Bytes} info
 * @param {number} length at most 32: one block
 */
async function labeledExpand(suite, prk, label, info, length) {
  const labeled = concat(uint(length, 2), utf8('HPKE-v1'), suite, utf8(label), info, uint(1, 1));
  return (await hmac(prk, labeled)).slice(0, length);
}
