// What the visitor takes home: the receipt, and a copy of what was written.

import { h } from '../lib/h.js';
import { Log } from './log.js';

/** @import { Conversation } from '../lib/conversation.js' */
/** @import { Words } from '../lib/i18n.js' */
/** @import { Kept } from './kept.js' */

/**
 * The receipt: the secret, the signed consent, and where each message stands in the record.
 * @param {Kept} kept
 * @param {Conversation} conversation
 */
export function saveReceipt(kept, conversation) {
  const { session, recording, me, items } = conversation;
  const messages = items.filter((item) => item.sealed).map(({ n, at, sealed }) => ({ n, at, ...sealed }));
  save('vestibule-receipt.json', 'application/json', JSON.stringify({
    type: 'vestibule receipt v1', secret: kept.secret, host: location.origin, session, recording, participant: me,
    notice: kept.notice, consent: kept.receipt, messages,
  }, null, 2));
}

/**
 * A copy of what this browser showed, as text.
 * @param {Words} words
 * @param {Kept} kept
 * @param {Conversation} conversation
 */
export function saveCopy(words, kept, conversation) {
  const { items, recording } = conversation;
  const lines = items.map((item) => {
    const line = Log.line(words, conversation, item);
    return `[${words.exact(item.at)}] ${item.text === undefined ? line : `${line}: ${item.text.replaceAll('\n', '\n    ')}`}`;
  });
  save('conversation.txt', 'text/plain;charset=utf-8', [words.t('copy_made', { client: kept.client }),
    words.t('copy_hash', { hash: kept.notice }), recording && words.t('copy_record', { recording }), '', ...lines, '']
    .filter((line) => line !== null).join('\n'));
}

/**
 * @param {string} name
 * @param {string} type
 * @param {string} text
 */
function save(name, type, text) {
  const href = URL.createObjectURL(new Blob([text], { type }));
  h('a', { href, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(href), 60_000);
}
