// The socket of one participant: hello, resume, and what is not acknowledged yet (docs/protocol.md).

import { Conversation } from './conversation.js';
import { Opener } from './seal.js';

/** @import { Options, Pending } from './model.js' */
/** @typedef {import('./model.js').Saved} Saved */
/** @import { ClientMessage, ErrorCode, Hello, SealedAt, ServerMessage } from './wire.js' */

/** Close codes after which coming back by itself would not help; the close's reason names the error. */
const FINAL = [1008, 4400, 4401, 4402, 4403, 4404, 4405, 4406, 4407, 4409, 4410, 4411, 4426, 4429, 4503];
const PATIENCE = 10_000;
const TYPING_AGAIN = 3_000;
const TYPING_FADES = 6_000;

/**
 * Emits `change` (anything to draw anew), `item` (something new by another), `refused` (an error
 * that is not about one message), `keep` (what {@link Connection.saved} gives has changed), `frame`
 * (any frame, once it is taken in).
 */
export class Connection extends EventTarget {
  conversation = new Conversation();
  /** @type {'connecting' | 'open' | 'retrying' | 'closed'} */
  state = 'connecting';
  /** @type {ErrorCode | null} why it is closed, or was last */
  code = null;
  /** When the next try is due. */
  retryAt = 0;

  #site;
  #pair;
  #url;
  #make;
  #random;
  /** @type {{ token: string, name?: string } | null} */
  #join = null;
  #resume = '';
  #name = '';
  #cid = 0;
  /** @type {SealedAt | null} */
  #head = null;
  /** @type {WebSocket | null} */
  #socket = null;
  /** @type {Opener | null} */
  #opener = null;
  #queue = Promise.resolve();
  #attempt = 0;
  /** @type {Set<number>} sent on this socket and not acknowledged */
  #flying = new Set();
  /** Whether parts are still being handed back: what they hold need not be sent again. */
  #replaying = false;
  #pausedUntil = 0;
  /** @type {Map<string, ReturnType<typeof setTimeout>>} */
  #timers = new Map();
  #typed = 0;
  #marked = '';

  /** @param {Options} options */
  constructor({ site, pair, credentials, url = socketAddress(), socket = (u, p) => new WebSocket(u, p), random = Math.random }) {
    super();
    this.#site = site;
    this.#pair = pair;
    this.#url = url;
    this.#make = socket;
    this.#random = random;
    if ('resume' in credentials) {
      this.#resume = credentials.resume;
      this.#name = this.conversation.name = credentials.name;
      this.#cid = credentials.cid;
      this.#head = credentials.head;
      this.conversation.pending = credentials.pending;
      this.conversation.last = credentials.last;
      this.conversation.unrecorded = credentials.unrecorded;
    } else {
      this.#join = credentials;
    }
    globalThis.addEventListener?.('online', this.#online);
    globalThis.addEventListener?.('offline', this.#offline);
  }

  /** Opens the socket, at once; also where it is closed or waits to be opened again. */
  start() {
    if (this.conversation.ended) return;
    this.#drop();
    this.state = 'connecting';
    const socket = this.#make(this.#url, 'vestibule.v1');
    this.#socket = socket;
    /** @type {(work: () => void | Promise<void>) => void} frames are worked on one after another */
    const next = (work) => {
      this.#queue = this.#queue.then(() => (socket === this.#socket ? work() : undefined)).catch(() => this.#again());
    };
    socket.onopen = () => this.#transmit(this.#hello());
    socket.onmessage = ({ data }) => next(() => this.#frame(JSON.parse(data)));
    socket.onclose = ({ code, reason }) => next(() => this.#closed(code, reason));
    this.#timer('patience', PATIENCE, () => this.#again());
    this.#changed();
  }

  /** Closes the socket for good, without ending the session. */
  close() {
    this.#drop();
    this.state = 'closed';
    this.#opener = null;
    globalThis.removeEventListener?.('online', this.#online);
    globalThis.removeEventListener?.('offline', this.#offline);
  }

  /**
   * Sends a message as soon as that is possible, and again until it is acknowledged.
   * @param {string} text
   */
  say(text) {
    this.conversation.pending.push({ cid: ++this.#cid, text, refused: null });
    this.#typed = 0;
    this.#kept();
    this.#flush();
  }

  /**
   * Sends a refused message again, under a new number, or drops it.
   * @param {Pending} pending
   * @param {boolean} send
   */
  settle(pending, send) {
    const list = this.conversation.pending;
    const at = list.indexOf(pending);
    if (at >= 0) list.splice(at, 1);
    if (send) this.say(pending.text);
    else this.#kept();
  }

  /** @param {boolean} on */
  typing(on) {
    const now = Date.now();
    if (on ? now - this.#typed < TYPING_AGAIN : this.#typed === 0) return;
    this.#typed = on ? now : 0;
    if (this.state === 'open') this.#transmit({ t: 'typing', on });
  }

  /**
   * Tells how far this participant has received and read.
   * @param {number} read highest `n` that was on the screen
   */
  mark(read) {
    const delivered = this.conversation.last;
    if (this.state !== 'open' || this.#replaying || this.#marked === `${delivered}/${read}`) return;
    this.#marked = `${delivered}/${read}`;
    this.#transmit({ t: 'mark', delivered, read });
  }

  /**
   * Sends a command that needs no number. False where there is no socket.
   * @param {Exclude<ClientMessage, { t: 'say' | 'typing' | 'mark' }>} command
   */
  command(command) {
    if (this.state === 'open') this.#transmit(command);
    return this.state === 'open';
  }

  /** Whether the session has ended, also where no word of its end came through. */
  get over() {
    return this.conversation.ended !== null || this.code === 'session_ended';
  }

  /**
   * What to keep for a reload; `null` before the first welcome.
   * @returns {Saved | null}
   */
  saved() {
    if (!this.#resume) return null;
    const { pending, last, unrecorded } = this.conversation;
    return { resume: this.#resume, name: this.#name, cid: this.#cid, pending, last, unrecorded, head: this.#head };
  }

  /** @returns {Hello} */
  #hello() {
    if (this.#resume || !this.#join) {
      return { t: 'resume', site: this.#site, token: this.#resume, name: this.#name, have: this.conversation.have };
    }
    return { t: 'join', site: this.#site, token: this.#join.token, ...(this.#join.name ? { name: this.#join.name } : {}) };
  }

  /** @param {ServerMessage} frame */
  async #frame(frame) {
    const { conversation } = this;
    const live = !this.#replaying;
    const item = conversation.take(frame, Date.now());
    if (frame.t === 'welcome') {
      const again = this.#resume !== '';
      this.#resume = frame.resume;
      this.#name = frame.name;
      this.#attempt = 0;
      this.state = 'open';
      this.code = null;
      this.#marked = '';
      if (frame.recording && !this.#opener) {
        this.#opener = new Opener(this.#pair, { tenant: frame.tenant, recording: frame.recording, participant: frame.participant });
        if (this.#head) this.#opener.expect(this.#head.track, this.#head.seq, this.#head.head);
      }
      this.#replaying = again && frame.recording !== null && frame.last > conversation.have;
      this.#timer('patience', 0);
      // Says that the welcome is here: nobody else comes in by the join token from now on.
      if (!again) this.mark(0);
    } else if (frame.t === 'sealed') {
      await this.#unseal(frame);
      if (!frame.more) this.#replaying = false;
    } else if (frame.t === 'ack') {
      this.#flying.delete(frame.cid);
      const at = frame.sealed;
      if (at) {
        this.#head = at;
        await this.#guard(() => this.#opener?.expect(at.track, at.seq, at.head));
      }
      this.#timer('patience', this.#flying.size ? PATIENCE : 0, () => this.#again());
    } else if (frame.t === 'typing' && frame.on) {
      this.#timer(`typing ${frame.participant}`, TYPING_FADES, () => {
        conversation.typing.delete(frame.participant);
        this.#changed();
      });
    } else if (frame.t === 'error') {
      this.#refused(frame);
    }
    if (item && live && item.participant !== conversation.me) this.dispatchEvent(new CustomEvent('item', { detail: item }));
    this.dispatchEvent(new CustomEvent('frame', { detail: frame }));
    if (frame.t !== 'typing' && frame.t !== 'marks' && frame.t !== 'presence') this.#kept();
    this.#changed();
    this.#flush();
  }

  /** @param {Extract<ServerMessage, { t: 'sealed' }>} frame */
  async #unseal({ wraps, parts }) {
    const opener = this.#opener;
    if (!opener) return;
    await this.#guard(() => opener.addWraps(wraps));
    for (const part of parts) {
      await this.#guard(async () => {
        const event = await opener.open(part);
        if (!event) this.conversation.unreadable += 1;
        else this.conversation.open(event, opener.at(part));
      });
    }
  }

  /**
   * What does not open or does not fit is shown as damage; the rest goes on.
   * @param {() => void | Promise<void>} work
   */
  async #guard(work) {
    try {
      await work();
    } catch {
      this.conversation.damaged = true;
    }
  }

  /** @param {Extract<ServerMessage, { t: 'error' }>} frame */
  #refused({ code, cid, retry_ms }) {
    const pending = this.conversation.pending.find((p) => p.cid === cid && !p.refused);
    if (!pending) {
      this.code = code;
      this.dispatchEvent(new CustomEvent('refused', { detail: code }));
      return;
    }
    this.#flying.delete(pending.cid);
    if (code === 'rate_limited' || code === 'too_many_unacknowledged') {
      pending.cid = ++this.#cid;
      this.#pausedUntil = Date.now() + (retry_ms ?? 1000);
      this.#timer('pause', retry_ms ?? 1000, () => this.#flush());
    } else {
      pending.refused = code;
    }
  }

  #flush() {
    if (this.state === 'open' && !this.#replaying && Date.now() >= this.#pausedUntil) {
      for (const { cid, text, refused } of [...this.conversation.pending].sort((a, b) => a.cid - b.cid)) {
        if (refused || this.#flying.has(cid)) continue;
        if (this.#flying.size >= this.conversation.limits.unacknowledged) break;
        if (!this.#flying.size) this.#timer('patience', PATIENCE, () => this.#again());
        this.#flying.add(cid);
        this.#transmit({ t: 'say', cid, text });
      }
    }
    this.#changed();
  }

  /**
   * @param {number} code
   * @param {string} reason
   */
  #closed(code, reason) {
    if (!this.conversation.ended && !FINAL.includes(code)) return this.#again();
    this.#drop();
    this.state = 'closed';
    this.code = this.conversation.ended ? 'session_ended' : /** @type {ErrorCode} */ (reason || this.code || 'internal');
    this.#changed();
  }

  /** Drops the socket and opens another after a while that grows, with jitter. */
  #again() {
    this.#drop();
    const wait = backoff(this.#attempt, this.#random());
    this.#attempt += 1;
    this.state = 'retrying';
    this.retryAt = Date.now() + wait;
    this.#timer('retry', wait, () => this.start());
    this.#changed();
  }

  #drop() {
    const socket = this.#socket;
    this.#socket = null;
    for (const name of [...this.#timers.keys()]) this.#timer(name, 0);
    this.#flying.clear();
    this.#replaying = false;
    this.#pausedUntil = 0;
    this.conversation.typing.clear();
    if (!socket) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close();
  }

  #online = () => {
    if (this.state === 'retrying') this.start();
  };

  #offline = () => {
    if (this.state === 'open' || this.state === 'connecting') this.#again();
  };

  /** @param {ClientMessage | Hello} message */
  #transmit(message) {
    this.#socket?.send(JSON.stringify(message));
  }

  /**
   * Sets the timer of this name, in place of an earlier one; 0 only takes it off.
   * @param {string} name
   * @param {number} ms
   * @param {() => void} [work]
   */
  #timer(name, ms, work) {
    clearTimeout(this.#timers.get(name));
    this.#timers.delete(name);
    if (ms > 0 && work) this.#timers.set(name, setTimeout(work, ms));
  }

  #kept() {
    this.dispatchEvent(new Event('keep'));
  }

  #changed() {
    this.dispatchEvent(new Event('change'));
  }
}

/**
 * How long to wait before the next try: doubling from half a second to fifteen, the upper half of it random.
 * @param {number} attempt counted from 0
 * @param {number} random from 0 to 1
 */
export function backoff(attempt, random) {
  const most = Math.min(15_000, 500 * 2 ** Math.min(attempt, 10));
  return Math.round(most / 2 + (most / 2) * random);
}

function socketAddress() {
  const { protocol, host } = globalThis.location;
  return `${protocol === 'https:' ? 'wss' : 'ws'}://${host}/ws`;
}
