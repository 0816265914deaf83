// Questions that are asked before something is done, and the list of keys.

import { fill, h, register } from '../lib/h.js';
import { keyed, say } from './keyed.js';
import { KEYS, keysOn, switchKeys } from './keys.js';
import { words } from './language.js';

/** @import { Child } from '../lib/h.js' */
/** @import { Colleague } from '../lib/wire.js' */
/** @import { Desk } from './desk.js' */

/**
 * A modal dialog; resolves with the value of the button that closed it, '' where it was put away.
 * @param {string} title
 * @param {Child[]} body
 * @param {Child[]} buttons
 * @returns {Promise<string>}
 */
function ask(title, body, buttons) {
  const dialog = h('dialog', { 'aria-labelledby': 'dialog-title' });
  fill(dialog, h('form', { method: 'dialog' },
    h('h2', { id: 'dialog-title' }, title), ...body, h('div', { class: 'choices' }, ...buttons)));
  document.body.append(dialog);
  dialog.addEventListener('click', (event) => {
    if (event.target === dialog) dialog.close();
  });
  return new Promise((resolve) => {
    dialog.addEventListener('close', () => {
      dialog.remove();
      resolve(dialog.returnValue);
    });
    dialog.showModal();
  });
}

/** Whether any question stands open. */
export function asking() {
  return document.querySelector('dialog[open]') !== null;
}

/** Puts away what is asked: it no longer matters. */
export function withdraw() {
  document.querySelector('dialog')?.close('');
}

const cancel = () => h('button', { value: '', class: 'plain' }, words.t('cancel'));

/**
 * @param {string} visitor
 * @param {boolean} recorded
 * @returns {Promise<boolean>}
 */
export async function askEnd(visitor, recorded) {
  const answer = await ask(words.t('end_title', { who: visitor }),
    [h('p', null, words.t(recorded ? 'end_text' : 'end_text_unrecorded'))],
    [cancel(), h('button', { value: 'end', class: 'stop' }, words.t('end_confirm'))]);
  return answer === 'end';
}

/**
 * @param {string} visitor
 * @returns {Promise<boolean>}
 */
export async function askLeave(visitor) {
  const answer = await ask(words.t('leave_title', { who: visitor }), [h('p', null, words.t('leave_text'))],
    [cancel(), h('button', { value: 'leave', class: 'primary' }, words.t('leave_confirm'))]);
  return answer === 'leave';
}

/**
 * Whom to ask in, or to hand the session to: a colleague's id, `queue`, or '' for nobody. Who is at
 * the desk is shown as it changes; the order stays, so that nobody moves under the pointer.
 * @param {'invite' | 'transfer'} deed
 * @param {Desk} desk
 * @returns {Promise<string>}
 */
export async function askWhom(deed, desk) {
  const nobody = h('p', { class: 'soft' }, words.t('no_colleagues'));
  const list = h('div', { role: 'list' });
  /** @type {string[]} */
  const order = [];
  const draw = () => {
    const colleagues = desk.queue?.colleagues ?? [];
    const known = new Map(colleagues.map((c) => [c.staff, c]));
    const fresh = colleagues.filter((c) => !order.includes(c.staff))
      .sort((a, b) => Number(b.online) - Number(a.online) || a.name.localeCompare(b.name));
    order.push(...fresh.map((c) => c.staff));
    nobody.hidden = colleagues.length > 0;
    keyed(list, order.flatMap((staff) => known.get(staff) ?? []), (c) => c.staff, () => new WhomRow());
  };
  draw();
  desk.addEventListener('change', draw);
  const answer = await ask(words.t(`${deed}_title`), [
    h('p', { class: 'soft' }, words.t(`${deed}_text`)), nobody,
    h('div', { class: 'people' }, deed === 'transfer' ? h('button', { value: 'queue', class: 'plain row' },
      h('span', { class: 'who' }, words.t('to_queue')), h('span', { class: 'small soft since' }, words.t('to_queue_text'))) : null, list),
  ], [cancel()]);
  desk.removeEventListener('change', draw);
  return answer;
}

class WhomRow extends HTMLElement {
  #who = h('span', { class: 'who', dir: 'auto' });
  #where = h('span', { class: 'small soft since' });
  #button = h('button', { class: 'plain row' }, this.#who, this.#where);

  connectedCallback() {
    this.role = 'listitem';
    if (!this.firstChild) this.append(this.#button);
  }

  /** @param {Colleague} colleague */
  show({ staff, name, online }) {
    this.#button.value = staff;
    this.#button.disabled = !online;
    say(this.#who, name);
    say(this.#where, words.t(online ? 'at_desk' : 'not_at_desk'));
  }
}

/** The keys, and the switch for single letters. */
export async function showKeys() {
  const on = h('input', { type: 'checkbox', checked: keysOn(), onchange: () => switchKeys(on.checked) });
  await ask(words.t('keys_title'), [
    h('dl', { class: 'keys' }, ...KEYS.map(([action, key]) => h('div', null,
      h('dt', null, h('kbd', null, key.toUpperCase())), h('dd', null, words.t(`key_${action}`))))),
    h('p', { class: 'small soft' }, words.t('keys_alt')),
    h('label', { class: 'check' }, on, h('span', null, words.t('keys_switch'))),
  ], [h('button', { value: '', class: 'primary' }, words.t('close'))]);
}

register('desk-whom', WhomRow);
