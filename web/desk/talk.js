// One of the agent's conversations: its connection, what was read of it, and its way back.

import { judge, sample } from '../lib/call-quality.js';
import { missedIn } from '../lib/call-state.js';
import { Call } from '../lib/call.js';
import { Connection } from '../lib/connection.js';
import { forget, keep } from './kept.js';
import { words } from './language.js';

/** @import { Sample, Verdict } from '../lib/call-quality.js' */
/** @import { Pending } from '../lib/model.js' */
/** @import { KeyPair } from '../lib/seal.js' */
/** @import { AcceptResponse } from '../lib/wire.js' */
/** @import { Kept } from './kept.js' */

/** So long a session may be missing from the list before the relay is asked: it may only just begin. */
const ASK_AFTER = 1_000;
/** How often a call's connection is judged, in milliseconds. */
const JUDGE = 3_000;

/** Emits `change` where anything is to be drawn anew, `over` once when the agent's part has ended. */
export class Talk extends EventTarget {
  session;
  connection;
  call;
  /** Hash of the notice that this conversation is under. */
  notice = '';
  /** @type {Verdict | null} how good the call's connection is, once that is known */
  quality = null;
  /** @type {string} what stands in the field and is not sent */
  draft = '';
  /** Whether the agent has left, or handed the session on. */
  left = false;
  /** Whether what was said has been let go of: there is only metadata. */
  forgotten = false;
  /** How many of the agent's own messages were not confirmed when it was let go of. */
  unsent = 0;
  /** Whether something was begun to be written then, and never sent. */
  begun = false;

  #read = 0;
  #told = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #asking;
  #way;
  /** @type {Sample | null} */
  #before = null;
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #judging;

  /**
   * @param {AcceptResponse} answer
   * @param {KeyPair} pair
   * @param {JsonWebKey} key
   */
  static join({ site, session, participant, join }, pair, key) {
    return new Talk({ site, session, participant, key }, new Connection({ site, pair, credentials: { token: join } }));
  }

  /**
   * @param {Kept} kept
   * @param {KeyPair} pair
   */
  static resume({ saved, ...way }, pair) {
    return new Talk(way, new Connection({ site: way.site, pair, credentials: saved }));
  }

  /**
   * @param {Omit<Kept, 'saved'>} way
   * @param {Connection} connection
   */
  constructor(way, connection) {
    super();
    this.session = way.session;
    this.#way = way;
    this.connection = connection;
    this.call = new Call(connection, () => this.notice);
    this.call.addEventListener('change', () => {
      this.#watch();
      this.dispatchEvent(new Event('change'));
    });
    connection.addEventListener('change', () => this.#changed());
    connection.addEventListener('keep', () => this.#keep());
    connection.start();
  }

  get conversation() {
    return this.connection.conversation;
  }

  /** Whether the conversation has ended, for everyone or for this agent. */
  get over() {
    return this.left || this.connection.over;
  }

  /** Whether the connection is closed and would not come back by itself. */
  get lost() {
    return !this.over && this.connection.state === 'closed';
  }

  /** Whether it goes on once it can be recorded again: what is not sent yet waits here. */
  get held() {
    return this.lost && !this.forgotten && this.connection.code === 'recording_unavailable';
  }

  /** How many messages of others are unread. */
  get unread() {
    const { me, items } = this.conversation;
    return items.filter((item) => item.kind === 'said' && item.participant !== me && item.n > this.#looked).length;
  }

  /** Whether a call rang here in vain since this was looked at. */
  get missed() {
    const { items, me } = this.conversation;
    const over = items.findLast((item) => item.what?.k === 'call_over');
    const rang = items.findLast((item) => item.what?.k === 'rang');
    return over?.what?.k === 'call_over' && over.n > this.#looked
      && missedIn({ ...over.what, by: over.participant }, rang?.participant ?? null, me);
  }

  /** How far this agent has read. */
  get #looked() {
    const { me, people } = this.conversation;
    return Math.max(this.#read, people.get(me)?.read ?? 0);
  }

  /** Everything that has arrived was on the screen. */
  seen() {
    const before = this.unread + Number(this.missed);
    this.#read = this.conversation.last;
    this.connection.mark(this.#read);
    if (before > 0) this.#changed();
  }

  /** Everything that has arrived has arrived: tells the others, where it is not on the screen. */
  received() {
    this.connection.mark(this.#looked);
  }

  /**
   * @param {Pending} pending
   * @param {boolean} again
   */
  settle(pending, again) {
    this.connection.settle(pending, again);
  }

  /** The visitor's name, where it is known. */
  get visitor() {
    return [...this.conversation.people.values()].find((p) => p.role === 'visitor')?.name ?? '';
  }

  /** The others who write just now, by name. */
  get typing() {
    return [...this.conversation.typing].map((who) => this.conversation.nameOf(who) || words.t('visitor'));
  }

  /** One line for the list: what was said last, or where the conversation stands. */
  get summary() {
    const { connection, conversation } = this;
    if (this.over) return words.t(this.connection.over ? 'summary_over' : 'summary_left');
    if (this.lost) return words.t('summary_lost');
    if (connection.state === 'retrying') return words.t('summary_retrying');
    if (connection.state === 'connecting') return words.t('loading');
    if (this.call.active) return words.t('in_call');
    const said = conversation.items.findLast((item) => item.kind === 'said');
    if (!said) return words.t('summary_nothing');
    return said.participant === conversation.me ? words.t('summary_mine', { text: said.text ?? '' }) : said.text ?? '';
  }

  /**
   * Asks the relay whether the session is still this agent's, by coming back to it.
   * @param {() => boolean} still whether there is anything to ask, by then
   */
  ask(still) {
    this.#asking ??= setTimeout(() => {
      this.#asking = undefined;
      if (still()) this.connection.start();
    }, ASK_AFTER);
  }

  close() {
    clearTimeout(this.#asking);
    this.call.close();
    this.#watch();
    this.connection.close();
  }

  /**
   * Lets go of what was said and of what the visitor is called: the conversation is over, or no
   * longer this agent's. Who else was there, and when, stays.
   */
  forget() {
    if (!this.forgotten) {
      this.forgotten = true;
      forget(this.session);
      this.close();
    }
    const { conversation } = this;
    this.unsent += conversation.pending.length;
    this.begun ||= this.draft.trim() !== '';
    this.draft = '';
    conversation.pending = [];
    conversation.typing.clear();
    conversation.items = conversation.items.filter((item) => item.kind !== 'said');
    for (const known of [...conversation.items, ...conversation.people.values()]) if (known.role === 'visitor') known.name = '';
  }

  /** Judges the call's connection while there is one. */
  #watch() {
    if (!this.call.peer) {
      clearInterval(this.#judging);
      this.#judging = undefined;
      this.#before = this.quality = null;
    } else {
      this.#judging ??= setInterval(() => void this.#judge(), JUDGE);
    }
  }

  async #judge() {
    const report = await this.call.peer?.statistics().catch(() => null);
    if (!report) return;
    const now = sample(report.values());
    this.quality = judge(this.#before, now);
    this.#before = now;
    this.dispatchEvent(new Event('change'));
  }

  #keep() {
    const saved = this.connection.saved();
    if (saved && !this.over && !this.forgotten) keep({ ...this.#way, saved });
  }

  #changed() {
    const { items, me } = this.conversation;
    this.left ||= items.some((item) => item.kind === 'left' && item.participant === me);
    // Again at every change: parts that were on their way may still be opened.
    if (this.over || this.forgotten) this.forget();
    if (this.over && !this.#told) {
      this.#told = true;
      this.dispatchEvent(new Event('over'));
    }
    this.dispatchEvent(new Event('change'));
  }
}
