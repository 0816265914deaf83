// What a tab keeps so that a reload loses nothing: it lives in sessionStorage, ends with the tab,
// and is wiped at sign-out. Of what was written it holds only what is not acknowledged yet.

/** @import { Saved } from '../lib/model.js' */

/**
 * @typedef {object} Kept one running session's way back
 * @property {string} site
 * @property {string} session
 * @property {string} participant the agent in it
 * @property {JsonWebKey} key private X25519 key: opens what the relay hands back
 * @property {Saved} saved
 */

const PREFIX = 'desk.session.';
const ACKNOWLEDGED = 'desk.acknowledged';

/** @param {Kept} kept */
export function keep(kept) {
  sessionStorage.setItem(PREFIX + kept.session, JSON.stringify(kept));
}

/** @param {string} session */
export function forget(session) {
  sessionStorage.removeItem(PREFIX + session);
}

/** @returns {Kept[]} */
export function allKept() {
  return names().map((name) => JSON.parse(sessionStorage.getItem(name) ?? 'null')).filter(Boolean);
}

/** Forgets every session and the acknowledgement: the agent has signed out. */
export function forgetAll() {
  for (const name of names()) sessionStorage.removeItem(name);
  sessionStorage.removeItem(ACKNOWLEDGED);
}

/** @param {string} staff who has acknowledged that sessions are recorded */
export function acknowledge(staff) {
  sessionStorage.setItem(ACKNOWLEDGED, staff);
}

/** @param {string} staff */
export function acknowledged(staff) {
  return sessionStorage.getItem(ACKNOWLEDGED) === staff;
}

function names() {
  return Object.keys(sessionStorage).filter((name) => name.startsWith(PREFIX));
}
