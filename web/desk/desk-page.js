// The desk itself: three columns, a bar above them, the keys, the ring and the title.

import { fill, h, register } from '../lib/h.js';
import { askEnd, askLeave, asking, askWhom, showKeys, withdraw } from './dialogs.js';
import { Facts } from './facts.js';
import { actionOf } from './keys.js';
import { refusal, words } from './language.js';
import { mineOf, QueueList } from './queue-list.js';
import { allowSound, ring } from '../lib/ring.js';
import { TalkView } from './talk-view.js';

/** @import { Desk } from './desk.js' */
/** @import { Action, CallAction } from './keys.js' */
/** @import { Talk } from './talk.js' */
/** @import { Deed } from './talk-view.js' */

/** How often waiting times are drawn anew, in milliseconds. */
const TICK = 10_000;
/** How long changes are gathered before they are drawn, in milliseconds. */
const FRAME = 16;

export class DeskPage extends HTMLElement {
  /** @type {Desk | null} */
  #desk = null;
  #queue = new QueueList();
  #talk = new TalkView((deed) => this.#act(deed));
  #facts = new Facts(() => this.#showFacts(false));
  #banner = h('div', { class: 'banner', role: 'alert', hidden: true });
  #told = '';
  #tick = 0;
  #drawing = false;

  /**
   * @param {Desk} desk
   * @param {() => void} signOut
   */
  show(desk, signOut) {
    this.#desk = desk;
    const help = words.t('keys_title');
    fill(this,
      h('header', { class: 'bar' },
        h('h1', { dir: 'auto' }, desk.me.client), h('span', { class: 'soft me', dir: 'auto' }, desk.me.name),
        h('button', { class: 'plain help', 'aria-keyshortcuts': '?', onclick: showKeys }, help),
        h('button', { class: 'plain', onclick: signOut }, words.t('sign_out'))),
      this.#banner, h('nav', { 'aria-label': words.t('sessions') }, this.#queue),
      h('main', null, this.#talk), h('aside', null, this.#facts));
    desk.addEventListener('change', () => this.#draw());
    desk.addEventListener('ring', ring);
    desk.addEventListener('accepted', () => {
      this.#drawNow(desk);
      this.#talk.reply();
    });
    this.#draw();
  }

  connectedCallback() {
    document.addEventListener('keydown', this.#key);
    document.addEventListener('pointerdown', allowSound, { once: true });
    this.#tick = window.setInterval(() => this.#draw(), TICK);
  }

  disconnectedCallback() {
    document.removeEventListener('keydown', this.#key);
    window.clearInterval(this.#tick);
  }

  /** Draws what has changed, about once per frame; a timer, because frames stop where nobody looks. */
  #draw() {
    if (this.#drawing) return;
    this.#drawing = true;
    setTimeout(() => {
      this.#drawing = false;
      if (this.#desk && this.isConnected) this.#drawNow(this.#desk);
    }, FRAME);
  }

  /** @param {Desk} desk */
  #drawNow(desk) {
    this.#queue.show(desk);
    this.#talk.show(desk);
    this.#facts.show(desk);
    this.#warn(desk);
    this.toggleAttribute('data-open', desk.selected !== null);
    const calls = (desk.queue?.waiting.length ?? 0) + [...desk.talks.values()].reduce((sum, talk) => sum + talk.unread + Number(talk.missed), 0);
    const waits = desk.queue?.waiting[0];
    const rings = desk.ringing;
    const title = rings ? words.t('title_rings', { who: rings.visitor || words.t('visitor') }) : waits ? words.t('title_waiting', { who: waits.visitor || words.t('visitor') }) : words.t('title');
    document.title = calls > 0 && !rings ? `(${words.number(calls)}) ${title}` : title;
  }

  /** @param {Desk} desk */
  #warn(desk) {
    const told = desk.online ? desk.trouble ?? '' : 'desk_offline';
    const rings = desk.ringing?.session === desk.selected ? null : desk.ringing;
    const now = told || (rings?.session ?? '');
    if (now === this.#told) return;
    this.#told = now;
    this.#banner.hidden = now === '';
    this.#banner.classList.toggle('rings', !told && rings !== null);
    if (!told) {
      return fill(this.#banner, rings && h('p', null, words.t('incoming', { who: rings.visitor || words.t('visitor') })),
        rings && h('button', { onclick: () => desk.select(rings.session) }, words.t('show_call')));
    }
    fill(this.#banner, h('p', null, refusal(told)),
      desk.online ? h('button', { class: 'plain', onclick: () => desk.complain(null) }, words.t('close')) : null);
  }

  #key = (/** @type {KeyboardEvent} */ event) => {
    allowSound();
    // Who has just accepted writes at once: no letter of that is to act on something else.
    if (asking() || this.#desk?.accepting.size) return;
    const action = actionOf(event);
    if (!action) return;
    event.preventDefault();
    this.#do(action);
  };

  /** @param {Action} action */
  #do(action) {
    const desk = this.#desk;
    if (!desk) return;
    switch (action) {
      case 'accept': {
        const chosen = desk.queue?.waiting.find((e) => e.session === desk.selected) ?? desk.queue?.waiting[0];
        if (chosen) void desk.accept(chosen);
        return;
      }
      case 'reply': return this.#talk.reply();
      case 'next': return this.#step(1);
      case 'previous': return this.#step(-1);
      case 'help': return void showKeys();
      case 'call': case 'mute': case 'camera': case 'screen': case 'hold': case 'hang_up': return this.#call(desk, action);
      default: this.#act(action);
    }
  }

  /**
   * @param {Desk} desk
   * @param {CallAction} action
   */
  #call(desk, action) {
    const rings = desk.ringing;
    const front = desk.selected ? desk.talks.get(desk.selected) : undefined;
    const active = [...desk.talks.values()].find((talk) => talk.call.active);
    if (action === 'call') {
      const talk = rings ?? front;
      if (!talk || talk.over || active) return;
      desk.select(talk.session);
      void talk.call.begin();
    } else if (action === 'hang_up') {
      if (active) active.call.hangUp();
      else rings?.call.decline();
    } else if (action === 'mute') active?.call.mute();
    else if (action === 'hold') active?.call.hold();
    else void active?.call.turn(action === 'camera' ? 'video' : 'screen');
  }

  /** @param {number} by */
  #step(by) {
    const desk = this.#desk;
    if (!desk?.queue) return;
    const all = [...desk.queue.waiting.map((e) => e.session), ...mineOf(desk).map((m) => m.session)];
    if (all.length === 0) return;
    const at = desk.selected ? all.indexOf(desk.selected) : -1;
    desk.select(all[at < 0 ? (by > 0 ? 0 : all.length - 1) : (at + by + all.length) % all.length] ?? null);
  }

  /** @param {Deed} deed */
  async #act(deed) {
    const desk = this.#desk;
    if (deed === 'back') return desk?.select(null);
    if (deed === 'facts') return this.#showFacts(!this.hasAttribute('data-facts'));
    const talk = desk?.selected ? desk.talks.get(desk.selected) : undefined;
    if (!desk || !talk || talk.over || talk.connection.state !== 'open') return;
    talk.addEventListener('over', withdraw);
    const command = await asked(deed, desk, talk);
    talk.removeEventListener('over', withdraw);
    if (command && !talk.over && !talk.connection.command(command)) desk.complain('not_sent');
  }

  /** @param {boolean} shown on a narrow screen */
  #showFacts(shown) {
    this.toggleAttribute('data-facts', shown);
  }
}

/**
 * What the agent wants done, after the question that goes before it; `null` for nothing.
 * @param {Exclude<Deed, 'back' | 'facts'>} deed
 * @param {Desk} desk
 * @param {Talk} talk
 * @returns {Promise<Parameters<Talk['connection']['command']>[0] | null>}
 */
async function asked(deed, desk, talk) {
  const visitor = talk.visitor || words.t('visitor');
  if (deed === 'end') return await askEnd(visitor, talk.conversation.recording !== null) ? { t: 'end' } : null;
  if (deed === 'leave') return await askLeave(visitor) ? { t: 'leave' } : null;
  const whom = await askWhom(deed, desk);
  if (whom === '') return null;
  return deed === 'invite' ? { t: 'invite', to: whom } : { t: 'transfer', to: whom === 'queue' ? null : whom };
}

register('desk-page', DeskPage);
