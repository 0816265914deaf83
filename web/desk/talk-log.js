// What was said, in order, and how far one's own messages have come.

import { callLine } from '../lib/call-state.js';
import { fill, h, icon, register } from '../lib/h.js';
import { keyed, say } from './keyed.js';
import { refusal, words } from './language.js';

/** @import { Conversation } from '../lib/conversation.js' */
/** @import { Item, Pending } from '../lib/model.js' */
/** @import { Talk } from './talk.js' */

/** So close to the end, in pixels, counts as being there. */
const NEAR = 48;

export class TalkLog extends HTMLElement {
  #items = h('div', { role: 'log', 'aria-label': words.t('log_label') });
  #pending = h('div', { role: 'group', 'aria-label': words.t('pending_label') });
  #typing = h('p', { class: 'small soft typing', role: 'status' });
  #down = h('button', { class: 'down', hidden: true, onclick: () => this.#toEnd() }, icon('M12 5v14M6 13l6 6 6-6', 16), h('span'));
  #scroller = h('div', { class: 'scroller', tabindex: '0', 'aria-label': words.t('log_label'), role: 'region' },
    this.#items, this.#pending, this.#typing);
  /** @type {Talk | null} */
  #talk = null;
  #follows = true;
  #onSeen = () => {};

  /** @param {() => void} onSeen the end has come on the screen */
  constructor(onSeen) {
    super();
    this.#onSeen = onSeen;
    this.#scroller.addEventListener('scroll', () => {
      this.#follows = this.#atEnd();
      if (this.#follows) this.#onSeen();
    }, { passive: true });
    // A narrower window, or more to write in below, must not hide what was said last.
    new ResizeObserver(() => {
      if (this.#follows) this.#toEnd();
    }).observe(this.#scroller);
    fill(this, this.#scroller, this.#down);
  }

  /** Whether what was said last is on the screen. */
  get atEnd() {
    return this.#follows;
  }

  /** @param {Talk} talk */
  show(talk) {
    const other = this.#talk !== talk;
    this.#talk = talk;
    const { conversation } = talk;
    if (other) {
      this.#follows = true;
      fill(this.#items);
      fill(this.#pending);
    }
    const shown = conversation.items.filter((item) => !item.what || callLine(words, item.what, ' '));
    const items = shown.map((item, i, all) => ({ item, before: all[i - 1] ?? null, after: all[i + 1] ?? null, conversation }));
    keyed(this.#items, items, ({ item }) => String(item.n), () => new Line());
    keyed(this.#pending, conversation.pending.map((pending) => ({ pending, talk })),
      ({ pending }) => String(pending.cid), () => new PendingLine());
    const typing = talk.typing;
    say(this.#typing, typing.length ? words.t('typing', { who: typing.join(', ') }) : '');
    if (this.#follows) this.#toEnd();
    const unread = talk.unread;
    this.#down.hidden = this.#follows;
    say(/** @type {Element} */ (this.#down.lastElementChild), unread ? words.t('unread', { n: unread }) : words.t('to_end'));
  }

  #atEnd() {
    const { scrollHeight, scrollTop, clientHeight } = this.#scroller;
    return scrollHeight - scrollTop - clientHeight < NEAR;
  }

  #toEnd() {
    this.#follows = true;
    this.#scroller.scrollTop = this.#scroller.scrollHeight;
  }
}

/** @typedef {{ item: Item, before: Item | null, after: Item | null, conversation: Conversation }} Shown */

class Line extends HTMLElement {
  #name = h('span', { class: 'small name', dir: 'auto' });
  #text = h('p', { dir: 'auto' });
  #time = h('time');
  #progress = h('span', { class: 'progress' });
  #meta = h('span', { class: 'small soft meta' }, this.#time, this.#progress);
  #shown = '';

  connectedCallback() {
    if (!this.firstChild) this.append(this.#name, this.#text, this.#meta);
  }

  /** @param {Shown} shown */
  show({ item, before, after, conversation }) {
    const mine = item.participant === conversation.me;
    const said = item.kind === 'said';
    const follows = said && before?.kind === 'said' && before.participant === item.participant;
    const progress = said && mine ? conversation.progress(item) : null;
    const again = said && after?.kind === 'said' && after.participant === item.participant
      && minute(after) === minute(item) && (!mine || conversation.progress(after) === progress);
    const name = conversation.nameOf(item.participant) || item.name || words.t(item.participant ? 'visitor' : 'nobody');
    const now = `${follows} ${again} ${progress} ${name}`;
    if (now === this.#shown) return;
    this.#shown = now;
    this.className = said ? `said ${mine ? 'mine' : 'theirs'}${follows ? ' follows' : ''}` : 'event';
    this.#name.hidden = !said || follows || mine;
    say(this.#name, name);
    // A name that runs the other way turns neither the sentence nor the time around.
    this.#text.dir = said ? 'auto' : '';
    const who = `\u2068${item.what && mine ? words.t('you') : name}\u2069`;
    say(this.#text, said ? item.text ?? '' : item.what ? callLine(words, item.what, who) : words.t(eventKey(item, mine), { who }));
    say(this.#time, words.time(item.at));
    this.#time.dateTime = new Date(item.at).toISOString();
    this.#time.title = words.exact(item.at);
    this.#meta.hidden = again;
    this.#text.title = again ? words.exact(item.at) : '';
    this.#progress.hidden = !progress;
    if (progress) {
      const ticks = { kept: '✓', delivered: '✓✓', read: '✓✓' }[progress];
      say(this.#progress, `${words.t(`progress_${progress === 'kept' && conversation.unrecorded ? 'sent' : progress}`)} ${ticks}`);
      this.#progress.dataset.progress = progress;
    }
  }
}

class PendingLine extends HTMLElement {
  #text = h('p', { dir: 'auto' });
  #state = h('span', { class: 'small soft' });
  #again = h('button', { class: 'plain small' }, words.t('send_again'));
  #drop = h('button', { class: 'plain small' }, words.t('drop_message'));
  #meta = h('span', { class: 'meta' }, this.#state, this.#again, this.#drop);
  /** @type {{ pending: Pending, talk: Talk } | null} */
  #shown = null;

  connectedCallback() {
    if (!this.firstChild) this.append(this.#text, this.#meta);
    this.#again.onclick = () => this.#settle(true);
    this.#drop.onclick = () => this.#settle(false);
  }

  /** @param {{ pending: Pending, talk: Talk }} shown */
  show(shown) {
    this.#shown = shown;
    const { pending, talk } = shown;
    this.className = `said mine ${pending.refused ? 'refused' : 'sending'}`;
    say(this.#text, pending.text);
    const waits = talk.connection.state === 'open' ? 'progress_sending' : 'progress_waiting';
    say(this.#state, pending.refused ? refusal(pending.refused, talk.conversation) : words.t(talk.over ? 'progress_not_sent' : waits));
    this.#again.hidden = !pending.refused || talk.over;
    this.#drop.hidden = !pending.refused;
  }

  /** @param {boolean} again */
  #settle(again) {
    if (this.#shown) this.#shown.talk.settle(this.#shown.pending, again);
  }
}

/** @param {Item} item */
function minute(item) {
  return Math.floor(item.at / 60_000);
}

/**
 * @param {Item} item
 * @param {boolean} mine
 */
function eventKey(item, mine) {
  const by = mine ? 'mine' : 'theirs';
  switch (item.kind) {
    case 'joined': return `event_joined_${by}`;
    case 'left': return `event_left_${item.reason ?? 'left'}_${by}`;
    case 'asked': return `event_${item.handover ? 'handover' : 'invite'}_${by}`;
    default: return item.participant ? `event_ended_${by}` : 'event_ended_nobody';
  }
}

register('desk-log', TalkLog);
register('desk-line', Line);
register('desk-pending-line', PendingLine);
