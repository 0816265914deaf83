// What the notice says of calls, where something more is to be agreed to.

import { sha256, toHex, utf8 } from '../lib/bytes.js';
import { fill, h } from '../lib/h.js';
import { direction } from '../lib/i18n.js';
import { details } from './gate.js';

/** @import { Child } from '../lib/h.js' */
/** @import { Kind, Notice } from '../lib/wire.js' */
/** @import { Kept } from './kept.js' */
/** @import { Page } from './page.js' */

/**
 * What the notice says of these, and the whole of it one tap away.
 * @param {Page} page
 * @param {Kept} kept
 * @param {readonly Kind[]} kinds
 * @returns {Child[]}
 */
export function about(page, { notice: hash }, kinds) {
  const { site, words } = page;
  const box = h('div', { class: 'about' }, h('p', null, words.t('recorded_call')));
  void (async () => {
    const text = await (await fetch(`/api/v1/sites/${site}/notices/${hash}`, { credentials: 'omit' })).text();
    if (toHex(await sha256(utf8(text))) !== hash) return;
    /** @type {Notice} */
    const notice = JSON.parse(text);
    const spoken = { lang: notice.language, dir: direction(notice.language) };
    const why = notice.purposes.filter(({ modalities }) => kinds.some((kind) => modalities.includes(kind)));
    fill(box, h('p', { class: 'recorded fact', ...spoken }, notice.retention_text),
      h('ul', { class: 'small' }, ...why.map((purpose) => h('li', null, h('span', spoken, purpose.text), ' ', words.t(purpose.basis)))),
      details(words, hash, notice));
  })().catch(() => box.append(h('p', { class: 'small' }, page.error('offline'))));
  return [box];
}
