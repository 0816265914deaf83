// Once per sign-in, in plain words: an agent, like a visitor, knows that conversations are recorded.

import { fill, h, register } from '../lib/h.js';
import { acknowledge } from './kept.js';
import { words } from './language.js';
import { allowSound } from '../lib/ring.js';

/** @import { Me } from '../lib/wire.js' */

export class Acknowledge extends HTMLElement {
  /**
   * @param {Me} me
   * @param {() => void} agreed
   * @param {() => void} declined
   */
  show(me, agreed, declined) {
    const open = h('button', {
      class: 'primary wide',
      onclick: () => {
        allowSound();
        acknowledge(me.staff);
        agreed();
      },
    }, words.t('acknowledge_agree'));
    fill(this, h('main', { class: 'card alone' },
      h('h1', null, words.t('acknowledge_title')),
      h('p', { class: 'recorded' }, words.t('recorded')),
      h('ul', { class: 'facts-list' },
        ['acknowledge_what', 'acknowledge_who', 'acknowledge_visitor', 'acknowledge_unrecorded']
          .map((key) => h('li', null, words.t(key, { client: me.client })))),
      open,
      h('button', { class: 'plain wide', onclick: declined }, words.t('acknowledge_decline'))));
    open.focus();
  }
}

register('desk-acknowledge', Acknowledge);
