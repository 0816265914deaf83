// Where the agent writes. Enter sends, Shift and Enter begin a new line.

import { fill, h, icon, register } from '../lib/h.js';
import { utf8 } from '../lib/bytes.js';
import { say } from './keyed.js';
import { words } from './language.js';

/** @import { Talk } from './talk.js' */

/** From this share of the limit on, the length is shown. */
const NEAR_LIMIT = 0.8;

export class Composer extends HTMLElement {
  #field = h('textarea', {
    rows: 1, dir: 'auto', 'aria-label': words.t('write'), placeholder: words.t('write'), 'aria-describedby': 'composer-note',
    oninput: () => this.#typed(),
    onkeydown: (/** @type {KeyboardEvent} */ e) => this.#key(e),
  });
  #send = h('button', { class: 'primary icon', type: 'submit', 'aria-label': words.t('send'), title: words.t('send') },
    icon('M12 19V5M5 12l7-7 7 7'));
  #note = h('p', { class: 'small soft', id: 'composer-note' });
  #form = h('form', { onsubmit: (/** @type {SubmitEvent} */ e) => this.#submit(e) }, this.#field, this.#send);
  /** @type {Talk | null} */
  #talk = null;

  connectedCallback() {
    if (!this.firstChild) fill(this, this.#form, this.#note);
  }

  /** Puts the cursor into the field. */
  enter() {
    this.#field.focus();
  }

  /** @param {Talk} talk */
  show(talk) {
    if (this.#talk !== talk || talk.forgotten) {
      this.#talk = talk;
      this.#field.value = talk.draft;
      this.#grow();
    }
    this.#measure();
  }

  #typed() {
    const talk = this.#talk;
    if (!talk) return;
    talk.draft = this.#field.value;
    talk.connection.typing(this.#field.value.trim() !== '');
    this.#grow();
    this.#measure();
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      this.#form.requestSubmit();
    } else if (event.key === 'Escape') {
      this.#field.blur();
    }
  }

  /** @param {SubmitEvent} event */
  #submit(event) {
    event.preventDefault();
    const text = this.#field.value.trim();
    if (!this.#talk || text === '' || this.#excess(text) > 0) return;
    this.#field.value = this.#talk.draft = '';
    this.#talk.connection.say(text);
    this.#grow();
    this.#measure();
    this.#field.focus();
  }

  /** @param {string} text */
  #excess(text) {
    return utf8(text).length - (this.#talk?.conversation.limits.text_bytes ?? 0);
  }

  #measure() {
    const most = this.#talk?.conversation.limits.text_bytes ?? 0;
    const excess = this.#excess(this.#field.value.trim());
    this.#send.disabled = this.#field.value.trim() === '' || excess > 0;
    this.#note.classList.toggle('error', excess > 0);
    say(this.#note, excess > 0 ? words.t('too_long', { n: excess })
      : excess > -most * (1 - NEAR_LIMIT) ? words.t('nearly_too_long', { n: -excess }) : words.t('write_hint'));
  }

  /** As high as what is written, up to what the style sheet allows. */
  #grow() {
    this.#field.rows = Math.min(8, Math.max(1, this.#field.value.split('\n').length + Math.floor(this.#field.value.length / 70)));
  }
}

register('desk-composer', Composer);
