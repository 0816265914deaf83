// The left column: who waits, the agent's own conversations, and the earlier ones.

import { ICONS } from '../lib/call-stage.js';
import { flows } from '../lib/call-state.js';
import { fill, h, icon, register } from '../lib/h.js';
import { keyed, say } from './keyed.js';
import { ago, words } from './language.js';

/** @import { CallView, PastSession, QueueEntry } from '../lib/wire.js' */
/** @import { Desk } from './desk.js' */

export class QueueList extends HTMLElement {
  /** @type {Desk | null} */
  #desk = null;
  #waiting = section('waiting');
  #mine = section('mine');
  #earlier = section('earlier');

  /** @param {Desk} desk */
  show(desk) {
    if (!this.#desk) fill(this, this.#waiting.element, this.#mine.element, this.#earlier.element);
    this.#desk = desk;
    const queue = desk.queue;
    this.#waiting.show(queue?.waiting ?? null, (e) => e.session, () => new WaitingRow(desk));
    this.#mine.show(queue ? mineOf(desk) : null, (e) => e.session, () => new MineRow(desk));
    this.#earlier.show(desk.past?.filter((p) => !desk.talks.has(p.session)) ?? null, (p) => p.session, () => new PastRow());
  }
}

/**
 * The agent's own sessions: as the relay lists them, then those that are over and still in front.
 * @param {Desk} desk
 * @returns {{ session: string, entry: QueueEntry | null }[]}
 */
export function mineOf(desk) {
  const listed = desk.queue?.mine ?? [];
  const rest = [...desk.talks.keys()].filter((session) => !listed.some((e) => e.session === session));
  return [
    ...listed.map((entry) => ({ session: entry.session, entry })),
    ...rest.map((session) => ({ session, entry: null })),
  ];
}

/**
 * A heading with a count, a list, and what will appear where there is nothing yet.
 * @param {'waiting' | 'mine' | 'earlier'} name
 */
function section(name) {
  const count = h('span', { class: 'count' });
  const empty = h('p', { class: 'soft empty' });
  const list = h('div', { role: 'list' });
  const id = `list-${name}`;
  const element = h('section', { 'aria-labelledby': id, class: name },
    h('h2', { id }, words.t(name), ' ', count), empty, list);
  return {
    element,
    /**
     * @template T
     * @template {HTMLElement & { show(item: T): void }} E
     * @param {readonly T[] | null} items
     * @param {(item: T) => string} keyOf
     * @param {() => E} make
     */
    show(items, keyOf, make) {
      say(count, items?.length ? words.number(items.length) : '');
      say(empty, words.t(items ? `${name}_empty` : 'loading'));
      empty.hidden = Boolean(items?.length);
      keyed(list, items ?? [], keyOf, make);
    },
  };
}

class WaitingRow extends HTMLElement {
  #desk;
  #who = h('span', { class: 'who', dir: 'auto' });
  #wait = h('time', { class: 'small soft since' });
  #where = h('span', { class: 'small soft where', dir: 'auto' });
  #asked = h('span', { class: 'small asked' });
  #sign = h('span');
  #main = h('button', { class: 'plain row' }, this.#who, this.#where, this.#asked,
    h('span', { class: 'where' }, this.#wait, ' ', this.#sign));
  #take = h('button', { class: 'take' }, words.t('accept'));
  /** @type {QueueEntry | null} */
  #entry = null;

  /** @param {Desk} desk */
  constructor(desk) {
    super();
    this.#desk = desk;
    this.#main.addEventListener('click', () => this.#entry && desk.select(this.#entry.session));
    this.#take.addEventListener('click', () => this.#entry && desk.accept(this.#entry));
  }

  connectedCallback() {
    item(this, this.#main, this.#take);
  }

  /** @param {QueueEntry} entry */
  show(entry) {
    this.#entry = entry;
    // A relay that was started again does not know the name of who has not come back yet.
    const who = entry.visitor || words.t('visitor');
    say(this.#who, who);
    this.#who.title = who;
    since(this.#wait, entry.since, 'waits_since');
    say(this.#where, [entry.site_name, modalities(entry.modalities), entry.online ? '' : words.t('away')]
      .filter(Boolean).join(' · '));
    const offer = entry.offer;
    this.#asked.hidden = !offer || offer.kind === 'waiting';
    if (offer && offer.kind !== 'waiting') say(this.#asked, words.t(`offer_${offer.kind}`, { by: offer.by }));
    recordedSign(this.#sign, entry.recorded);
    current(this.#main, this.#desk.selected === entry.session);
    this.#take.classList.toggle('primary', entry === this.#desk.queue?.waiting[0]);
    this.#take.disabled = this.#desk.accepting.has(entry.session) || !this.#desk.online;
    this.#take.setAttribute('aria-label', words.t('accept_who', { who }));
  }
}

class MineRow extends HTMLElement {
  #desk;
  #who = h('span', { class: 'who', dir: 'auto' });
  #since = h('time', { class: 'small soft since' });
  #last = h('span', { class: 'small soft where last', dir: 'auto' });
  #call = h('span');
  #rings = h('span', { class: 'call' }, icon(ICONS.phone, 16), this.#call);
  #unread = h('span', { class: 'unread' });
  #main = h('button', { class: 'plain row' }, this.#who, this.#since, this.#last, this.#rings, this.#unread);
  #session = '';

  /** @param {Desk} desk */
  constructor(desk) {
    super();
    this.#desk = desk;
    this.#main.addEventListener('click', () => desk.select(this.#session));
  }

  connectedCallback() {
    item(this, this.#main);
  }

  /** @param {{ session: string, entry: QueueEntry | null }} item */
  show({ session, entry }) {
    this.#session = session;
    const talk = this.#desk.talks.get(session);
    const who = entry?.visitor || talk?.visitor || words.t('visitor');
    say(this.#who, who);
    this.#who.title = who;
    this.#since.hidden = !entry;
    if (entry) since(this.#since, entry.since, 'runs_since');
    const typing = talk && talk.typing.length > 0;
    const here = talk && !(talk.left && entry) ? talk.summary : words.t('not_open_here');
    say(this.#last, typing ? words.t('typing_short') : here);
    const rings = talk?.call.phase === 'ringing';
    this.#main.classList.toggle('rings', rings);
    this.#rings.hidden = !rings && !talk?.missed;
    this.#last.hidden = !this.#rings.hidden;
    say(this.#call, words.t(rings ? 'list_rings' : 'list_missed'));
    const unread = talk?.unread ?? 0;
    this.#unread.hidden = unread === 0;
    say(this.#unread, unread ? words.t('unread', { n: unread }) : '');
    current(this.#main, this.#desk.selected === session);
  }
}

class PastRow extends HTMLElement {
  #where = h('span', { class: 'who', dir: 'auto' });
  #when = h('time', { class: 'small soft since' });
  #what = h('span', { class: 'small soft where' });

  connectedCallback() {
    item(this, h('div', { class: 'row' }, this.#where, this.#when, this.#what));
  }

  /** @param {PastSession} past */
  show(past) {
    say(this.#where, past.site_name);
    since(this.#when, past.ended, 'ended_at', ago(Date.now() - past.ended));
    say(this.#what, [modalities(past.modalities), words.duration(past.ended - past.started),
      words.t(past.recorded ? 'recorded' : 'not_recorded')].join(' · '));
  }
}

/**
 * Makes a list's item of an element, once.
 * @param {HTMLElement} element
 * @param {...HTMLElement} parts
 */
function item(element, ...parts) {
  if (element.firstChild) return;
  element.role = 'listitem';
  element.append(...parts);
}

/**
 * How long it has been so, with the exact time on hover.
 * @param {HTMLTimeElement} element
 * @param {number} at
 * @param {string} key
 * @param {string} [long]
 */
function since(element, at, key, long = words.duration(Date.now() - at)) {
  say(element, long);
  element.dateTime = new Date(at).toISOString();
  element.title = words.t(key, { at: words.exact(at) });
}

/** @param {readonly string[]} names */
export function modalities(names) {
  return names.map((name) => words.t(`modality_${name}`)).join(', ');
}

/**
 * The red sign stands only while something is recorded, and says what: of a call that is on hold, nothing is.
 * @param {HTMLElement} element
 * @param {boolean} recorded
 * @param {boolean} [over]
 * @param {CallView | null} [call]
 */
export function recordedSign(element, recorded, over = false, call = null) {
  element.className = recorded && !over ? 'recorded' : 'small soft';
  say(element, words.t(!recorded ? 'not_recorded' : over ? 'was_recorded' : call && !flows(call) ? 'recorded_chat' : 'recorded'));
}

/**
 * @param {HTMLElement} element
 * @param {boolean} is
 */
function current(element, is) {
  if (is) element.setAttribute('aria-current', 'true');
  else element.removeAttribute('aria-current');
}

register('desk-queue', QueueList);
register('desk-waiting', WaitingRow);
register('desk-mine', MineRow);
register('desk-past', PastRow);
