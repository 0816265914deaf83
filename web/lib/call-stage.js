// Where a call stands: who rings, who is there, what is asked, and its controls. Both the widget and
// the desk show it; nothing of it ends a call but the button that says so.

import { clock, hindrance, KINDS, othersIn, personIn, sourceOf } from './call-state.js';
import { fill, h, icon, register } from './h.js';

/** @import { Call } from './call.js' */
/** @import { About } from './call-panels.js' */
/** @import { Words } from './i18n.js' */
/** @import { CallPerson, Kind } from './wire.js' */

export const ICONS = {
  phone: 'M6 3h3l2 5-2.5 1.5a12 12 0 0 0 6 6L16 13l5 2v3a3 3 0 0 1-3 3A16 16 0 0 1 3 6a3 3 0 0 1 3-3',
  mic: 'M12 15a3 3 0 0 0 3-3V6a3 3 0 0 0-6 0v6a3 3 0 0 0 3 3M6 12a6 6 0 0 0 12 0M12 18v3',
  cam: 'M4 7h10a1 1 0 0 1 1 1v8a1 1 0 0 1-1 1H4a1 1 0 0 1-1-1V8a1 1 0 0 1 1-1M15 11l6-4v10l-6-4',
  screen: 'M3 5h18v11H3zM8 20h8M12 16v4',
  pause: 'M9 6v12M15 6v12',
  go: 'M8 5l11 7-11 7z',
  settings: 'M4 8h9M19 8h1M4 16h1M11 16h9M16 5.5v5M8 13.5v5',
  larger: 'M9 4H4v5M15 4h5v5M20 15v5h-5M4 15v5h5',
  hang: 'M3 15c5-5.5 13-5.5 18 0l-2.5 2.5-3.5-2v-2.5a12 12 0 0 0-6 0v2.5l-3.5 2z',
};
const OFF = 'M4 4l16 16';
/** How often the clock and the level signs are drawn, in milliseconds. */
const TICK = 300;

/** @typedef {typeof import('./call-panels.js') & { about: About }} Panels */

export class CallStage extends HTMLElement {
  #call;
  #words;
  #get;
  /** @type {Panels | null} */
  #panels = null;
  #tiles;
  #own = h('video', { class: 'own', muted: true, playsinline: true, autoplay: true, 'aria-hidden': 'true' });
  #status = h('p', { class: 'small status', role: 'status' });
  #time = h('span', { class: 'small time', role: 'timer' });
  #card = h('div', { class: 'cards' });
  #settings = h('div', { class: 'settings', popover: 'auto' });
  #controls;
  #buttons;
  #shown = '';
  #stuck = false;
  #had = false;
  #clock = 0;

  /**
   * @param {Call} call
   * @param {Words} words
   * @param {() => Promise<Panels>} panels loads what is asked and told, and its words
   */
  constructor(call, words, panels) {
    super();
    this.#get = panels;
    this.#call = call;
    this.#words = words;
    this.#own.muted = true;
    this.#tiles = new Tiles(call, words, this.#why, () => {
      this.#stuck = true;
      this.draw();
    });
    const button = (/** @type {() => void} */ act) => h('button', { class: 'icon', type: 'button', onclick: act });
    this.#buttons = {
      mic: button(() => call.mute()), cam: button(() => call.turn('video')), screen: button(() => call.turn('screen')),
      hold: button(() => call.hold()), settings: button(() => this.#devices()), hang: button(() => call.hangUp()),
    };
    this.#buttons.hang.className = 'icon hang';
    this.#buttons.settings.popoverTargetElement = this.#settings;
    this.#controls = h('div', { class: 'controls', role: 'group', 'aria-label': words.t('controls') }, ...Object.values(this.#buttons));
  }

  connectedCallback() {
    Object.assign(this, { role: 'region', ariaLabel: this.#words.t('call_place') });
    if (!this.firstChild) {
      fill(this, this.#card, h('div', { class: 'stage' }, this.#tiles.element, this.#own),
        h('div', { class: 'line' }, this.#status, this.#time), this.#controls, this.#settings);
    }
    this.#call.addEventListener('change', this.#later);
    this.#clock = window.setInterval(() => this.#tick(), TICK);
    this.draw();
  }

  disconnectedCallback() {
    this.#call.removeEventListener('change', this.#later);
    clearInterval(this.#clock);
  }

  #due = false;
  /** Changes come in bursts. */
  #later = () => {
    if (!this.#due) setTimeout(() => {
      this.#due = false;
      this.draw();
    });
    this.#due = true;
  };

  draw() {
    const call = this.#call;
    const { active, conversation } = call;
    this.#had ||= this.contains(document.activeElement);
    for (const part of [this.#tiles.element.parentElement, this.#status.parentElement, this.#controls]) if (part) part.hidden = !active;
    if (!active && this.#settings.matches(':popover-open')) this.#settings.hidePopover();
    this.#cards();
    this.#tiles.draw();
    put(this.#own, call.devices.tracks.get('video') ?? null, () => {});
    this.#own.hidden = !active || !call.devices.tracks.has('video');
    if (active) this.#press();
    write(this.#status, active ? this.#say() : '');
    this.#tick();
    // What was pressed is gone: the focus goes to what is to be answered, to the controls once they can be pressed, or to where one writes. That a call is over wants no answer.
    const lost = () => document.activeElement?.matches('body, [hidden] *') ?? true;
    if (this.#had && !conversation.ended && lost()) {
      /** @type {HTMLElement | null} */ (this.#card.querySelector(call.over ? 'h2' : 'h2, button') ?? (active ? this.#buttons.mic : document.querySelector('textarea')))?.focus();
    }
    this.#had &&= lost();
  }

  #press() {
    const { devices, conversation, held, muted, step } = this.#call;
    const { offered } = conversation;
    const dress = (/** @type {'mic' | 'cam' | 'screen' | 'hold' | 'settings' | 'hang'} */ name, /** @type {string} */ key, /** @type {string} */ path, /** @type {boolean | null} */ on) => {
      const button = this.#buttons[name];
      const label = this.#words.t(key);
      if (button.ariaLabel !== label) {
        button.ariaLabel = button.title = label;
        fill(button, icon(path));
      }
      button.disabled = step !== '' && name !== 'hang';
      if (on !== null) button.classList.toggle('on', on);
    };
    const quiet = muted.has('audio');
    const sees = devices.tracks.has('video');
    const shows = devices.tracks.has('screen');
    dress('mic', quiet ? 'mic_on' : 'mic_off', quiet ? ICONS.mic + OFF : ICONS.mic, quiet);
    dress('cam', sees ? 'cam_off' : 'cam_on', sees ? ICONS.cam : ICONS.cam + OFF, false);
    dress('screen', shows ? 'screen_off' : 'screen_on', ICONS.screen + (shows ? 'M9 8l6 5M15 8l-6 5' : 'M12 13V8M9.5 10.5L12 8l2.5 2.5'), shows);
    dress('hold', held ? 'hold_off' : 'hold_on', held ? ICONS.go : ICONS.pause, held);
    dress('settings', 'settings', ICONS.settings, null);
    dress('hang', 'hang_up', ICONS.hang, null);
    this.#buttons.cam.hidden = !offered.includes('video');
    this.#buttons.screen.hidden = !offered.includes('screen') || !devices.screens;
  }

  /** Where it stands, in a sentence. */
  #say() {
    const call = this.#call;
    const words = this.#words;
    const { conversation: { me }, held, muted, peer, phase, step, view } = call;
    if (step === 'opening') return words.t('mic_opening');
    if (call.reconnecting) return words.t('reconnecting');
    if (step || !peer || (peer.state === 'connecting' && phase === 'in')) return words.t('connecting');
    if (phase === 'calling') {
      const rung = view?.people.filter((p) => p.standing === 'ringing').map((p) => nameOf(call, p.participant, words)) ?? [];
      return rung.length ? words.t('calling', { who: rung.join(', ') }) : words.t('calling_nobody');
    }
    if (held) return words.t('you_hold');
    const own = personIn(view, me);
    const waits = KINDS.filter((kind) => call.devices.tracks.has(kind) && sourceOf(own, kind)?.state === 'unagreed');
    if (waits.length) return waits.map((kind) => this.#why(kind)).join(' ');
    if (muted.has('audio')) return words.t('you_muted');
    return words.t(call.devices.tracks.has('screen') ? 'you_show' : 'in_call');
  }

  /** @type {(kind: Kind, whose?: string) => string} why something waits, once that is loaded */
  #why = (kind, whose) => {
    if (!this.#panels) void this.#load();
    return this.#panels?.why(this.#call, this.#words, kind, whose) ?? '';
  };

  #tick() {
    const { peer, since } = this.#call;
    write(this.#time, since ? clock(Date.now() - since) : '');
    if (peer && document.visibilityState === 'visible') void this.#tiles.listen();
  }

  /** What is to be answered or put away; built anew only for another reason, so that focus stays. */
  #cards() {
    const call = this.#call;
    const { active, asked, asking, conversation: { offered }, over, phase, trouble } = call;
    const more = asking || asked || trouble || over || this.#stuck || (!active && phase !== 'none');
    const now = JSON.stringify([active, phase, asking && [asking.kinds, asking.sent], asked, trouble, over, this.#stuck, !more || Boolean(this.#panels), offered]);
    if (now === this.#shown) return;
    this.#shown = now;
    if (more && !this.#panels) void this.#load();
    fill(this.#card, more && this.#panels?.cards(call, this.#words, this.#panels.about),
      this.#stuck && active && this.#panels?.silent(this.#words, () => {
        this.#stuck = false;
        this.#tiles.play();
        this.draw();
      }));
    this.hidden = !active && this.#card.childElementCount === 0;
    if (asking && !asking.sent) this.#card.querySelector('h2')?.focus();
  }

  async #load() {
    this.#panels = await this.#get();
    this.draw();
  }

  async #devices() {
    if (!this.#panels) await this.#load();
    fill(this.#settings, this.#panels?.settings(this.#call, this.#words, () => this.#settings.hidePopover()));
  }
}

/** One person, or one screen. */
class Tile {
  #video = h('video', { muted: true, playsinline: true, autoplay: true });
  #audio = h('audio', { autoplay: true });
  #name = h('span', { class: 'name', dir: 'auto' });
  #again;
  #level = h('span', { class: 'level', 'aria-hidden': 'true' }, h('i'), h('i'), h('i'));
  #state = h('span', { class: 'state' });
  #larger;
  element;

  /**
   * @param {Words} words
   * @param {() => void} again
   */
  constructor(words, again) {
    this.#video.muted = true;
    this.#again = h('button', { type: 'button', onclick: again }, words.t('ask_again'));
    const larger = words.t('larger');
    this.#larger = h('button', { class: 'plain icon larger', type: 'button', 'aria-label': larger, title: larger,
      onclick: () => void this.#video.requestFullscreen?.().catch(() => {}) }, icon(ICONS.larger));
    this.element = h('figure', { class: 'tile' }, this.#video, this.#audio,
      h('figcaption', null, this.#name, this.#level, this.#state), this.#again, this.#larger);
  }

  /**
   * @param {{ name: string, state: string, picture: MediaStreamTrack | null, sound: MediaStreamTrack | null, quiet: boolean, screen: boolean, speaker: string, refused: boolean }} is
   * @param {() => void} stuck the browser does not begin to play by itself
   */
  show({ name, state, picture, sound, quiet, screen, speaker, refused }, stuck) {
    put(this.#video, picture, () => {});
    put(this.#audio, sound, stuck);
    this.#audio.muted = quiet;
    if ((/** @type {any} */ (this.#audio).sinkId ?? '') !== speaker) void /** @type {any} */ (this.#audio).setSinkId?.(speaker).catch(() => {});
    this.#video.hidden = !picture;
    this.#again.hidden = !refused;
    this.#larger.hidden = !screen || !picture || !document.fullscreenEnabled;
    this.element.classList.toggle('screen', screen);
    this.element.classList.toggle('seen', picture !== null);
    write(this.#name, name);
    write(this.#state, state);
    this.#level.hidden = !sound || state !== '';
  }

  play() {
    void this.#audio.play().catch(() => {});
  }

  /** @param {number} level from 0 to 3 */
  set level(level) {
    this.#level.dataset.level = String(level);
  }
}

class Tiles {
  element = h('div', { class: 'tiles' });
  #call;
  #words;
  #why;
  #stuck;
  /** @type {Map<string, Tile>} */
  #tiles = new Map();

  /**
   * @param {Call} call
   * @param {Words} words
   * @param {(kind: Kind, whose: string) => string} why something waits
   * @param {() => void} stuck the browser does not begin to play by itself
   */
  constructor(call, words, why, stuck) {
    this.#call = call;
    this.#words = words;
    this.#why = why;
    this.#stuck = stuck;
  }

  draw() {
    const { conversation, view } = this.#call;
    const others = othersIn(view, conversation.me);
    const rung = view?.people.filter((p) => p.participant !== conversation.me && p.standing === 'ringing') ?? [];
    /** @type {string[]} */
    const keys = [];
    const screens = others.filter((p) => sourceOf(p, 'screen'));
    for (const person of screens) keys.push(this.#show(person, 'screen'));
    for (const person of [...others, ...rung]) keys.push(this.#show(person, 'video'));
    for (const [key, tile] of this.#tiles) {
      if (keys.includes(key)) continue;
      tile.element.remove();
      this.#tiles.delete(key);
    }
    keys.forEach((key, i) => {
      const element = this.#tiles.get(key)?.element;
      if (element && this.element.children[i] !== element) this.element.insertBefore(element, this.element.children[i] ?? null);
    });
    this.element.dataset.count = String(keys.length);
    this.element.classList.toggle('shows', screens.length > 0);
  }

  /** Begins to play, from something that a person has pressed. */
  play() {
    for (const tile of this.#tiles.values()) tile.play();
  }

  /** Shows how loud each of the others is just now. */
  async listen() {
    const { peer } = this.#call;
    for (const [key, tile] of this.#tiles) {
      const report = await peer?.receiver(key.split('/')[0] ?? '', 'audio')?.getStats();
      let loud = 0;
      report?.forEach((stat) => { if (stat.type === 'inbound-rtp') loud = stat.audioLevel ?? 0; });
      tile.level = loud < 0.01 ? 0 : loud < 0.06 ? 1 : loud < 0.2 ? 2 : 3;
    }
  }

  /**
   * @param {CallPerson} person
   * @param {'video' | 'screen'} kind
   */
  #show(person, kind) {
    const { declined, devices, held, peer } = this.#call;
    const key = `${person.participant}/${kind}`;
    let tile = this.#tiles.get(key);
    if (!tile) this.#tiles.set(key, tile = new Tile(this.#words, () => this.#call.reconsider()));
    const track = (/** @type {Kind} */ of) =>
      (sourceOf(person, of)?.state === 'live' ? peer?.receiver(person.participant, of)?.track ?? null : null);
    const who = nameOf(this.#call, person.participant, this.#words);
    const refused = KINDS.some((k) => (k === 'screen') === (kind === 'screen') && declined.has(k) && sourceOf(person, k)?.state === 'unagreed');
    tile.show({
      name: kind === 'screen' ? this.#words.t('screen_of', { who }) : who, state: this.#state(person, kind), refused, picture: track(kind),
      sound: kind === 'screen' ? null : track('audio'), quiet: held, screen: kind === 'screen', speaker: devices.chosen.speaker,
    }, this.#stuck);
    return key;
  }

  /**
   * @param {CallPerson} person
   * @param {'video' | 'screen'} kind
   */
  #state(person, kind) {
    const words = this.#words;
    const places = { who: nameOf(this.#call, person.participant, words) };
    if (person.standing !== 'in') return words.t(`s_${person.standing}`, places);
    if (person.held) return words.t('holds_you', places);
    for (const of of /** @type {Kind[]} */ (kind === 'screen' ? ['screen'] : ['audio', 'video'])) {
      const state = hindrance(sourceOf(person, of)?.state);
      if (state === 'muted' && of !== 'video') return words.t('muted');
      if (state === 'unagreed') return this.#why(of, person.participant);
    }
    return '';
  }
}

/**
 * @param {Call} call
 * @param {string | null} participant
 * @param {Words} words
 */
export function nameOf({ conversation }, participant, words) {
  if (participant === conversation.me) return words.t('you');
  const name = conversation.nameOf(participant) || words.t(conversation.people.get(participant ?? '')?.role === 'visitor' ? 'visitor' : 'the_others');
  return `\u2068${name}\u2069`;
}

/**
 * Gives an element a track to play, where it is another than it has.
 * @param {HTMLMediaElement} element
 * @param {MediaStreamTrack | null} track
 * @param {() => void} stuck
 */
function put(element, track, stuck) {
  const now = /** @type {MediaStream | null} */ (element.srcObject)?.getTracks()[0] ?? null;
  if (now === track) return;
  element.srcObject = track && new MediaStream([track]);
  if (track) void element.play().catch((/** @type {Error} */ error) => error.name === 'NotAllowedError' && stuck());
}

/**
 * @param {Element} element
 * @param {string} text
 */
function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

register('vestibule-call', CallStage);
