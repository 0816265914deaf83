// Calls in the widget: loaded where the site offers them. The door stands in the header, the stage above what is written.

import { Call } from '../lib/call.js';
import { CallStage, ICONS } from '../lib/call-stage.js';
import { flows, KINDS } from '../lib/call-state.js';
import { fill, h, icon } from '../lib/h.js';
import { allowSound, ring } from '../lib/ring.js';
import { Log } from './log.js';

/** @import { Connection } from '../lib/connection.js' */
/** @import { Kind, ServerMessage } from '../lib/wire.js' */
/** @import { Kept } from './kept.js' */
/** @import { Page } from './page.js' */

/**
 * Puts calls into the conversation's page.
 * @param {Page} page
 * @param {Kept} kept
 * @param {Connection} connection
 * @param {HTMLElement} door where a call is begun
 * @param {HTMLElement} place where it stands
 */
export async function attach(page, kept, connection, door, place) {
  await Promise.all([page.learn('../lib/call-strings'), styled('/assets/lib/call.css')]);
  const { words } = page;
  const { conversation } = connection;
  const call = new Call(connection, () => kept.notice);
  const stage = new CallStage(call, words, async () => {
    const [panels, { about }] = await Promise.all([import('../lib/call-panels.js'), import('./call-about.js'), page.learn('../lib/call-strings/panels')]);
    return { ...panels, about: (kinds) => about(page, kept, kinds) };
  });
  // Who writes has more room for it, until the call is pressed again; not sooner, or what is pressed would move away.
  place.parentElement?.addEventListener('input', () => stage.classList.add('compact'));
  stage.addEventListener('click', () => stage.classList.remove('compact'));
  place.replaceWith(stage);
  document.addEventListener('pointerdown', allowSound, { once: true });
  call.addEventListener('ring', ring);
  call.follow();
  const begin = (/** @type {string} */ key, /** @type {string} */ path, /** @type {Kind[]} */ kinds) =>
    h('button', { class: 'plain icon', type: 'button', 'aria-label': words.t(key), title: words.t(key), onclick: () => call.begin(kinds) }, icon(path));
  const sound = begin('call', ICONS.phone, ['audio']);
  const picture = begin('call_video', ICONS.cam, ['audio', 'video']);
  fill(door, sound, picture);
  const draw = () => {
    const { agents, me, offered } = conversation;
    const can = !connection.over && !call.active && call.phase === 'none' && agents.some((p) => p.participant !== me);
    sound.hidden = !can || !offered.includes('audio');
    picture.hidden = sound.hidden || !offered.includes('video');
    const sign = document.querySelector('.top .recorded');
    if (sign) sign.textContent = words.t(call.view && !flows(call.view) ? 'recorded_chat' : 'recorded');
    withdrawals(page, call);
  };
  call.addEventListener('change', draw);
  connection.addEventListener('frame', (event) => {
    const frame = /** @type {CustomEvent<ServerMessage>} */ (event).detail;
    if (frame.t === 'agreed' && frame.receipt) kept.receipt = frame.receipt;
  });
  draw();
  // What has happened is given its words, once there is something.
  const tell = () => {
    if (!conversation.items.some((item) => item.what)) return;
    connection.removeEventListener('change', tell);
    Promise.all([import('../lib/call-notes.js'), page.learn('../lib/call-strings/notes')]).then(([notes]) => {
      Log.notes = notes;
      connection.dispatchEvent(new Event('change'));
    }, () => connection.addEventListener('change', tell));
  };
  connection.addEventListener('change', tell);
  tell();
}

/**
 * What was agreed to beside writing can be withdrawn in the menu.
 * @param {Page} page
 * @param {Call} call
 */
function withdrawals({ words }, call) {
  const menu = document.getElementById('menu');
  if (!menu) return;
  const agreed = KINDS.filter((kind) => call.conversation.modalities.includes(kind));
  if (menu.dataset.agreed === agreed.join()) return;
  menu.dataset.agreed = agreed.join();
  menu.querySelectorAll('.withdraw').forEach((button) => button.remove());
  menu.lastElementChild?.before(...agreed.map((kind) => h('button', { class: 'plain withdraw', type: 'button', onclick: () => {
    menu.hidePopover();
    call.withdraw(kind);
  } }, words.t(`withdraw_${kind}`))));
}

/**
 * Loads a sheet of styles.
 * @param {string} href
 */
function styled(href) {
  return new Promise((done) => {
    document.head.append(h('link', { rel: 'stylesheet', href, onload: done, onerror: done }));
  });
}
