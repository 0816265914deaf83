// Questions that are asked before something is done, and the list of keys.

import { fill, h } from '../lib/h.js';
import { KEYS, keysOn, switchKeys } from './keys.js';
import { words } from './language.js';

/** @import { Child } from '../lib/h.js' */
/** @import { Colleague } from '../lib/wire.js' */

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
 * Whom to ask in, or to hand the session to: a colleague's id, `queue`, or '' for nobody.
 * @param {'invite' | 'transfer'} deed
 * @param {readonly Colleague[]} colleagues
 * @returns {Promise<string>}
 */
export function askWhom(deed, colleagues) {
  const order = [...colleagues].sort((a, b) => Number(b.online) - Number(a.online) || a.name.localeCompare(b.name));
  const rows = order.map((c) => h('li', null, h('button', { value: c.staff, class: 'plain row', disabled: !c.online },
    h('span', { class: 'who', dir: 'auto' }, c.name),
    h('span', { class: 'small soft since' }, words.t(c.online ? 'at_desk' : 'not_at_desk')))));
  if (deed === 'transfer') {
    rows.unshift(h('li', null, h('button', { value: 'queue', class: 'plain row' },
      h('span', { class: 'who' }, words.t('to_queue')), h('span', { class: 'small soft where' }, words.t('to_queue_text')))));
  }
  return ask(words.t(`${deed}_title`), [
    h('p', { class: 'soft' }, words.t(`${deed}_text`)),
    order.length === 0 ? h('p', { class: 'soft' }, words.t('no_colleagues')) : null,
    h('ul', { class: 'people' }, ...rows),
  ], [cancel()]);
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
