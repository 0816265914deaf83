// The relay's HTTP interface as the gate uses it, without cookies.

import { sha256, toHex, utf8 } from '../lib/bytes.js';

/** @import { ConsentRequest, ConsentResponse, GateView, Notice } from '../lib/wire.js' */

/** What was refused: a code of the closed list, or `offline`. */
export class Refused extends Error {
  /** @param {string} code */
  constructor(code) {
    super(code);
    this.code = code;
  }
}

/**
 * The gate's view and its notice, after checking that the notice is the one that its hash names.
 * @param {string} site
 * @param {string} language
 * @returns {Promise<{ view: GateView, notice: Notice }>}
 */
export async function fetchNotice(site, language) {
  /** @type {GateView} */
  const view = await call(`${site}/notice?lang=${encodeURIComponent(language)}`);
  if (toHex(await sha256(utf8(view.notice_json))) !== view.notice) throw new Refused('internal');
  return { view, notice: JSON.parse(view.notice_json) };
}

/**
 * @param {string} site
 * @param {ConsentRequest} request
 * @returns {Promise<ConsentResponse>}
 */
export function postConsent(site, request) {
  return call(`${site}/consents`, {
    method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(request),
  });
}

/**
 * @param {string} path
 * @param {RequestInit} [init]
 */
async function call(path, init) {
  const response = await fetch(`/api/v1/sites/${path}`, { credentials: 'omit', cache: 'no-store', ...init })
    .catch(() => { throw new Refused('offline'); });
  const body = await response.json().catch(() => ({}));
  if (!response.ok) throw new Refused(body.code ?? 'internal');
  return body;
}
