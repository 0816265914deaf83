// One conversation as its pages show it: a pure model, fed with frames and opened events.

/** @typedef {import('./model.js').Item} Item */
/** @typedef {import('./model.js').Pending} Pending */
/** @import { CallOver, CallView, ChatEvent, Limits, Modality, Person, SealedAt, ServerMessage } from './wire.js' */

export class Conversation {
  tenant = '';
  session = '';
  /** @type {string | null} `null` where nothing is recorded */
  recording = null;
  /** Whether it is known that nothing is recorded. */
  unrecorded = false;
  /** This participant. */
  me = '';
  name = '';
  /** @type {Modality[]} what this participant has agreed to */
  modalities = [];
  /** @type {Modality[]} what may be agreed to here */
  offered = [];
  /** @type {CallView | null} the call that runs */
  call = null;
  /** @type {CallOver | null} how the last one ended, where it has just ended */
  callOver = null;
  /** @type {Limits} */
  limits = { text_bytes: 4000, per_minute: 60, unacknowledged: 8, unanswered: 20 };
  /** @type {Map<string, Person>} */
  people = new Map();
  /** @type {Item[]} in order */
  items = [];
  /** @type {Pending[]} in the order in which they were written */
  pending = [];
  /** @type {Set<string>} who writes just now */
  typing = new Set();
  /** @type {{ since: number, ahead: number } | null} */
  waiting = null;
  /** Whether an agent is, or was, there. */
  answered = false;
  /** @type {{ at: number, by: string | null, keep_min: number | null, keep_max: number | null } | null} */
  ended = null;
  /** Highest `n` that has arrived. */
  last = 0;
  /** Highest `n` up to which nothing is missing. */
  have = 0;
  /** Parts handed back that this participant has no key for. */
  unreadable = 0;
  /** What was handed back is not what was kept: altered, or less than was acknowledged. */
  damaged = false;
  /** Server time minus this machine's, in milliseconds. */
  clock = 0;
  /** @type {Set<number>} */
  #places = new Set();

  /**
   * Takes in a frame; returns the item if it is a new one.
   * @param {ServerMessage} frame
   * @param {number} now this machine's time
   * @returns {Item | null}
   */
  take(frame, now) {
    switch (frame.t) {
      case 'welcome':
        for (const key of /** @type {const} */ (['tenant', 'session', 'name', 'modalities', 'limits', 'answered'])) {
          Object.assign(this, { [key]: frame[key] });
        }
        this.offered = frame.offered ?? [];
        // Whoever comes back is told of the call anew, if there is one.
        this.call = null;
        this.recording = frame.recording;
        this.unrecorded = !frame.recording;
        this.me = frame.participant;
        this.clock = frame.now - now;
        if (frame.answered) this.waiting = null;
        if (frame.last < this.last) this.damaged = true;
        this.typing.clear();
        for (const person of frame.people) this.#meet(person);
        return null;
      case 'joined':
        this.#meet(frame.person);
        if (frame.n === null) return null;
        return this.#place({ kind: 'joined', n: frame.n, at: frame.at, participant: frame.person.participant,
          name: frame.person.name, role: frame.person.role });
      case 'left':
        this.#away(frame.participant);
        return this.#place({ kind: 'left', n: frame.n, at: frame.at, participant: frame.participant, reason: frame.reason });
      case 'presence': {
        const person = this.people.get(frame.participant);
        if (person) person.online = frame.online;
        if (!frame.online) this.typing.delete(frame.participant);
        return null;
      }
      case 'asked':
        return this.#place({ kind: 'asked', n: frame.n, at: frame.at, participant: frame.participant, handover: frame.handover });
      case 'said':
        this.typing.delete(frame.participant);
        if (frame.participant === this.me) this.#settle(frame.cid);
        return this.#place({ kind: 'said', n: frame.n, at: frame.at, participant: frame.participant, text: frame.text });
      case 'ack': {
        const mine = this.#settle(frame.cid);
        if (!mine) return null;
        return this.#place({ kind: 'said', n: frame.n, at: frame.at, participant: this.me, text: mine.text, sealed: frame.sealed });
      }
      case 'marks': {
        const person = this.people.get(frame.participant);
        if (person) {
          person.delivered = Math.max(person.delivered, frame.delivered);
          person.read = Math.max(person.read, frame.read);
        }
        return null;
      }
      case 'typing':
        if (frame.on) this.typing.add(frame.participant);
        else this.typing.delete(frame.participant);
        return null;
      case 'waiting':
        this.waiting = { since: frame.since, ahead: frame.ahead };
        return null;
      case 'noted':
        return this.#place({ kind: 'noted', n: frame.n, at: frame.at, participant: frame.participant, what: frame.what });
      case 'call':
        this.call = frame.call;
        this.callOver = frame.over;
        return null;
      case 'agreed':
        this.modalities = frame.modalities;
        return null;
      case 'ended':
        this.call = null;
        this.#end(frame);
        return this.#place({ kind: 'ended', n: frame.n, at: frame.at, participant: frame.by });
      default:
        return null;
    }
  }

  /**
   * Takes in an event that was opened from a sealed part; returns the item if it is a new one.
   * @param {ChatEvent} event
   * @param {SealedAt} sealed
   * @returns {Item | null}
   */
  open(event, sealed) {
    const { n, at } = event;
    const owner = event.e === 'joined' ? event.participant
      : [...this.people.values()].find((p) => p.track === sealed.track)?.participant ?? null;
    switch (event.e) {
      case 'joined': {
        const person = this.people.get(event.participant);
        if (person) person.name ||= event.name;
        if (event.role === 'agent') this.#answer();
        return this.#place({ kind: 'joined', n, at, participant: owner, name: event.name, role: event.role });
      }
      case 'said': {
        const mine = owner === this.me;
        if (mine) this.#settle(event.cid);
        return this.#place({ kind: 'said', n, at, participant: owner, text: event.text, sealed: mine ? sealed : null });
      }
      case 'left':
        return this.#place({ kind: 'left', n, at, participant: owner, reason: event.reason });
      case 'asked':
        return this.#place({ kind: 'asked', n, at, participant: owner, handover: event.handover });
      case 'noted':
        return this.#place({ kind: 'noted', n, at, participant: owner, what: event.what });
      default:
        this.ended ??= { at, by: owner, keep_min: null, keep_max: null };
        return this.#place({ kind: 'ended', n, at, participant: owner });
    }
  }

  /**
   * The name that somebody goes by; empty where it is not known.
   * @param {string | null} participant
   */
  nameOf(participant) {
    return (participant && this.people.get(participant)?.name) || '';
  }

  /**
   * How far one's own message has come.
   * @param {Item} item
   * @returns {'kept' | 'delivered' | 'read'}
   */
  progress(item) {
    const others = [...this.people.values()].filter((p) => p.participant !== this.me);
    if (others.some((p) => p.read >= item.n)) return 'read';
    return others.some((p) => p.delivered >= item.n) ? 'delivered' : 'kept';
  }

  /** Whether this page has anything of calls to show. */
  get calls() {
    return this.offered.some((m) => m !== 'chat') || this.items.some((item) => item.what);
  }

  /** Agents who are in the session now. */
  get agents() {
    return [...this.people.values()].filter((p) => p.role === 'agent' && !this.#gone.has(p.participant));
  }

  /** @type {Set<string>} who has left for good */
  #gone = new Set();

  /** @param {Person} person */
  #meet(person) {
    const known = this.people.get(person.participant);
    this.people.set(person.participant, { ...person, name: person.name || known?.name || '' });
  }

  /** @param {string | null} participant */
  #away(participant) {
    const person = participant && this.people.get(participant);
    if (person) person.online = false;
    if (participant) this.typing.delete(participant);
  }

  #answer() {
    this.answered = true;
    this.waiting = null;
  }

  /** @param {{ at: number, by: string | null, keep_min: number | null, keep_max: number | null }} end */
  #end({ at, by, keep_min, keep_max }) {
    this.ended = { at, by, keep_min, keep_max };
    this.waiting = null;
    this.typing.clear();
  }

  /**
   * Takes one's own message off the list of those not acknowledged.
   * @param {number} cid
   */
  #settle(cid) {
    const at = this.pending.findIndex((p) => p.cid === cid && !p.refused);
    return at < 0 ? null : this.pending.splice(at, 1)[0];
  }

  /**
   * @param {Item} item
   * @returns {Item | null}
   */
  #place(item) {
    if (item.kind === 'joined' && item.participant) this.#gone.delete(item.participant);
    if (item.kind === 'joined' && item.role === 'agent') this.#answer();
    if (this.#places.has(item.n)) return null;
    if (item.kind === 'left' && item.participant) this.#gone.add(item.participant);
    this.#places.add(item.n);
    this.last = Math.max(this.last, item.n);
    while (this.#places.has(this.have + 1)) this.have += 1;
    let at = this.items.length;
    while (at > 0 && /** @type {Item} */ (this.items[at - 1]).n > item.n) at -= 1;
    this.items.splice(at, 0, item);
    return item;
  }
}
