// The desk's state: who waits, which conversations run here, what is in front. Pages show it and
// call it. It says `change` whenever something differs, `ring` when somebody new waits, `accepted`
// when a conversation that was accepted stands in front.

import { exportKeyPair, importKeyPair, makeKeyPair } from '../lib/seal.js';
import { toBase64 } from '../lib/bytes.js';
import * as api from './api.js';
import { allKept, forget } from './kept.js';
import { Talk } from './talk.js';

/** @import { Me, PastSession, QueueEntry, QueueView } from '../lib/wire.js' */

export class Desk extends EventTarget {
  me;
  /** @type {QueueView | null} null until the relay has told it */
  queue = null;
  online = true;
  /** @type {PastSession[] | null} null until the relay has told it */
  past = null;
  /** @type {Map<string, Talk>} by session, in the order in which they were taken */
  talks = new Map();
  /** @type {string | null} the session in front */
  selected = null;
  /** @type {string | null} a code to tell the agent about, until it is put away */
  trouble = null;
  /** @type {Set<string>} sessions that are being accepted */
  accepting = new Set();

  #signedOut;
  /** @type {{ stop(): void } | null} */
  #stream = null;
  /** @type {Set<string>} sessions for which it has rung */
  #rung = new Set();

  /**
   * @param {Me} me
   * @param {{ signedOut: () => void }} told
   */
  constructor(me, told) {
    super();
    this.me = me;
    this.#signedOut = told.signedOut;
  }

  open() {
    for (const kept of allKept()) {
      void importKeyPair(kept.key).then((pair) => this.take(Talk.resume(kept, pair)), () => forget(kept.session));
    }
    this.#stream = api.followQueue({
      queue: (view) => this.arrived(view),
      online: (online) => {
        if (this.online === online) return;
        this.online = online;
        this.#changed();
      },
      signedOut: this.#signedOut,
    });
    void this.reloadPast();
  }

  close() {
    this.#stream?.stop();
    for (const talk of this.talks.values()) talk.close();
  }

  /**
   * Takes a waiting session, or takes up one of this agent's own that another page had.
   * @param {QueueEntry} entry
   */
  async accept(entry) {
    if (this.accepting.has(entry.session)) return;
    this.accepting.add(entry.session);
    this.#changed();
    try {
      const pair = await makeKeyPair();
      const key = await exportKeyPair(pair);
      const answer = await api.accept(entry.session, toBase64(pair.publicKey), entry.recorded);
      this.take(Talk.join(answer, pair, key));
      this.select(entry.session);
      this.dispatchEvent(new Event('accepted'));
    } catch (error) {
      const code = error instanceof api.Refused ? error.code : 'internal';
      if (code === 'sign_in_required') this.#signedOut();
      else this.complain(code);
    } finally {
      this.accepting.delete(entry.session);
      this.#changed();
    }
  }

  /** @param {string | null} session */
  select(session) {
    this.selected = session;
    this.#changed();
  }

  /** @param {string} session */
  entry(session) {
    return [...this.queue?.waiting ?? [], ...this.queue?.mine ?? []].find((e) => e.session === session) ?? null;
  }

  /** The conversation in which it rings, the one in front before others. */
  get ringing() {
    const ringing = [...this.talks.values()].filter((talk) => talk.call.phase === 'ringing');
    return ringing.find((talk) => talk.session === this.selected) ?? ringing[0] ?? null;
  }

  /** Puts an ended or lost conversation away: from now on there is only its metadata. */
  putAway(/** @type {string} */ session) {
    this.talks.get(session)?.close();
    this.talks.delete(session);
    forget(session);
    if (this.selected === session) this.selected = null;
    void this.reloadPast();
    this.#changed();
  }

  async reloadPast() {
    try {
      this.past = await api.pastSessions();
      this.#changed();
    } catch {
      // The list stays as it was; the banner says that the relay cannot be reached.
    }
  }

  /** @param {string | null} code */
  complain(code) {
    this.trouble = code;
    this.#changed();
  }

  /**
   * Takes in the queue as the relay tells it.
   * @param {QueueView} view
   */
  arrived(view) {
    this.queue = view;
    this.online = true;
    for (const talk of this.talks.values()) {
      talk.notice = this.entry(talk.session)?.notice ?? talk.notice;
      this.#letGo(talk);
      if (this.#missing(talk)) talk.ask(() => this.#missing(talk));
    }
    const fresh = view.waiting.filter((e) => !this.#rung.has(e.session));
    for (const entry of fresh) this.#rung.add(entry.session);
    if (fresh.length > 0) this.dispatchEvent(new Event('ring'));
    this.#changed();
  }

  /**
   * Takes a conversation in, in place of the one that this page had of its session.
   * @param {Talk} talk
   */
  take(talk) {
    this.talks.get(talk.session)?.close();
    this.talks.set(talk.session, talk);
    talk.notice = this.entry(talk.session)?.notice ?? '';
    // One call at a time: none is begun beside another, and who calls meanwhile is told at once.
    const busy = () => [...this.talks.values()].some((other) => other !== talk && other.call.active);
    const begin = talk.call.begin.bind(talk.call);
    talk.call.begin = async (kinds) => (busy() ? this.complain('in_call') : begin(kinds));
    talk.call.addEventListener('ring', () => {
      if (busy()) talk.call.decline('busy');
      else this.dispatchEvent(new Event('ring'));
    });
    talk.addEventListener('change', () => {
      this.#letGo(talk);
      this.#changed();
    });
    talk.addEventListener('over', () => void this.reloadPast());
    this.#changed();
  }

  /**
   * What is no longer this agent's is not to be read here, also where no word of its end came through.
   * That it is missing from the list does not show it yet: so is what cannot be recorded just now,
   * and everything while the relay begins. The relay must have refused the way back, or let others take it.
   * @param {Talk} talk
   */
  #letGo(talk) {
    const refused = talk.connection.code === 'resume_stale';
    if (this.#missing(talk) && (refused || this.queue?.waiting.some((e) => e.session === talk.session))) talk.forget();
  }

  /** @param {Talk} talk */
  #missing(talk) {
    return talk.lost && !talk.forgotten && this.queue !== null && !this.queue.mine.some((e) => e.session === talk.session);
  }

  #changed() {
    this.dispatchEvent(new Event('change'));
  }
}
