// Where a message is written.

import { utf8 } from '../lib/bytes.js';
import { fill, h, icon, register } from '../lib/h.js';

/** @import { Connection } from '../lib/connection.js' */
/** @import { Words } from '../lib/i18n.js' */

export class Composer extends HTMLElement {
  #words;
  #connection;
  #text;
  #send;
  #note = h('p', { class: 'small', id: 'note', role: 'status' });
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #idle;

  /**
   * @param {Words} words
   * @param {Connection} connection
   */
  constructor(words, connection) {
    super();
    this.#words = words;
    this.#connection = connection;
    this.#text = h('textarea', { rows: 1, 'aria-label': words.t('write'), placeholder: words.t('write'), 'aria-describedby': 'note',
      enterkeyhint: 'send', oninput: () => this.#typed(), onkeydown: (/** @type {KeyboardEvent} */ event) => {
        if (event.key !== 'Enter' || event.shiftKey || event.isComposing || matchMedia('(pointer: coarse)').matches) return;
        event.preventDefault();
        this.#submit();
      } });
    this.#send = h('button', { class: 'primary icon', type: 'button', 'aria-label': words.t('send'), title: words.t('send'),
      onclick: () => this.#submit() }, icon('M12 19V5M6 11l6-6 6 6'));
  }

  connectedCallback() {
    fill(this, this.#note, this.#text, this.#send);
    this.draw();
  }

  focus() {
    this.#text.focus();
  }

  draw() {
    const words = this.#words;
    const { most, rest } = this.#room();
    const full = this.#full();
    const near = rest < Math.min(200, most / 5);
    fill(this.#note, full ? words.t('full') : near && words.t(rest < 0 ? 'too_many' : 'left_over', { n: Math.abs(rest) }));
    this.#note.classList.toggle('error', full || rest < 0);
    this.#text.readOnly = full;
    this.#send.setAttribute('aria-disabled', String(full || rest < 0 || !this.#text.value.trim()));
  }

  #room() {
    const most = this.#connection.conversation.limits.text_bytes;
    return { most, rest: most - utf8(this.#text.value).length };
  }

  /** Whether no more can be taken before somebody answers. */
  #full() {
    const { answered, items, me, pending, limits } = this.#connection.conversation;
    const written = items.filter((item) => item.kind === 'said' && item.participant === me).length + pending.length;
    return !answered && me !== '' && written >= limits.unanswered;
  }

  #typed() {
    this.#grow();
    this.#connection.typing(this.#text.value !== '');
    clearTimeout(this.#idle);
    this.#idle = setTimeout(() => this.#connection.typing(false), 5000);
    this.draw();
  }

  #submit() {
    const text = this.#text.value.trim();
    if (!text || this.#full() || this.#room().rest < 0) return;
    clearTimeout(this.#idle);
    this.#connection.typing(false);
    this.#text.value = '';
    this.#grow();
    this.#connection.say(text);
    this.#text.focus();
  }

  #grow() {
    this.#text.dir = this.#text.value ? 'auto' : '';
    this.#text.style.blockSize = 'auto';
    this.#text.style.blockSize = `${this.#text.scrollHeight + 2}px`;
  }
}

register('vestibule-composer', Composer);
