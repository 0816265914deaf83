// After the end: what was kept, until when, the receipt, a copy.

import { fromBase64 } from '../lib/bytes.js';
import { fill, h, register } from '../lib/h.js';
import { toWords } from '../lib/receipt.js';
import { saveCopy, saveReceipt } from './files.js';

/** @import { Conversation } from '../lib/conversation.js' */
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
    const recorded = ended?.keep_max != null;
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
      h('p', null, words.t(recorded ? 'kept_what' : 'kept_nothing'), ' ', recorded && words.t('kept_until', {
        min: words.day(ended.keep_min ?? ended.at), max: words.day(ended.keep_max ?? ended.at) })),
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
    const secret = await toWords(fromBase64(this.#kept.secret));
    const copy = h('button', { type: 'button', onclick: async () => {
      await navigator.clipboard.writeText(secret.join(' '));
      fill(copy, words.t('copied'));
    } }, words.t('copy_words'));
    fill(list, h('p', null, words.t('words_why')), h('ol', { class: 'words', lang: 'en', dir: 'ltr' }, ...secret.map((word) => h('li', null, word))), copy);
    list.scrollIntoView({ block: 'nearest' });
  }
}

register('vestibule-ended', Ended);
