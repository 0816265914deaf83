// What was said, in order, and how far one's own messages have come.

import { callLine, fold, folded } from '../lib/call-notes.js';
import { follow } from '../lib/follow.js';
import { fill, h, icon, register } from '../lib/h.js';
import { keyed, say } from './keyed.js';
import { refusal, words } from './language.js';

/** @import { Conversation } from '../lib/conversation.js' */
/** @import { Item, Pending } from '../lib/model.js' */
/** @import { Talk } from './talk.js' */

export class TalkLog extends HTMLElement {
  #items = h('div', { role: 'log', 'aria-label': words.t('log_label') });
  #pending = h('div', { role: 'group', 'aria-label': words.t('pending_label') });
  #typing = h('p', { class: 'small soft typing', role: 'status' });
  #down = h('button', { class: 'down', hidden: true, onclick: () => this.#end.go() }, icon('M12 5v14M6 13l6 6 6-6', 16), h('span'));
  #scroller = h('div', { class: 'scroller', tabindex: '0', 'aria-label': words.t('log_label'), role: 'region' },
    this.#items, this.#pending, this.#typing);
  #end = follow(this.#scroller);
  /** @type {Talk | null} */
  #talk = null;

  /** @param {() => void} onSeen the end has come on the screen */
  constructor(onSeen) {
    super();
    this.#scroller.addEventListener('scroll', () => {
      if (this.#end.at) onSeen();
    }, { passive: true });
    fill(this, this.#scroller, this.#down);
  }

  /** Whether what was said last is on the screen. */
  get atEnd() {
    return this.#end.at;
  }

  /** @param {Talk} talk */
  show(talk) {
    const other = this.#talk !== talk;
    this.#talk = talk;
    const { conversation } = talk;
    if (other) {
      this.#end.at = true;
      fill(this.#items);
      fill(this.#pending);
    }
    const shown = conversation.items.filter((item) => !item.what || callLine(words, item.what, ' '));
    const runs = folded(shown).map((run, i, all) => ({ run, before: all[i - 1]?.[0] ?? null, after: all[i + 1]?.[0] ?? null, conversation }));
    keyed(this.#items, runs, ({ run }) => `${run[0]?.n}${run.length > 1 ? ' folded' : ''}`, ({ run }) => (run.length > 1 ? new Fold() : new Line()));
    keyed(this.#pending, conversation.pending.map((pending) => ({ pending, talk })),
      ({ pending }) => String(pending.cid), () => new PendingLine());
    const typing = talk.typing;
    say(this.#typing, typing.length ? words.t('typing', { who: typing.join(', ') }) : '');
    this.#end.stay();
    const unread = talk.unread;
    this.#down.hidden = this.#end.at;
    say(/** @type {Element} */ (this.#down.lastElementChild), unread ? words.t('unread', { n: unread }) : words.t('to_end'));
  }
}

/** @typedef {{ run: Item[], before: Item | null, after: Item | null, conversation: Conversation }} Shown */

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
  show({ run: [item], before, after, conversation }) {
    if (!item) return;
    const mine = item.participant === conversation.me;
    const said = item.kind === 'said';
    const follows = said && before?.kind === 'said' && before.participant === item.participant;
    const progress = said && mine ? conversation.progress(item) : null;
    const again = said && after?.kind === 'said' && after.participant === item.participant
      && minute(after) === minute(item) && (!mine || conversation.progress(after) === progress);
    const name = nameIn(conversation, item);
    const now = `${follows} ${again} ${progress} ${name}`;
    if (now === this.#shown) return;
    this.#shown = now;
    this.className = said ? `said ${mine ? 'mine' : 'theirs'}${follows ? ' follows' : ''}` : 'event';
    this.#name.hidden = !said || follows || mine;
    say(this.#name, name);
    this.#text.dir = said ? 'auto' : '';
    say(this.#text, said ? item.text ?? '' : happened(conversation, item));
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

/** What happened in a call, where it is much in a row. */
class Fold extends HTMLElement {
  #shown = '';

  /** @param {Shown} shown */
  show({ run, conversation }) {
    const now = run.map((item) => happened(conversation, item)).join();
    if (now === this.#shown) return;
    this.#shown = now;
    this.className = 'event';
    fold(this, words, run, (item) => [happened(conversation, item), ' · ',
      h('time', { datetime: new Date(item.at).toISOString(), title: words.exact(item.at) }, words.time(item.at))]);
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

/**
 * @param {Conversation} conversation
 * @param {Item} item
 */
function nameIn(conversation, item) {
  return conversation.nameOf(item.participant) || item.name || words.t(item.participant ? 'visitor' : 'nobody');
}

/**
 * What happened, as one line. A name that runs the other way turns neither the sentence nor the time around.
 * @param {Conversation} conversation
 * @param {Item} item
 */
function happened(conversation, item) {
  const mine = item.participant === conversation.me;
  const who = `\u2068${item.what && mine ? words.t('you') : nameIn(conversation, item)}\u2069`;
  return item.what ? callLine(words, item.what, who) : words.t(eventKey(item, mine), { who });
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
register('desk-fold', Fold);
register('desk-pending-line', PendingLine);
