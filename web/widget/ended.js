// After the end: what was kept, until when; and what the visitor takes home: the receipt, a copy.
// Or why the conversation is closed here, and the way on.

import { fromBase64 } from '../lib/bytes.js';
import { fill, h, register } from '../lib/h.js';
import { Log } from './log.js';

/** @import { Connection } from '../lib/connection.js' */
/** @import { Conversation } from '../lib/conversation.js' */
/** @import { Child } from '../lib/h.js' */
/** @import { Words } from '../lib/i18n.js' */
/** @import { Kept } from './kept.js' */
/** @import { Page } from './page.js' */

export class Ended extends HTMLElement {
  #page;
  #kept;
  #conversation;
  #done;
  /** Whether the visitor has the receipt, or has been asked about it. */
  #warned = false;

  /**
   * @param {Page} page
   * @param {Kept} kept
   * @param {Conversation} conversation
   * @param {() => void} done
   */
  constructor(page, kept, conversation, done) {
    super();
    this.#page = page;
    this.#kept = kept;
    this.#conversation = conversation;
    this.#done = done;
  }

  connectedCallback() {
    const { words } = this.#page;
    const { ended } = this.#conversation;
    const recorded = !this.#conversation.unrecorded;
    const list = h('div', { role: 'status' });
    const close = h('button', { type: 'button', onclick: () => {
      if (!this.#warned) {
        this.#warned = true;
        return fill(close, words.t('close_anyway'));
      }
      this.#done();
      this.#page.close();
    } }, words.t('close'));
    fill(this, h('h2', { tabindex: -1 }, words.t('ended')),
      h('p', null, words.t(recorded ? 'kept_what' : 'kept_nothing'), ' ', ended?.keep_max != null && words.t('kept_until', {
        min: words.day(ended.keep_min ?? ended.at), max: words.day(ended.keep_max) })),
      h('h2', null, words.t('receipt_title')),
      h('p', null, words.t(recorded ? 'receipt_why' : 'receipt_only')),
      h('div', { class: 'row' },
        h('button', { class: 'primary', type: 'button', onclick: () => {
          this.#warned = true;
          saveReceipt(this.#kept, this.#conversation);
        } }, words.t('as_file')),
        recorded && h('button', { type: 'button', onclick: () => this.#words(list) }, words.t('as_words'))),
      list,
      h('div', { class: 'row' },
        this.#conversation.items.length > 0
          && h('button', { type: 'button', onclick: () => saveCopy(words, this.#kept, this.#conversation) }, words.t('copy')),
        close));
    this.querySelector('h2')?.focus();
  }

  /** @param {HTMLElement} list */
  async #words(list) {
    const { words } = this.#page;
    this.#warned = true;
    const { toWords } = await import('../lib/words.js');
    const secret = await toWords(fromBase64(this.#kept.secret));
    const copy = h('button', { type: 'button', onclick: async () => {
      await navigator.clipboard.writeText(secret.join(' '));
      fill(copy, words.t('copied'));
    } }, words.t('copy_words'));
    fill(list, h('p', null, words.t('words_why')), h('ol', { class: 'words', lang: 'en', dir: 'ltr' }, ...secret.map((word) => h('li', null, word))), copy);
    list.scrollIntoView({ block: 'nearest' });
  }
}

/**
 * Why the relay has closed the connection without a word of an end, and the way on.
 * @param {Page} page
 * @param {Kept} kept
 * @param {Connection} connection
 * @param {string} still what is kept of the conversation
 * @param {() => void} startOver
 * @param {Child} contact
 */
export function closed(page, kept, connection, still, startOver, contact) {
  const { words } = page;
  const code = connection.code ?? '';
  const here = code === 'superseded';
  const again = here || code === 'flooding' || code === 'recording_unavailable';
  return h('div', { class: 'card', role: 'alert' }, h('p', null, page.error(code, still)), h('div', { class: 'row' },
    h('button', { class: 'primary', type: 'button', onclick: () => (again ? connection.start() : startOver()) },
      words.t(here ? 'continue_here' : again ? 'try_again' : 'start_over')),
    connection.saved() && h('button', { type: 'button', onclick: () => saveReceipt(kept, connection.conversation) }, words.t('receipt')),
    contact));
}

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

register('vestibule-ended', Ended);
