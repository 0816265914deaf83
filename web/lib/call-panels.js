// What a call has to ask and to tell beside itself; loaded when there is something.

import { withdrawnBy } from './call-notes.js';
import { KINDS, missedIn, othersIn } from './call-state.js';
import { nameOf } from './call-stage.js';
import { h } from './h.js';

/** @import { Call } from './call.js' */
/** @import { Child } from './h.js' */
/** @import { Words } from './i18n.js' */
/** @import { CallOver, Kind } from './wire.js' */

/**
 * What the page around knows of the notice.
 * @typedef {(kinds: readonly Kind[]) => Child[]} About
 */

/**
 * What is asked or told just now.
 * @param {Call} call
 * @param {Words} words
 * @param {About} about
 * @returns {Child[]}
 */
export function cards(call, words, about) {
  const { active, asked, asking, over, phase, trouble } = call;
  const again = phase === 'none' && !call.conversation.ended && !active;
  return [
    asking ? consent(call, words, about, asking.kinds, null) : asked && consent(call, words, about, [asked.kind], asked.participant),
    trouble && note(call, words, troubled(words, trouble), again),
    !asking && !active && incoming(call, words),
    over && !call.conversation.ended && !trouble && !asking && note(call, words, ended(call, words, over), again && over.reason !== 'hung_up'),
  ];
}

/**
 * @param {Words} words
 * @param {() => void} play
 */
export function silent(words, play) {
  return h('div', { class: 'card', role: 'alert' }, h('p', null, words.t('no_sound')),
    h('div', { class: 'acts' }, h('button', { class: 'primary', type: 'button', onclick: play }, words.t('let_sound'))));
}

/**
 * Why something waits: who has not agreed to it, and who did and has withdrawn.
 * @param {Call} call
 * @param {Words} words
 * @param {Kind} kind
 * @param {string} [whose] another's
 */
export function why(call, words, kind, whose) {
  const { conversation, view } = call;
  if (whose && !conversation.modalities.includes(kind)) return words.t(`unagreed_${kind}`, { who: nameOf(call, whose, words) });
  const by = withdrawnBy(conversation.items, othersIn(view, conversation.me), kind);
  const first = by && words.has(`n_withdrew_${kind}`) ? `${words.t(`n_withdrew_${kind}`, { who: nameOf(call, by, words) })}. ` : '';
  return first + words.t(`${whose ? 'agreed' : 'waits'}_${kind}`, { who: nameOf(call, whose ?? null, words) });
}

/**
 * Which devices are used, and what was agreed to.
 * @param {Call} call
 * @param {Words} words
 * @param {() => void} close
 * @returns {Child[]}
 */
export function settings(call, words, close) {
  const { conversation, devices } = call;
  const choices = /** @type {const} */ ([['audio', 'audioinput'], ['video', 'videoinput'], ['speaker', 'audiooutput']]);
  return [...choices.map(([kind, type]) => {
    const list = devices.list.filter((d) => d.kind === type && d.deviceId !== '' && d.deviceId !== 'default');
    if (!list.length || (kind === 'speaker' && !('setSinkId' in HTMLMediaElement.prototype))) return null;
    return h('label', null, words.t(`device_${kind}`), h('select', { onchange: (/** @type {any} */ event) => call.choose(kind, event.target.value) },
      h('option', { value: '' }, words.t('usual')),
      ...list.map((d, i) => h('option', { value: d.deviceId, selected: devices.chosen[kind] === d.deviceId }, d.label || words.t('device', { n: i + 1 })))));
  }), ...KINDS.filter((kind) => conversation.modalities.includes(kind)).map((kind) => h('button', { class: 'plain', type: 'button', onclick: () => {
    close();
    call.withdraw(kind);
  } }, words.t(`withdraw_${kind}`)))];
}

/**
 * A call that rings here, or runs without this page.
 * @param {Call} call
 * @param {Words} words
 */
function incoming(call, words) {
  const { conversation, phase, view } = call;
  if (!view || phase === 'none') return null;
  const act = (/** @type {string} */ key, /** @type {() => void} */ onclick, /** @type {string} */ look) =>
    h('button', { class: look, type: 'button', onclick }, words.t(key));
  if (phase !== 'ringing') {
    return h('div', { class: 'card' }, h('p', null, words.t(phase === 'away' ? 'was_in' : 'going_on')),
      h('div', { class: 'acts' }, act(phase === 'away' ? 'go_back' : 'join', () => call.begin(), 'primary')));
  }
  return h('div', { class: 'card ring', role: 'alert' },
    h('h2', { tabindex: -1 }, words.t('incoming', { who: nameOf(call, view.by, words) })),
    h('div', { class: 'acts' }, act('answer', () => call.begin(), 'primary'),
      conversation.offered.includes('video') && act('answer_video', () => call.begin(['audio', 'video']), ''),
      act('decline_call', () => call.decline(), 'stop')));
}

/**
 * What is to be agreed to, before it is used or seen.
 * @param {Call} call
 * @param {Words} words
 * @param {About} about
 * @param {readonly Kind[]} kinds
 * @param {string | null} whose another's, where they and not this participant would begin it
 */
function consent(call, words, about, kinds, whose) {
  const { active, conversation, phase } = call;
  const sent = call.asking?.sent ?? false;
  const kind = kinds.at(-1) ?? 'audio';
  const go = whose ? `theirs_${kind}` : active ? kind
    : { ringing: 'answer', away: 'join', out: 'join' }[/** @type {string} */ (phase)] ?? 'call';
  return h('div', { class: 'card consent', role: 'group', 'aria-labelledby': 'consent-title' },
    h('h2', { id: 'consent-title', tabindex: -1 }, words.t(whose ? `ask_theirs_${kind}` : `ask_${active ? kind : 'call'}`, { who: nameOf(call, whose, words) })),
    h('ul', null, whose ? h('li', null, words.t('what_theirs')) : kinds.map((k) => h('li', null, words.t(`what_${k}`)))),
    conversation.recording ? about(kinds) : h('p', null, words.t('not_recorded_call')),
    h('p', { class: 'small soft' }, words.t('withdraw_any')),
    h('div', { class: 'acts' },
      h('button', { class: 'primary', type: 'button', disabled: sent, onclick: () => call.agree() }, words.t(sent ? 'agreeing' : `agree_${go}`)),
      h('button', { type: 'button', onclick: () => (phase === 'ringing' ? call.decline() : call.refuse()) }, words.t('no'))));
}

/**
 * @param {Words} words
 * @param {NonNullable<Call['trouble']>} trouble
 */
function troubled(words, { code, kind }) {
  return words.t([`t_${code}_${kind}`, `t_${code}`].find((key) => words.has(key)) ?? 't_internal');
}

/**
 * @param {Call} call
 * @param {Words} words
 * @param {CallOver} over
 */
function ended(call, words, over) {
  const { by, lasted_ms, reason } = over;
  const { caller, conversation: { me } } = call;
  if (missedIn(over, caller, me)) return words.t(reason === 'busy' ? 'missed_busy' : 'missed', { who: nameOf(call, caller, words) });
  if (reason === 'hung_up' && lasted_ms > 0) return words.t('call_ended', { time: words.duration(lasted_ms) });
  return words.t(`over_${reason}`, { who: nameOf(call, by, words) });
}

/**
 * @param {Call} call
 * @param {Words} words
 * @param {string} text
 * @param {boolean} again whether to call again is of use
 */
function note(call, words, text, again) {
  return h('div', { class: 'card', role: 'alert' }, h('p', null, text), h('div', { class: 'acts' },
    again && h('button', { type: 'button', onclick: () => call.begin() }, words.t('call_again')),
    h('button', { class: 'away', type: 'button', onclick: () => call.dismiss() }, words.t('close_call'))));
}
