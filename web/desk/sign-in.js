// The sign-in page.

import { fill, h, register } from '../lib/h.js';
import * as api from './api.js';
import { refusal, words } from './language.js';

const CLIENT = 'desk.client';

export class SignIn extends HTMLElement {
  #form = h('form', { novalidate: true, onsubmit: (/** @type {SubmitEvent} */ e) => this.#submit(e) });
  #client = field('client', 'text', 'organization');
  #name = field('name', 'text', 'username');
  #password = field('password', 'password', 'current-password');
  #error = h('p', { class: 'error', role: 'alert', id: 'sign-in-error', hidden: true });
  #button = h('button', { class: 'primary wide', type: 'submit' }, words.t('sign_in'));
  #done = () => {};

  /**
   * @param {string | null} told why this page stands here, where it is not the first
   * @param {() => void} done
   */
  show(told, done) {
    this.#done = done;
    this.#client.input.value = localStorage.getItem(CLIENT) ?? '';
    fill(this.#form,
      h('h1', null, words.t('sign_in_title')),
      told ? h('p', { class: 'note', role: 'status' }, told) : h('p', { class: 'soft' }, words.t('sign_in_intro')),
      this.#client.label, this.#name.label, this.#password.label, this.#error, this.#button);
    fill(this, h('main', { class: 'card alone' }, this.#form));
    (this.#client.input.value ? this.#name : this.#client).input.focus();
  }

  /** @param {SubmitEvent} event */
  async #submit(event) {
    event.preventDefault();
    if (this.#button.disabled) return;
    const fields = [this.#client, this.#name, this.#password];
    for (const { input } of fields) input.removeAttribute('aria-invalid');
    const empty = fields.find(({ input }) => input.value.trim() === '');
    if (empty) return this.#refuse(words.t('sign_in_empty', { field: empty.name }), empty.input);
    const client = this.#client.input.value.trim().toLowerCase();
    this.#error.hidden = true;
    this.#button.disabled = true;
    this.#button.textContent = words.t('signing_in');
    try {
      await api.signIn(client, this.#name.input.value.trim(), this.#password.input.value);
      localStorage.setItem(CLIENT, client);
      this.#done();
    } catch (error) {
      const code = error instanceof api.Refused ? error.code : 'internal';
      this.#password.input.value = code === 'sign_in_failed' ? '' : this.#password.input.value;
      this.#refuse(refusal(code), this.#password.input);
    } finally {
      this.#button.disabled = false;
      this.#button.textContent = words.t('sign_in');
    }
  }

  /**
   * @param {string} text
   * @param {HTMLInputElement} input
   */
  #refuse(text, input) {
    this.#error.textContent = text;
    this.#error.hidden = false;
    input.setAttribute('aria-invalid', 'true');
    input.setAttribute('aria-describedby', 'sign-in-error');
    input.focus();
  }
}

/**
 * @param {'client' | 'name' | 'password'} key
 * @param {string} type
 * @param {string} autocomplete
 */
function field(key, type, autocomplete) {
  const name = words.t(`sign_in_${key}`);
  const input = h('input', {
    type, name: key, autocomplete, required: true, autocapitalize: 'none', spellcheck: 'false', dir: 'auto',
  });
  const hint = key === 'client' ? h('span', { class: 'small soft' }, words.t('sign_in_client_hint')) : null;
  return { name, input, label: h('label', null, h('span', { class: 'name' }, name), hint, input) };
}

register('desk-sign-in', SignIn);
