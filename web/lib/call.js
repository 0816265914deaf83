// One participant's part in a session's calls: what they want, what the relay says, and what lies between.

import { Devices, Hindered } from './call-devices.js';
import { Peer } from './call-peer.js';
import { askedFor, missing, othersIn, personIn, phaseOf, sourceOf } from './call-state.js';

/** @import { Asking, Trouble } from './call-model.js' */
/** @import { Proposal } from './call-peer.js' */
/** @import { Phase } from './call-state.js' */
/** @import { Connection } from './connection.js' */
/** @import { CallView, Kind, Modality, Refusal, ServerMessage } from './wire.js' */

/** So long the relay may take to answer before its socket is taken for dead. */
const PATIENCE = 8_000;
/** So long to wait before offering again after one of these errors. */
const AGAIN = 1_000;
const PASSING = ['overloaded', 'rate_limited'];

/** @type {EventTarget | undefined} says when the network is another one, where a browser says it */
const networks = /** @type {any} */ (globalThis.navigator)?.connection;

/** Emits `change` (anything to draw anew) and `ring`, once for each call that rings here. */
export class Call extends EventTarget {
  conversation;
  devices;
  /** @type {Peer | null} */
  peer = null;
  /** @type {Set<Kind>} own sources that are muted */
  muted = new Set();
  /** Whether the others are put on hold. */
  held = false;
  /** @type {Set<Modality>} what the others send and this participant would not agree to, or does not any more */
  declined = new Set();
  /** @type {'' | 'opening' | 'joining'} what is under way */
  step = '';
  /** @type {Asking | null} */
  asking = null;
  /** @type {Trouble | null} */
  trouble = null;
  /** Since when there is somebody to talk to; 0 where there is nobody. */
  since = 0;

  #connection;
  #notice;
  #make;
  /** Whether this page is to be in the call. */
  #wants = false;
  /** Whether the relay has said that it is. */
  #joined = false;
  /** Whether a peer connection is to be made anew. */
  #renew = false;
  /** Whether the relay is to be told again what is muted and held. */
  #restate = false;
  /** Whether the relay is still to be told that this participant has hung up. */
  #owes = false;
  /** @type {Set<Modality>} what is withdrawn, until the relay says so */
  #withdrawn = new Set();
  #rung = 0;
  /** @type {CallView | null} */
  #last = null;
  /** How many offers were made. */
  #offers = 0;
  /** @type {{ done: (sdp: string) => void, fail: (error: unknown) => void } | null} the last one, while it is on its way */
  #offered = null;
  /** @type {Map<string, ReturnType<typeof setTimeout>>} */
  #timers = new Map();

  /**
   * @param {Connection} connection
   * @param {() => string} notice hash of the notice that is shown where something is agreed to
   * @param {Devices} [devices]
   * @param {(ask: (proposal: Proposal) => Promise<string>) => Peer} [make]
   */
  constructor(connection, notice, devices = new Devices(), make = (ask) => new Peer(ask)) {
    super();
    this.#connection = connection;
    this.conversation = connection.conversation;
    this.#notice = notice;
    this.devices = devices;
    this.#make = make;
    connection.addEventListener('frame', this.#frame);
    connection.addEventListener('change', this.#state);
    devices.addEventListener('change', this.#changed);
    devices.addEventListener('ended', this.#ended);
    globalThis.addEventListener?.('online', this.#network);
    networks?.addEventListener?.('change', this.#network);
  }

  /** The call as the relay has told it last; while one comes back to it, as it was. */
  get view() {
    return this.conversation.call ?? (this.#wants ? this.#last : null);
  }

  /** @returns {Phase} */
  get phase() {
    const phase = phaseOf(this.view, this.conversation.me);
    // In it by another page's doing, or by this one's before it was loaded anew.
    return !this.#wants && (phase === 'in' || phase === 'calling') ? 'away' : phase;
  }

  /** Whether this page is in the call, or about to be. */
  get active() {
    return this.#wants || this.step !== '';
  }

  /** How the last call ended, until it is put away; not where this participant would not have it. */
  get over() {
    const { callOver, me } = this.conversation;
    return this.active || this.phase !== 'none' || (callOver?.reason === 'declined' && callOver.by === me) ? null : callOver;
  }

  /** Who began the call that runs, or the last one. */
  get caller() {
    return this.#last?.by ?? null;
  }

  /** Whether the way to the relay is being looked for. */
  get reconnecting() {
    return this.#wants && this.#joined
      && (this.#connection.state !== 'open' || this.#own?.standing !== 'in' || this.peer?.state === 'faltering');
  }

  get #own() {
    const { call, me } = this.conversation;
    return personIn(call, me);
  }

  /** What another participant sends that only this one's agreement is missing for. */
  get asked() {
    const { call, me, modalities } = this.conversation;
    return this.#wants ? askedFor(call, me, [...modalities, ...this.declined]) : null;
  }

  /**
   * Calls, answers, or comes back.
   * @param {readonly Kind[]} [kinds] what to send from the beginning
   * @returns {Promise<void>}
   */
  async begin(kinds = ['audio']) {
    if (this.active) return;
    const { conversation, phase } = this;
    const { call, me, modalities } = conversation;
    const need = missing(call, me, modalities, kinds);
    conversation.callOver = null;
    if (need.length) return this.#ask(need, () => this.begin(kinds));
    this.trouble = null;
    this.step = 'opening';
    this.#changed();
    await this.devices.open(kinds).catch((error) => this.#hinder(error));
    const missed = phase !== 'none' && !conversation.call;
    if (!this.devices.tracks.has('audio') || missed) {
      this.step = '';
      const why = /** @type {Trouble | null} */ (this.trouble)?.code;
      if (phase === 'ringing' && !missed) this.decline(why === 'no_permission' ? why : 'no_device');
      this.devices.closeAll();
      return this.#changed();
    }
    this.step = 'joining';
    this.#wants = true;
    this.#owes = false;
    // Who comes back is muted, and holds, as the relay knows it.
    this.muted = new Set(sourceOf(this.#own, 'audio')?.state === 'muted' ? ['audio'] : []);
    this.held = this.#own?.held ?? false;
    this.declined.clear();
    if (this.#connection.command({ t: 'call', again: phase === 'away' })) this.#expect();
    else this.#stop({ code: 'offline', kind: 'audio' });
    this.#changed();
  }

  /** @param {Refusal} [reason] */
  decline(reason = 'declined') {
    this.#connection.command({ t: 'decline', reason });
    this.asking = null;
    this.#changed();
  }

  hangUp() {
    this.#owes = !this.#connection.command({ t: 'hang_up' });
    this.#stop();
  }

  /**
   * Begins or ends to send the camera's picture or the screen's.
   * @param {Kind} kind
   * @param {boolean} [on]
   * @returns {Promise<void>}
   */
  async turn(kind, on = !this.devices.tracks.has(kind)) {
    if (!this.#wants) return;
    this.trouble = null;
    if (!on) {
      this.devices.close(kind);
    } else if (!this.conversation.modalities.includes(kind)) {
      return this.#ask([kind], () => this.turn(kind, true));
    } else {
      await this.devices.open([kind]).catch((error) => this.#hinder(error));
      if (!this.#wants) this.devices.closeAll();
    }
    this.#sync();
    this.#changed();
  }

  /** @param {boolean} [on] whether the microphone is muted */
  mute(on = !this.muted.has('audio')) {
    if (!this.#wants) return;
    this.muted = new Set(on ? ['audio'] : []);
    // Where the relay does not know the source yet, it is told then.
    if (sourceOf(this.#own, 'audio')) this.#connection.command({ t: 'mute', kind: 'audio', on });
    else this.#restate = true;
    this.#sync();
    this.#changed();
  }

  /** @param {boolean} [on] whether the others wait */
  hold(on = !this.held) {
    if (!this.#wants) return;
    this.held = on;
    this.#connection.command({ t: 'hold', on });
    this.#sync();
    this.#changed();
  }

  /** @type {(kind: 'audio' | 'video' | 'speaker', id: string) => Promise<void>} */
  async choose(kind, id) {
    this.trouble = null;
    await this.devices.choose(kind, id).catch((error) => this.#hinder(error));
    this.#sync();
    this.#changed();
  }

  /** Agrees to what is asked for. */
  agree() {
    const { asked } = this;
    this.asking ??= asked && { kinds: [asked.kind], go: () => {}, sent: false };
    if (!this.asking || this.asking.sent) return;
    this.trouble = null;
    this.#agreeing();
    this.#changed();
  }

  /** Does not agree: everything stays as it is. */
  refuse() {
    const { asked } = this;
    if (this.asking) this.asking = null;
    else if (asked) this.declined.add(asked.kind);
    this.#changed();
  }

  /** Asks again about what was refused. */
  reconsider() {
    this.declined.clear();
    this.#changed();
  }

  /** @param {Modality} modality */
  withdraw(modality) {
    this.declined.add(modality);
    this.#withdrawn.add(modality);
    this.#withdraw();
    if (modality === 'audio') this.#stop();
    else this.devices.close(/** @type {Kind} */ (modality));
    this.#sync();
    this.#changed();
  }

  /** Puts away what is told. */
  dismiss() {
    this.trouble = this.conversation.callOver = null;
    this.#changed();
  }

  /** Leaves nothing open: the page is done with this session. */
  close() {
    this.#stop();
    this.devices.forget();
    this.#connection.removeEventListener('frame', this.#frame);
    this.#connection.removeEventListener('change', this.#state);
    globalThis.removeEventListener?.('online', this.#network);
    networks?.removeEventListener?.('change', this.#network);
  }

  /** A frame may be lost with its socket, or refused: what is withdrawn is told again, and holds here. */
  #withdraw = () => {
    for (const modality of this.#withdrawn) this.#connection.command({ t: 'withdraw', modality });
    this.conversation.modalities = this.conversation.modalities.filter((modality) => !this.#withdrawn.has(modality));
  };

  /** @type {(kinds: Kind[], go: () => unknown) => void} */
  #ask(kinds, go) {
    this.trouble = null;
    this.asking = { kinds, go, sent: false };
    this.#changed();
  }

  /** Agrees to one after another, and goes on once it is all agreed to. */
  #agreeing() {
    const { asking } = this;
    if (!asking) return;
    const modality = asking.kinds.find((kind) => !this.conversation.modalities.includes(kind));
    if (!modality) {
      this.asking = null;
      return void asking.go();
    }
    asking.sent = this.#connection.command({ t: 'agree', modality, notice: this.#notice() });
    if (asking.sent) this.#withdrawn.delete(modality);
    else this.trouble = { code: 'offline', kind: modality };
  }

  /** @param {unknown} error */
  #hinder(error) {
    this.trouble = error instanceof Hindered ? { code: error.why, kind: error.kind } : { code: 'internal', kind: 'audio' };
  }

  #frame = (/** @type {Event} */ event) => {
    const frame = /** @type {CustomEvent<ServerMessage>} */ (event).detail;
    if ('modalities' in frame) {
      this.#withdrawn = new Set(frame.modalities.filter((modality) => this.#withdrawn.has(modality)));
      this.#withdraw();
      if (this.asking?.sent) this.#agreeing();
    }
    switch (frame.t) {
      case 'welcome':
        // What was on its way is lost; where the relay was started again, so is the call.
        this.#offered?.fail('offline');
        if (this.#wants && this.#connection.command({ t: 'call', again: this.#joined })) {
          this.#renew = this.#restate = true;
          this.#expect();
        }
        break;
      case 'call':
        frame.call ? this.follow() : this.#stop();
        break;
      case 'answer':
        if (frame.offer !== this.#offers) break;
        this.#timer('patience');
        this.#offered?.done(frame.sdp);
        break;
      case 'error':
        if (frame.code === 'rate_limited') this.#timer('withdraw', frame.retry_ms ?? AGAIN, this.#withdraw);
        if (frame.cid === undefined) this.#refused(frame);
    }
    this.#changed();
  };

  /** Takes in what the relay says of the call that runs. */
  follow() {
    const own = this.#own;
    const { call, me } = this.conversation;
    const before = personIn(this.#last, me)?.standing;
    if (!call) return;
    this.#last = call;
    if (own?.standing === 'ringing' && this.#rung !== call.since) {
      this.#rung = call.since;
      this.dispatchEvent(new Event('ring'));
    }
    if (this.#owes && own) this.#owes = !this.#connection.command({ t: 'hang_up' });
    if (!this.#wants) return;
    // Who stops and begins again asks anew.
    for (const kind of this.declined) if (!othersIn(call, me).some((p) => sourceOf(p, kind))) this.declined.delete(kind);
    const lost = this.#joined && own?.standing === 'away';
    // What the relay has lost comes up no more.
    if (lost && before === 'in') this.#renew = this.#restate = true;
    if (lost || own?.standing === 'in') {
      this.#joined = true;
      if (this.phase === 'in') this.since ||= Date.now();
      this.step = '';
      if (!this.#offered) this.#timer('patience');
      if (!this.peer || this.#renew) this.#fresh();
      this.#sync();
      if (this.#restate && sourceOf(own, 'audio')) {
        this.#restate = false;
        this.#connection.command({ t: 'mute', kind: 'audio', on: this.muted.has('audio') });
        this.#connection.command({ t: 'hold', on: this.held });
      }
    } else if (this.#joined) {
      this.#stop();
    }
  }

  /** Makes a connection to the relay, in place of one that is lost. */
  #fresh() {
    this.#renew = false;
    this.peer?.close();
    this.#offered?.fail('offline');
    const peer = this.peer = this.#make((proposal) => this.#offer(proposal));
    peer.addEventListener('change', this.#changed);
    peer.addEventListener('failed', () => {
      if (peer !== this.peer || this.#connection.state !== 'open') return;
      this.#restate = true;
      this.#fresh();
      this.#sync();
    });
  }

  /**
   * @param {Proposal} proposal
   * @returns {Promise<string>}
   */
  #offer(proposal) {
    return new Promise((done, fail) => {
      const over = (/** @type {(value: any) => void} */ end) => (/** @type {any} */ value) => {
        this.#offered = null;
        end(value);
      };
      this.#offered = { done: over(done), fail: over(fail) };
      if (this.#connection.command({ t: 'offer', offer: ++this.#offers, ...proposal })) this.#expect();
      else this.#offered.fail('offline');
    });
  }

  /** The relay owes an answer; where none comes, the socket is opened anew. */
  #expect() {
    this.#timer('patience', PATIENCE, () => this.#connection.start());
  }

  /** Sends and takes what is to be sent and taken now. */
  #sync() {
    const { call, me } = this.conversation;
    const own = this.#own;
    if (!this.peer || !call || !/^(in|away)$/.test(own?.standing ?? '')) return;
    /** @type {Map<Kind, MediaStreamTrack | null>} */
    const sends = new Map();
    for (const [kind, track] of this.devices.tracks) {
      // Not before the relay has a place for it and everybody has agreed, and not while somebody holds.
      const flows = /live|muted/.test(sourceOf(own, kind)?.state ?? '');
      sends.set(kind, flows && !this.held && !this.muted.has(kind) ? track : null);
    }
    const takes = othersIn(call, me).flatMap(({ participant, sources }) => sources.map(({ kind }) => ({ participant, kind })));
    this.peer.set(sends, takes);
  }

  /** @param {Extract<ServerMessage, { t: 'error' }>} frame */
  #refused({ code, offer, retry_ms }) {
    if (!offer && this.step !== 'joining' && !this.asking?.sent) return;
    // It is told here, and nowhere else.
    this.#connection.code = null;
    if (!offer && this.step === 'joining') return this.#stop({ code, kind: 'audio' });
    if (!offer && this.asking) {
      this.asking.sent = false;
      this.trouble = { code, kind: this.asking.kinds[0] ?? 'audio' };
    }
    // One that was given up is answered for nobody.
    if (!this.#offered || offer !== this.#offers) return;
    this.#timer('patience');
    this.#offered.fail(code);
    if (PASSING.includes(code)) this.#timer('again', retry_ms ?? AGAIN, () => this.peer?.offer());
    else if (code === 'call_missing') this.#stop();
    else this.trouble = { code, kind: 'audio' };
  }

  #state = () => {
    const { state } = this.#connection;
    if (state === 'closed' || this.#connection.over) this.#stop();
    this.#changed();
  };

  #ended = (/** @type {Event} */ event) => {
    const kind = /** @type {CustomEvent<Kind>} */ (event).detail;
    if (kind === 'screen') this.#sync();
    // Unplugged: the usual one takes over, where there is another.
    else void this.devices.choose(kind, '').then(() => this.turn(kind, true));
    this.#changed();
  };

  #network = () => {
    if (this.#joined && this.#connection.state === 'open') this.peer?.restart();
  };

  /** @param {Trouble | null} [trouble] */
  #stop(trouble = null) {
    if (trouble) this.trouble = trouble;
    else if (!this.#wants && !this.asking) return;
    this.since = 0;
    this.#wants = this.#joined = this.#renew = this.#restate = this.held = false;
    this.step = '';
    this.asking = null;
    this.muted.clear();
    this.#timer('patience');
    this.#timer('again');
    this.#offered?.fail('offline');
    this.peer?.close();
    this.peer = null;
    this.devices.closeAll();
  }

  /**
   * @param {string} name
   * @param {number} [ms] without it, takes the timer off
   * @param {() => void} [work]
   */
  #timer(name, ms, work) {
    clearTimeout(this.#timers.get(name));
    this.#timers.delete(name);
    if (ms && work) this.#timers.set(name, setTimeout(work, ms));
  }

  #changed = () => {
    this.dispatchEvent(new Event('change'));
  };
}
