// The gate: one screen before anything is asked, kept or sent.

import { useAccent } from '../lib/accent.js';
import { sha256, toBase64, toHex, utf8 } from '../lib/bytes.js';
import { fill, h, icon, register, webAddress } from '../lib/h.js';
import { chooseLanguage, direction } from '../lib/i18n.js';
import { claim, makeSecret } from '../lib/receipt.js';
import { exportKeyPair, makeKeyPair } from '../lib/seal.js';
import { header } from './page.js';

/** @import { Words } from '../lib/i18n.js' */
/** @import { ConsentRequest, ConsentResponse, GateView, Modality, Notice } from '../lib/wire.js' */
/** @import { Page } from './page.js' */

const NAME_MAX = 60;
/** Control characters, and those that turn the direction of what follows. */
const MISLEADING = /[\p{Cc}\p{Zl}\p{Zp}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu;

/** What was refused, as its message: a code of the closed list, or `offline`. */
class Refused extends Error {}

export class Gate extends HTMLElement {
  #page;
  /** @type {Set<Modality>} */
  #chosen = new Set();
  #unrecorded = false;
  #name = '';
  #error = h('p', { class: 'error', role: 'alert' });

  /** @param {Page} page */
  constructor(page) {
    super();
    this.#page = page;
  }

  connectedCallback() {
    this.role = 'main';
    this.#load(this.#page.wanted[0] ?? 'en');
  }

  /** @param {string} language */
  async #load(language) {
    const page = this.#page;
    fill(this, header(page, page.words.t('opening')));
    try {
      const { view, notice } = await fetchNotice(page.site, language);
      useAccent(view.accent);
      await page.speak(notice.language);
      this.#chosen = new Set(view.modalities.slice(0, 1));
      this.#unrecorded = false;
      this.#name ||= this.#suggest();
      this.#draw(view, notice);
    } catch (error) {
      const code = error instanceof Refused ? error.message : 'internal';
      fill(this, header(page, page.words.t('chat')), h('div', { class: 'gate' },
        h('p', { class: 'error', role: 'alert' }, page.error(code)),
        h('button', { class: 'primary', type: 'button', onclick: () => this.#load(language) }, page.words.t('try_again'))));
    }
    this.querySelector('h1')?.focus();
  }

  /**
   * @param {GateView} view
   * @param {Notice} notice
   */
  #draw(view, notice) {
    const page = this.#page;
    const { words } = page;
    const spoken = { lang: notice.language, dir: direction(notice.language) };
    const name = h('input', { type: 'text', id: 'name', value: this.#name, maxlength: NAME_MAX, autocomplete: 'off',
      'aria-describedby': 'no-name' });
    const agree = h('button', { class: 'primary', type: 'submit' });
    const recorded = h('p');
    const update = () => {
      const none = this.#chosen.size === 0;
      agree.setAttribute('aria-disabled', String(none));
      const chat = this.#chosen.size === 1 && this.#chosen.has('chat');
      fill(agree, words.t(none ? 'choose_one' : this.#unrecorded ? 'agree_unrecorded' : chat ? 'agree' : 'agree_talk'));
      fill(recorded, this.#unrecorded ? words.t('kept_nothing')
        : h('span', { class: 'recorded fact', ...spoken }, notice.retention_text));
    };
    update();
    const decline = webAddress(notice.decline_url);
    fill(this, header(page, words.t('title', { name: view.name }), null, this.#languages(view, notice)),
      h('form', { class: 'gate', onsubmit: (/** @type {SubmitEvent} */ event) => {
        event.preventDefault();
        this.#name = name.value;
        if (this.#chosen.size) this.#agree(view, notice, agree);
      } },
        !view.staffed && h('p', { class: 'soft' }, words.t('unstaffed')),
        h('fieldset', null, h('legend', null, words.t('how')),
          h('div', { class: 'row' }, ...view.modalities.map((modality) => this.#toggle(modality, update)))),
        h('div', null, h('label', { for: 'name' }, words.t('call_me')),
          h('div', { class: 'field' }, name, h('button', { class: 'icon', type: 'button', 'aria-label': words.t('another'),
            title: words.t('another'), onclick: () => { name.value = this.#suggest(); } },
            icon('M20 11a8 8 0 1 0-2.3 6.3M20 5v6h-6'))),
          h('p', { id: 'no-name', class: 'small soft', ...spoken }, notice.name_not_needed)),
        recorded,
        view.recording === 'optional' && h('label', { class: 'check' }, h('input', { type: 'checkbox',
          onchange: (/** @type {any} */ event) => {
            this.#unrecorded = event.target.checked;
            update();
          } }), words.t('unrecorded')),
        details(words, view.notice, notice),
        h('div', { class: 'row choice' }, this.#error, agree,
          decline && h('a', { class: 'button', href: decline, target: '_top', rel: 'noreferrer' }, words.t('decline')))));
  }

  /**
   * @param {Modality} modality
   * @param {() => void} update
   */
  #toggle(modality, update) {
    return h('label', { class: 'toggle' }, h('input', { type: 'checkbox', checked: this.#chosen.has(modality),
      onchange: (/** @type {any} */ event) => {
        if (event.target.checked) this.#chosen.add(modality);
        else this.#chosen.delete(modality);
        update();
      } }), icon('M5 13l4 4L19 7', 16), this.#page.words.t(modality));
  }

  /**
   * @param {GateView} view
   * @param {Notice} notice
   */
  #languages(view, notice) {
    if (view.languages.length < 2) return null;
    const { words } = this.#page;
    const current = chooseLanguage([notice.language], view.languages);
    return h('select', { 'aria-label': words.t('language'), onchange: (/** @type {any} */ event) => this.#load(event.target.value) },
      ...view.languages.map((tag) => h('option', { value: tag, lang: tag, selected: tag === current }, words.languageName(tag))));
  }

  /**
   * @param {GateView} view
   * @param {Notice} notice
   * @param {HTMLButtonElement} button
   */
  async #agree(view, notice, button) {
    const page = this.#page;
    const label = button.textContent;
    button.disabled = true;
    fill(button, page.words.t('starting'));
    fill(this.#error);
    try {
      const pair = await makeKeyPair().catch(() => { throw new Refused('unsupported'); });
      const secret = makeSecret();
      /** @type {ConsentRequest} */
      const request = {
        notice: view.notice, modalities: [...this.#chosen], recording: this.#unrecorded ? 'refused' : 'acknowledged',
        participant_key: toBase64(pair.publicKey), receipt: await claim(secret),
      };
      const { Talk } = await import('./talk.js');
      /** @type {ConsentResponse} */
      const consent = await call(`${page.site}/consents`, {
        method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(request),
      });
      this.replaceWith(new Talk(page, {
        language: notice.language, client: view.name, accent: view.accent, contact: notice.decline_url, notice: view.notice,
        key: await exportKeyPair(pair), secret: toBase64(secret), receipt: consent.receipt, saved: null, ended: null,
      }, pair, { token: consent.join, name: this.#name.replace(MISLEADING, '').trim() }));
    } catch (error) {
      const code = error instanceof Refused ? error.message : 'offline';
      if (code === 'notice_outdated') await this.#load(notice.language);
      fill(this.#error, page.error(code));
      button.disabled = false;
      fill(button, label);
    }
  }

  #suggest() {
    const names = this.#page.words.t('name_places').split('|').filter((name) => name !== this.#name);
    this.#name = names[Math.floor(Math.random() * names.length)] ?? '';
    return this.#name;
  }
}

/**
 * The rest of a notice, one tap away.
 * @param {Words} words
 * @param {string} hash
 * @param {Notice} notice
 */
export function details(words, hash, notice) {
  const spoken = { lang: notice.language, dir: direction(notice.language) };
  const policy = webAddress(notice.policy_url);
  /** @type {(title: string, ...text: string[]) => Node[]} */
  const part = (title, ...text) => [h('h2', null, words.t(title)), ...text.map((line) => h('p', spoken, line))];
  return h('details', null, h('summary', null, words.t('details')),
    ...part('who', notice.controller), h('p', null, words.t('ask', { contact: notice.contact })),
    ...part('why'), h('ul', null, ...notice.purposes.map((purpose) => h('li', null, h('p', spoken, purpose.text),
      h('p', { class: 'soft' }, purpose.modalities.map((m) => words.t(m)).join(', '), ': ', words.t(purpose.basis)),
      purpose.source ? h('p', { class: 'soft', ...spoken }, purpose.source) : null))),
    ...part('receivers', ...notice.recipients),
    ...part('transfers', ...notice.transfers), notice.transfers.length ? null : h('p', null, words.t('no_transfers')),
    ...part('how_long', notice.retention_text), h('p', null, words.t('kept_days', {
      min: notice.recording.minimum_days, n: notice.recording.maximum_days })),
    ...part('rights'), h('ul', spoken, ...notice.rights.map((right) => h('li', null, right))),
    ...part('complain', notice.authority),
    ...part('must', notice.obligation),
    policy && h('p', null, h('a', { href: policy, target: '_blank', rel: 'noopener noreferrer' }, words.t('policy'))),
    h('p', { class: 'soft' }, words.t('version', { version: notice.version, hash })));
}

/**
 * The gate's view and its notice, after checking that the notice is the one that its hash names.
 * @param {string} site
 * @param {string} language
 * @returns {Promise<{ view: GateView, notice: Notice }>}
 */
async function fetchNotice(site, language) {
  /** @type {GateView} */
  const view = await call(`${site}/notice?lang=${encodeURIComponent(language)}`);
  if (toHex(await sha256(utf8(view.notice_json))) !== view.notice) throw new Refused('internal');
  return { view, notice: JSON.parse(view.notice_json) };
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

register('vestibule-gate', Gate);
