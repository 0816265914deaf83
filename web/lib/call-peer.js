// One connection to the relay for sound and pictures. This side always offers, one offer at a time;
// the relay is its only other end, and no server is asked for an address.

import { KINDS, seat, withoutAddresses } from './call-state.js';

/** @import { Place } from './call-state.js' */
/** @import { Kind, SendSlot, TakeSlot } from './wire.js' */

/** @typedef {{ sdp: string, sends: SendSlot[], takes: TakeSlot[] }} Proposal */

/** What a second of each may take, in bits. */
const MOST = { audio: 48_000, video: 1_000_000, screen: 2_500_000 };
/** So long a connection may falter before it is looked for anew. */
const PATIENCE = 2_000;

/** Emits `change` when {@link Peer.state} or what is received is another; `failed` when only a new one can help. */
export class Peer extends EventTarget {
  /** @type {'connecting' | 'connected' | 'faltering'} */
  state = 'connecting';

  #pc;
  #ask;
  /** @type {Map<Kind, { transceiver: RTCRtpTransceiver, used: boolean }>} own sources */
  #own = new Map();
  /** @type {Place[]} */
  #places = [];
  /** @type {RTCRtpTransceiver[]} one per place */
  #receivers = [];
  #busy = false;
  #due = false;
  #closed = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #waiting;

  /**
   * @param {(proposal: Proposal) => Promise<string>} ask hands an offer over and gives the answer
   * @param {() => RTCPeerConnection} [make]
   */
  constructor(ask, make = () => new RTCPeerConnection({ iceServers: [], bundlePolicy: 'max-bundle' })) {
    super();
    this.#ask = ask;
    const pc = this.#pc = make();
    pc.oniceconnectionstatechange = () => this.#moved(pc.iceConnectionState);
  }

  /**
   * What is sent and taken from now on. `null` sends nothing where a source is muted, and keeps its place.
   * @param {ReadonlyMap<Kind, MediaStreamTrack | null>} sends
   * @param {readonly { participant: string, kind: Kind }[]} takes
   */
  set(sends, takes) {
    let other = false;
    for (const kind of KINDS) {
      let own = this.#own.get(kind);
      const used = sends.has(kind);
      if (!own && used) {
        own = { transceiver: this.#add(kind === 'audio' ? 'audio' : 'video', 'sendonly', MOST[kind]), used: false };
        this.#own.set(kind, own);
      }
      if (!own) continue;
      const { sender } = own.transceiver;
      const track = sends.get(kind) ?? null;
      if (sender.track !== track) void sender.replaceTrack(track).catch(() => {});
      if (own.used === used) continue;
      own.used = used;
      own.transceiver.direction = used ? 'sendonly' : 'inactive';
      other = true;
    }
    const places = seat(this.#places, takes);
    places.forEach((place, i) => {
      const before = this.#places[i];
      if (before?.participant === place.participant && before?.kind === place.kind) return;
      const receiver = this.#receivers[i] ??= this.#add(place.media, 'recvonly');
      receiver.direction = place.participant ? 'recvonly' : 'inactive';
      other = true;
    });
    this.#places = places;
    if (other) void this.offer();
  }

  /**
   * What is received of somebody.
   * @param {string} participant
   * @param {Kind} kind
   * @returns {RTCRtpReceiver | null}
   */
  receiver(participant, kind) {
    const at = this.#places.findIndex((place) => place.participant === participant && place.kind === kind);
    return this.#receivers[at]?.receiver ?? null;
  }

  /** Looks for a way to the relay anew: the network is another one. */
  restart() {
    if (this.#closed) return;
    this.#pc.restartIce();
    void this.offer();
  }

  /** Offers until the relay has answered what is wanted by then. */
  async offer() {
    this.#due = true;
    if (this.#busy) return;
    this.#busy = true;
    try {
      while (this.#due && !this.#closed) {
        this.#due = false;
        await this.#pc.setLocalDescription();
        const sdp = await this.#ask({ sdp: withoutAddresses(this.#pc.localDescription?.sdp ?? ''), ...this.#slots() });
        if (!this.#closed) await this.#pc.setRemoteDescription({ type: 'answer', sdp });
      }
      this.#changed();
    } catch {
      // Whoever answers knows why, and when to offer again.
    } finally {
      this.#busy = false;
    }
  }

  /** @returns {Promise<RTCStatsReport>} */
  statistics() {
    return this.#pc.getStats();
  }

  close() {
    this.#closed = true;
    clearTimeout(this.#waiting);
    this.#pc.oniceconnectionstatechange = null;
    this.#pc.close();
  }

  /**
   * @param {'audio' | 'video'} media
   * @param {RTCRtpTransceiverDirection} direction
   * @param {number} [most] bits a second
   */
  #add(media, direction, most) {
    const transceiver = this.#pc.addTransceiver(media, { direction, ...(most ? { sendEncodings: [{ maxBitrate: most }] } : {}) });
    const codecs = preferred(globalThis.RTCRtpReceiver?.getCapabilities?.(media)?.codecs ?? []);
    if (codecs.length) transceiver.setCodecPreferences?.(codecs);
    return transceiver;
  }

  /** @returns {{ sends: SendSlot[], takes: TakeSlot[] }} */
  #slots() {
    const sends = [...this.#own].flatMap(([kind, { transceiver: { mid }, used }]) => (mid !== null && used ? [{ mid, kind }] : []));
    const takes = this.#places.flatMap(({ participant, kind }, i) => {
      const mid = this.#receivers[i]?.mid;
      return participant && kind && mid ? [{ mid, participant, kind }] : [];
    });
    return { sends, takes };
  }

  /** @param {RTCIceConnectionState} state */
  #moved(state) {
    clearTimeout(this.#waiting);
    if (state === 'connected' || state === 'completed') {
      this.state = 'connected';
    } else if (state === 'disconnected') {
      this.state = 'faltering';
      this.#waiting = setTimeout(() => this.restart(), PATIENCE);
    } else if (state === 'failed') {
      this.state = 'faltering';
      this.dispatchEvent(new Event('failed'));
    }
    this.#changed();
  }

  #changed() {
    this.dispatchEvent(new Event('change'));
  }
}

/**
 * What this product records: Opus; VP8 and, where a browser has only that, H.264; and what sends
 * again what was lost.
 * @template {{ mimeType: string, sdpFmtpLine?: string | undefined }} C
 * @param {readonly C[]} codecs
 * @returns {C[]}
 */
export function preferred(codecs) {
  const order = ['audio/opus', 'video/vp8', 'video/h264', 'video/rtx'];
  const rank = (/** @type {C} */ codec) => order.indexOf(codec.mimeType.toLowerCase());
  return codecs.filter((codec) => rank(codec) >= 0 && (rank(codec) !== 2 || /packetization-mode=1.*42e01f|42e01f.*packetization-mode=1/i.test(codec.sdpFmtpLine ?? '')))
    .sort((a, b) => rank(a) - rank(b));
}
