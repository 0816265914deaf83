// What gate and conversation share: site, language, the page around the frame, storage, the line on top.

import { h, icon } from '../lib/h.js';
import { chooseLanguage, Words } from '../lib/i18n.js';

/** @import { Child } from '../lib/h.js' */
/** @import { Kept } from './kept.js' */

const LANGUAGES = ['en', 'de'];

export class Page {
  site = location.pathname.split('/').pop() ?? '';
  words = new Words('en');
  /** Whether the panel is open; a page of its own always is. */
  shown = true;
  /** @type {() => void} called when the panel opens */
  onshow = () => {};
  #live = false;

  constructor() {
    if (!this.framed) return;
    addEventListener('message', ({ source, data }) => {
      if (source !== parent || typeof data?.vestibule !== 'string') return;
      this.shown = data.vestibule === 'open';
      if (this.shown) this.onshow();
    });
    addEventListener('keydown', (event) => {
      if (event.key !== 'Escape' || event.isComposing || document.querySelector(':popover-open, dialog[open]')) return;
      // What is told is put away first.
      const away = /** @type {HTMLElement | null} */ (document.querySelector('.away'));
      away ? away.click() : this.close();
    });
  }

  /** Whether a client's page is around this one. */
  get framed() {
    return parent !== window;
  }

  /** Languages that the reader would like, in order. */
  get wanted() {
    const asked = new URLSearchParams(location.hash.slice(1)).get('lang');
    return asked ? [asked, ...navigator.languages] : navigator.languages;
  }

  /** @param {string} language */
  async speak(language) {
    const ours = chooseLanguage([language], LANGUAGES);
    const words = new Words(ours);
    await this.learn('./strings', words);
    this.words = words;
    document.documentElement.lang = ours;
    document.documentElement.dir = this.words.direction;
  }

  /**
   * Takes in the words of what is loaded later.
   * @param {string} folder that has a file for each language
   */
  async learn(folder, words = this.words) {
    words.learn((await import(`${folder}/${words.language}.js`)).default);
  }

  /**
   * What an error means to the visitor.
   * @param {string} code
   * @param {string} [kept] what is kept of the conversation
   */
  error(code, kept = '') {
    return this.words.t(this.words.has(`e_${code}`) ? `e_${code}` : 'e_internal', { kept });
  }

  /**
   * Tells the page around: whether closing must keep the frame, and how much is unread.
   * @param {boolean} live
   * @param {number} [unread]
   */
  tell(live, unread = 0) {
    this.#live = live;
    this.#post({ vestibule: 'state', live, unread });
  }

  close() {
    this.shown = !this.#live && this.shown;
    this.#post({ vestibule: 'close' });
  }

  /** @param {object} message says nothing about the conversation, so that any embedding page may have it */
  #post(message) {
    if (this.framed) parent.postMessage(message, '*');
  }

  #key = `vestibule ${this.site}`;

  /** @returns {Kept | null} */
  kept() {
    try {
      return JSON.parse(sessionStorage.getItem(this.#key) ?? 'null');
    } catch {
      return null;
    }
  }

  /** @param {Kept | null} kept nothing is kept before the visitor has agreed */
  keep(kept) {
    try {
      if (kept) sessionStorage.setItem(this.#key, JSON.stringify(kept));
      else sessionStorage.removeItem(this.#key);
    } catch {
      // A browser that refuses storage: the conversation lives as long as this page.
    }
  }
}

/**
 * The line on top: whom one talks to, the sign of recording, the way out.
 * @param {Page} page
 * @param {string} title
 * @param {Child} [sign]
 * @param {...Child} controls
 */
export function header(page, title, sign, ...controls) {
  const name = page.words.t('close');
  return h('div', { class: 'top' }, h('div', null, h('h1', { tabindex: -1, title }, title), sign), ...controls,
    page.framed && h('button', { class: 'plain icon', type: 'button', 'aria-label': name, title: name, onclick: () => page.close() },
      icon('M6 6l12 12M18 6L6 18')));
}
