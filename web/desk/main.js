// The agents' desk: which page stands there, and what it needs.

import { fill, h, register } from '../lib/h.js';
import { Acknowledge } from './acknowledge.js';
import * as api from './api.js';
import { Desk } from './desk.js';
import { DeskPage } from './desk-page.js';
import { acknowledged, forgetAll } from './kept.js';
import { refusal, words } from './language.js';
import { SignIn } from './sign-in.js';

/** @import { Me } from '../lib/wire.js' */

class DeskApp extends HTMLElement {
  /** @type {Desk | null} */
  #desk = null;

  connectedCallback() {
    document.title = words.t('title');
    fill(this, h('p', { class: 'alone soft', role: 'status' }, words.t('loading')));
    void this.#start();
  }

  async #start() {
    try {
      this.#enter(await api.me());
    } catch (error) {
      const code = error instanceof api.Refused ? error.code : 'internal';
      if (code === 'sign_in_required') this.#signIn();
      else this.#trouble(code);
    }
  }

  /** @param {string} [told] why an agent who was signed in no longer is */
  #signIn(told) {
    this.#leave();
    const page = new SignIn();
    fill(this, page);
    page.show(told ?? null, () => this.#start());
  }

  /** @param {Me} me */
  #enter(me) {
    if (!acknowledged(me.staff)) {
      const page = new Acknowledge();
      fill(this, page);
      page.show(me, () => this.#enter(me), () => this.#signOut());
      return;
    }
    this.#desk = new Desk(me, {
      signedOut: () => this.#signIn(words.t('signed_out_by_time')),
    });
    const page = new DeskPage();
    fill(this, page);
    page.show(this.#desk, () => this.#signOut());
    this.#desk.open();
  }

  async #signOut() {
    try {
      await api.signOut();
    } catch (error) {
      if (!(error instanceof api.Refused) || error.code !== 'sign_in_required') return this.#desk?.complain('sign_out_failed');
    }
    forgetAll();
    this.#signIn();
  }

  #leave() {
    this.#desk?.close();
    this.#desk = null;
    document.title = words.t('title');
  }

  /** @param {string} code */
  #trouble(code) {
    const retry = h('button', { class: 'primary', onclick: () => this.connectedCallback() }, words.t('try_again'));
    fill(this, h('main', { class: 'card alone', role: 'alert' },
      h('h1', null, words.t('cannot_open')), h('p', null, refusal(code)), retry));
    retry.focus();
  }
}

register('desk-app', DeskApp);
