// What was said and what happened, in order.

import { follow } from '../lib/follow.js';
import { fill, h, register } from '../lib/h.js';

/** @import { Connection } from '../lib/connection.js' */
/** @import { Conversation } from '../lib/conversation.js' */
/** @import { Words } from '../lib/i18n.js' */
/** @import { Item, Pending } from '../lib/model.js' */

/** Emits `seen` when the newest is on the screen. */
export class Log extends HTMLElement {
  #words;
  #connection;
  #waiting;
  /** @type {Map<string, { node: HTMLElement, is: string }>} rows by key */
  #rows = new Map();
  #list = h('ol');
  #typing = h('p', { class: 'typing small soft' });
  #end = h('div', { class: 'end' });
  #down;
  #follow = follow(this);
  #visible = false;
  /** How many messages of others stand here. */
  #heard = 0;

  /**
   * @param {Words} words
   * @param {Connection} connection
   * @param {HTMLElement} waiting what stands below the messages while nobody is there
   */
  constructor(words, connection, waiting) {
    super();
    this.#words = words;
    this.#connection = connection;
    this.#waiting = waiting;
    this.#down = h('button', { class: 'down', type: 'button', hidden: true, onclick: () => this.#follow.go() }, words.t('newest'), ' ↓');
  }

  connectedCallback() {
    // What is new is read out by the status line of the conversation, once.
    Object.assign(this, { tabIndex: 0, role: 'log', ariaLive: 'off', ariaLabel: this.#words.t('chat') });
    fill(this, this.#list, this.#waiting, this.#typing, this.#end, this.#down);
    new IntersectionObserver(([entry]) => {
      this.#visible = entry?.isIntersecting ?? false;
      if (this.#visible) this.#down.hidden = true;
      this.look();
    }).observe(this.#end);
    document.addEventListener('visibilitychange', () => this.look());
  }

  /** Tells the others what has been on the screen. */
  look() {
    const read = this.#visible && document.visibilityState === 'visible';
    if (read) this.#read = this.#connection.conversation.last;
    this.#connection.mark(this.#read);
    if (read) this.dispatchEvent(new Event('seen'));
  }

  #read = 0;

  draw() {
    const { conversation } = this.#connection;
    /** @type {Set<string>} */
    const keep = new Set();
    /** @type {HTMLElement | null} */
    let last = null;
    /** @type {(key: string, is: string, make: (node?: HTMLElement) => HTMLElement) => void} */
    const row = (key, is, make) => {
      keep.add(key);
      let known = this.#rows.get(key);
      if (!known || known.is !== is) {
        const node = make(known?.node);
        if (node !== known?.node) known?.node.replaceWith(node);
        known = { node, is };
        this.#rows.set(key, known);
      }
      const place = last ? last.nextElementSibling : this.#list.firstElementChild;
      if (place !== known.node) this.#list.insertBefore(known.node, place);
      last = known.node;
    };
    if (conversation.unreadable) row('earlier', '', () => h('li', { class: 'event' }, this.#words.t('earlier')));
    const lines = new Map(conversation.items.map((item) => [item, Log.line(this.#words, conversation, item)]));
    const items = conversation.items.filter((item) => lines.get(item));
    const runs = Log.notes?.folded(items) ?? items.map((item) => [item]);
    runs.forEach((run, i) => {
      const [item] = run;
      if (!item) return;
      const name = lines.get(item) ?? '';
      if (item.kind !== 'said') {
        const line = (/** @type {Item} */ one) => [lines.get(one), ' · ', this.#time(one)];
        return row(`n${item.n}`, run.map((one) => lines.get(one)).join(), (node = h('li', { class: 'event' })) => {
          if (run.length > 1) Log.notes?.fold(node, this.#words, run, line);
          else fill(node, ...line(item));
          return node;
        });
      }
      const next = runs[i + 1]?.[0];
      const mine = item.participant === conversation.me;
      const progress = mine ? conversation.progress(item) : '';
      const first = !follows(runs[i - 1]?.[0], item);
      const tail = !next || !follows(item, next) || (mine && conversation.progress(next) !== progress);
      row(`n${item.n}`, `${name}${progress}${first}${tail}`, () => this.#said(item, { name: first && !mine ? name : '', mine, progress, tail }));
    });
    for (const pending of conversation.pending) {
      row(`c${pending.cid}`, `${pending.refused ?? this.#connection.state}${this.#connection.over}`, () => this.#pending(pending));
    }
    for (const [key, { node }] of this.#rows) {
      if (keep.has(key)) continue;
      node.remove();
      this.#rows.delete(key);
    }
    this.#waiting.hidden = this.#connection.over || !conversation.waiting;
    this.#typing.hidden = this.#connection.over;
    fill(this.#typing, [...conversation.typing].map((who) => this.#words.t('typing', { name: conversation.nameOf(who) || this.#words.t('someone') })).join(' '));
    const heard = items.filter((item) => item.kind === 'said' && item.participant !== conversation.me).length;
    if (this.#follow.at || conversation.pending.length > 0) this.#follow.go();
    else if (heard > this.#heard) this.#down.hidden = false;
    this.#heard = heard;
    this.look();
  }

  /** @type {typeof import('../lib/call-notes.js') | null} what tells of calls, once it and its words are there */
  static notes = null;

  /**
   * What happened, or who said it.
   * @param {Words} words
   * @param {Conversation} conversation
   * @param {Item} item
   */
  static line(words, conversation, { kind, participant, name, reason, handover, what }) {
    const mine = participant === conversation.me;
    const who = mine ? words.t('you') : name || conversation.nameOf(participant)
      || words.t(conversation.people.get(participant ?? '')?.role === 'visitor' ? 'visitor' : 'someone');
    if (what) return Log.notes?.callLine(words, what, who) ?? '';
    if (kind === 'said') return who;
    if (kind === 'ended') return words.t(!participant ? 'ended' : mine ? 'you_ended' : 'ended_by', { name: who });
    if (kind === 'asked') return words.t(handover ? 'handover' : 'asked', { name: who });
    if (kind === 'joined') return words.t(mine ? 'you_joined' : 'joined', { name: who });
    return words.t(reason === 'gone' || reason === 'expired' ? reason : 'left', { name: who });
  }

  /**
   * @param {Item} item
   * @param {{ name: string, mine: boolean, progress: string, tail: boolean }} how
   */
  #said(item, { name, mine, progress, tail }) {
    return h('li', { class: mine ? 'mine' : 'theirs' },
      name && h('p', { class: 'meta' }, name),
      mine && h('span', { class: 'visually-hidden' }, this.#words.t('you')),
      h('p', { class: 'bubble', dir: 'auto' }, item.text),
      tail && h('p', { class: 'meta' }, this.#time(item), mine && ` · ${this.#words.t(progress === 'kept' ? 'sent' : progress)} `,
        mine && h('span', { 'aria-hidden': 'true' }, progress === 'kept' ? '✓' : '✓✓')));
  }

  /** @param {Pending} pending */
  #pending(pending) {
    const { refused, text } = pending;
    const words = this.#words;
    const { over } = this.#connection;
    const state = refused || over ? 'refused' : this.#connection.state === 'open' ? 'sending' : 'waits';
    return h('li', { class: `mine ${state}` }, h('p', { class: 'bubble', dir: 'auto' }, text),
      h('p', { class: 'meta' }, words.t(state)),
      refused && !over && h('div', { role: 'alert' }, h('p', { class: 'small' }, words.t(words.has(`e_${refused}`) ? `e_${refused}` : 'e_internal', { kept: '' })),
        h('div', { class: 'row' },
          h('button', { type: 'button', onclick: () => this.#connection.settle(pending, true) }, words.t('try_again')),
          h('button', { type: 'button', onclick: () => this.#connection.settle(pending, false) }, words.t('discard')))));
  }

  /** @param {Item} item */
  #time({ at }) {
    return h('time', { datetime: new Date(at).toISOString(), title: this.#words.exact(at) }, this.#words.time(at));
  }
}

/**
 * Whether a message goes on from the one before it.
 * @param {Item | undefined} before
 * @param {Item} item
 */
function follows(before, item) {
  return before?.kind === 'said' && item.kind === 'said' && before.participant === item.participant && item.at - before.at < 300_000;
}

register('vestibule-log', Log);
