// Microphone, camera and screen: opened when they are used, let go of when they are not.

/** @import { Kind } from './wire.js' */

/** @typedef {'no_permission' | 'no_device' | 'in_use' | 'not_shared'} Hindrance */

/** Why a device could not be opened. */
export class Hindered extends Error {
  /**
   * @param {Hindrance} why
   * @param {Kind} kind
   */
  constructor(why, kind) {
    super(why);
    this.why = why;
    this.kind = kind;
  }
}

const HEAR = { echoCancellation: true, noiseSuppression: true, autoGainControl: true };
const SEE = { width: { ideal: 640 }, height: { ideal: 480 }, frameRate: { ideal: 24, max: 30 }, facingMode: 'user' };
const SHOW = { frameRate: { ideal: 10, max: 15 } };

/** Emits `change` where another device is used or could be, `ended` with the kind that ended by itself. */
export class Devices extends EventTarget {
  /** @type {Map<Kind, MediaStreamTrack>} what is open */
  tracks = new Map();
  /** @type {Record<'audio' | 'video' | 'speaker', string>} chosen devices, where not the usual ones */
  chosen = { audio: '', video: '', speaker: '' };
  /** @type {MediaDeviceInfo[]} */
  list = [];

  #media;

  /** @param {MediaDevices | undefined} [media] */
  constructor(media = globalThis.navigator?.mediaDevices) {
    super();
    this.#media = media;
    media?.addEventListener?.('devicechange', this.#look);
  }

  /** Whether a screen can be shown from here. */
  get screens() {
    return typeof this.#media?.getDisplayMedia === 'function';
  }

  /**
   * Opens what of these is not open; throws {@link Hindered} for the first that cannot be, with the others open.
   * @param {readonly Kind[]} kinds
   */
  async open(kinds) {
    const due = kinds.filter((kind) => !this.tracks.has(kind));
    // One question for both, where both are wanted.
    if (due.length > 1 && !due.includes('screen')) {
      try {
        this.#take(await this.#stream(due));
        return;
      } catch {
        // One by one it shows which of them cannot be had.
      }
    }
    /** @type {unknown} */
    let first = null;
    for (const kind of due) {
      try {
        this.#take(await this.#stream([kind]), kind);
      } catch (error) {
        first ??= error;
      }
    }
    if (first) throw first;
  }

  /**
   * Uses another device from now on.
   * @param {'audio' | 'video' | 'speaker'} kind
   * @param {string} id
   */
  async choose(kind, id) {
    const before = this.chosen[kind];
    this.chosen[kind] = id;
    if (kind !== 'speaker' && this.tracks.has(kind)) {
      try {
        this.#take(await this.#stream([kind]), kind);
      } catch (error) {
        this.chosen[kind] = before;
        throw error;
      }
    }
    this.#changed();
  }

  /** @param {Kind} kind */
  close(kind) {
    const track = this.tracks.get(kind);
    this.tracks.delete(kind);
    if (!track) return;
    track.onended = null;
    track.stop();
    this.#changed();
  }

  closeAll() {
    for (const kind of [...this.tracks.keys()]) this.close(kind);
  }

  /** Lets go of everything, for good. */
  forget() {
    this.closeAll();
    this.#media?.removeEventListener?.('devicechange', this.#look);
  }

  /** @param {readonly Kind[]} kinds */
  async #stream(kinds) {
    const [kind = 'audio'] = kinds;
    const media = this.#media;
    if (!media) throw new Hindered('no_device', kind);
    const by = (/** @type {'audio' | 'video'} */ k, /** @type {MediaTrackConstraints} */ how) =>
      kinds.includes(k) && { ...how, ...(this.chosen[k] ? { deviceId: { exact: this.chosen[k] } } : {}) };
    try {
      return kind === 'screen' ? await media.getDisplayMedia({ video: SHOW, audio: false })
        : await media.getUserMedia({ audio: by('audio', HEAR), video: by('video', SEE) });
    } catch (error) {
      throw new Hindered(hindrance(kind, /** @type {any} */ (error)?.name), kind);
    }
  }

  /**
   * @param {MediaStream} stream
   * @param {Kind} [kind] by the tracks' own, where not given
   */
  #take(stream, kind) {
    for (const track of stream.getTracks()) {
      const is = kind ?? /** @type {Kind} */ (track.kind);
      this.close(is);
      if (is === 'screen') track.contentHint = 'detail';
      track.onended = () => {
        this.close(is);
        this.dispatchEvent(new CustomEvent('ended', { detail: is }));
      };
      this.tracks.set(is, track);
    }
    void this.#look();
  }

  #look = async () => {
    this.list = await this.#media?.enumerateDevices?.().catch(() => this.list) ?? this.list;
    this.#changed();
  };

  #changed() {
    this.dispatchEvent(new Event('change'));
  }
}

/**
 * @param {Kind} kind
 * @param {string | undefined} name of the browser's exception
 * @returns {Hindrance}
 */
function hindrance(kind, name) {
  if (kind === 'screen') return 'not_shared';
  if (name === 'NotAllowedError' || name === 'SecurityError') return 'no_permission';
  return name === 'NotFoundError' || name === 'OverconstrainedError' ? 'no_device' : 'in_use';
}
