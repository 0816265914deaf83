// The middle column: the conversation in front, or what will appear there.

import { CallStage, ICONS as CALL_ICONS } from '../lib/call-stage.js';
import { fill, h, icon, register } from '../lib/h.js';
import { Composer } from './composer.js';
import { say } from './keyed.js';
import { asNoticesSay, refusal, words } from './language.js';
import { modalities, recordedSign } from './queue-list.js';
import { TalkLog } from './talk-log.js';

/** @import { Kind, QueueEntry } from '../lib/wire.js' */
/** @import { Desk } from './desk.js' */
/** @import { Talk } from './talk.js' */

/** @typedef {'back' | 'facts' | 'invite' | 'transfer' | 'leave' | 'end'} Deed */

const ICONS = {
  back: 'M19 12H5M12 19l-7-7 7-7',
  facts: 'M12 16v-5M12 8h.01M21 12a9 9 0 1 1-18 0 9 9 0 0 1 18 0',
  invite: 'M15 20c0-3-3-5-6-5s-6 2-6 5M9 11a4 4 0 1 0 0-8 4 4 0 0 0 0 8M19 8v6M22 11h-6',
  transfer: 'M17 3l4 4-4 4M21 7H9M7 21l-4-4 4-4M3 17h12',
  call: CALL_ICONS.phone,
  call_video: CALL_ICONS.cam,
  leave: 'M9 21H5a2 2 0 0 1-2-2V5a2 2 0 0 1 2-2h4M16 17l5-5-5-5M21 12H9',
};

export class TalkView extends HTMLElement {
  #title = h('h2', { class: 'who', dir: 'auto', tabindex: '-1' });
  #sign = h('span');
  #away = h('span', { class: 'small soft' });
  #buttons;
  #doors;
  #header;
  // Whoever was writing when the field went stands here, where a letter is no key.
  #notice = h('div', { class: 'notice', role: 'status', tabindex: '-1', 'data-quiet': '' });
  /** Every conversation's call, of which one is shown; what is heard of the others goes on. */
  #calls = h('div', { class: 'calls' });
  /** @type {Map<Talk, HTMLElement>} */
  #stages = new Map();
  #log = new TalkLog(() => this.#see());
  #composer = new Composer();
  #other = h('div', { class: 'place' });
  /** @type {Desk | null} */
  #desk = null;
  /** @type {Talk | null} */
  #talk = null;
  #shown = '';

  /** @param {(deed: Deed) => void} act */
  constructor(act) {
    super();
    const tool = (/** @type {Exclude<Deed, 'end'>} */ deed) => h('button', {
      class: `plain icon ${deed}`, 'aria-label': words.t(`do_${deed}`), title: words.t(`do_${deed}`), onclick: () => act(deed),
    }, icon(ICONS[deed]));
    const ring = (/** @type {'call' | 'call_video'} */ key, /** @type {Kind[]} */ kinds) => h('button', {
      class: `plain icon ${key}`, 'aria-label': words.t(key), title: words.t(key), onclick: () => this.#talk?.call.begin(kinds),
    }, icon(ICONS[key]));
    this.#doors = { audio: ring('call', ['audio']), video: ring('call_video', ['audio', 'video']) };
    this.#buttons = {
      invite: tool('invite'), transfer: tool('transfer'), leave: tool('leave'),
      end: h('button', { class: 'stop', onclick: () => act('end') }, words.t('do_end')),
    };
    this.#header = h('header', null, tool('back'),
      h('div', { class: 'heading' }, this.#title, h('p', null, this.#sign, this.#away)),
      h('div', { class: 'tools' }, ...Object.values(this.#doors), ...Object.values(this.#buttons)), tool('facts'));
    fill(this, this.#header, this.#notice, this.#calls, this.#log, this.#composer, this.#other);
    for (const event of ['focus', 'visibilitychange']) window.addEventListener(event, () => this.#see(), true);
  }

  /** Puts the cursor where the agent writes. */
  reply() {
    this.#composer.enter();
  }

  /** @param {Desk} desk */
  show(desk) {
    this.#desk = desk;
    const entry = desk.selected ? desk.entry(desk.selected) : null;
    const talk = this.#talk = desk.selected ? desk.talks.get(desk.selected) ?? null : null;
    this.#header.hidden = !talk && !entry;
    for (const part of [this.#log, this.#notice]) part.hidden = !talk;
    const wrote = this.#composer.contains(document.activeElement);
    this.#composer.hidden = !talk || talk.over || talk.lost;
    this.#other.hidden = Boolean(talk);
    if (talk || entry) this.#head(talk, entry);
    this.#stand(desk, talk);
    if (talk) {
      this.#notify(talk);
      this.#log.show(talk);
      this.#composer.show(talk);
      if (wrote && this.#composer.hidden) this.#notice.focus();
      this.#see();
    } else {
      this.#elsewhere(entry);
    }
  }

  /**
   * Shows the call of the conversation in front.
   * @param {Desk} desk
   * @param {Talk | null} front
   */
  #stand(desk, front) {
    // Of a conversation that is over, nothing that names anybody stays.
    const talks = [...desk.talks.values()].filter((talk) => !talk.over);
    for (const [talk, stage] of this.#stages) {
      if (talks.includes(talk)) continue;
      stage.remove();
      this.#stages.delete(talk);
    }
    for (const talk of talks) {
      let stage = this.#stages.get(talk);
      if (!stage && talk.conversation.calls) {
        stage = h('div', null, new CallStage(talk.call, words, async () => ({ ...await import('../lib/call-panels.js'), about: () => about(desk, talk) })));
        this.#stages.set(talk, stage);
        this.#calls.append(stage);
      }
      if (stage) stage.hidden = talk !== front;
    }
  }

  /**
   * @param {Talk | null} talk
   * @param {QueueEntry | null} entry
   */
  #head(talk, entry) {
    say(this.#title, talk?.visitor || entry?.visitor || words.t('visitor'));
    recordedSign(this.#sign, entry ? entry.recorded : !talk?.conversation.unrecorded, talk?.over && !entry, talk?.conversation.call);
    const visitor = [...talk?.conversation.people.values() ?? []].find((p) => p.role === 'visitor');
    const online = talk?.connection.state === 'open' ? visitor?.online : this.#desk?.online ? entry?.online : undefined;
    say(this.#away, talk?.over || online === undefined ? '' : words.t(online ? 'present' : 'away'));
    const open = talk?.connection.state === 'open' && !talk.over;
    const busy = [...this.#desk?.talks.values() ?? []].some((other) => other.call.active);
    for (const [kind, button] of Object.entries(this.#doors)) {
      const offered = talk?.conversation.offered.includes('audio') && talk.conversation.offered.includes(/** @type {Kind} */ (kind));
      button.hidden = !talk || talk.over || talk.lost || !offered || busy || talk.call.phase !== 'none';
      button.disabled = !open;
    }
    for (const [deed, button] of Object.entries(this.#buttons)) {
      button.hidden = !talk || talk.over || talk.lost || (deed === 'leave' && talk.conversation.agents.length < 2);
      button.disabled = !open;
    }
  }

  /** @param {Talk} talk */
  #notify(talk) {
    const { connection, conversation } = talk;
    /** @type {string[]} */
    const told = [];
    /** @type {[string, () => void] | null} */
    let offer = null;
    const away = () => this.#desk?.putAway(talk.session);
    const entry = this.#desk?.entry(talk.session);
    const elsewhere = talk.left && entry && !entry.offer && !conversation.ended;
    if (elsewhere) {
      told.push(refusal('superseded'));
      offer = [words.t('take_back'), () => this.#desk?.accept(entry)];
    } else if (talk.over) {
      told.push(...ending(talk));
      offer = [words.t('put_away'), away];
    } else if (connection.state === 'closed' && connection.code === 'superseded' && !talk.forgotten) {
      told.push(refusal('superseded'));
      offer = [words.t('take_back'), () => connection.start()];
    } else if (talk.held) {
      told.push(...entry ? [words.t('recorded_again')] : [refusal('recording_unavailable', conversation), words.t('held')]);
      offer = [words.t(entry ? 'take_up' : 'try_now'), () => connection.start()];
    } else if (connection.state === 'closed') {
      told.push(talk.forgotten ? youLeft(talk) : refusal(connection.code ?? 'internal', conversation));
      offer = entry && !talk.forgotten ? [words.t('take_up'), () => this.#desk?.accept(entry)] : [words.t('put_away'), away];
    } else if (connection.state === 'retrying') {
      told.push(words.t(conversation.unrecorded ? 'retrying_unrecorded' : 'retrying'));
      offer = [words.t('try_now'), () => connection.start()];
    } else if (connection.code) {
      told.push(connection.code === 'already_taken' ? words.t('colleague_there') : refusal(connection.code, conversation));
      offer = [words.t('close'), () => {
        connection.code = null;
        this.#notify(talk);
      }];
    }
    if (talk.forgotten && !elsewhere) told.push(words.t('words_gone'));
    if (talk.unsent > 0) told.push(words.t('unsent', { n: talk.unsent }));
    if (talk.begun) told.push(words.t('begun'));
    if (conversation.damaged) told.push(words.t('damaged'));
    if (conversation.unreadable > 0) told.push(words.t('unreadable', { n: conversation.unreadable }));
    const now = [talk.session, ...told, offer?.[0]].join('\n');
    if (now === this.#shown) return;
    this.#shown = now;
    fill(this.#notice, told.map((text) => h('p', null, text)), offer && h('button', { onclick: offer[1] }, offer[0]));
  }

  /**
   * What stands here while no conversation is open.
   * @param {QueueEntry | null} entry
   */
  #elsewhere(entry) {
    const desk = this.#desk;
    const now = entry ? `${entry.session} ${entry.offer?.kind} ${desk?.accepting.has(entry.session)}` : `none ${desk?.queue === null}`;
    if (now === this.#other.dataset.now) return;
    this.#other.dataset.now = now;
    if (!entry || !desk) {
      fill(this.#other, h('p', { class: 'soft' }, words.t(desk?.queue ? 'nothing_open' : 'loading')),
        desk?.queue ? h('p', { class: 'small soft' }, words.t('nothing_open_keys')) : null);
      return;
    }
    const offer = entry.offer;
    const about = !offer ? words.t('not_open_here_long')
      : offer.kind === 'waiting' ? words.t('waits_for_you', { site: entry.site_name, how: modalities(entry.modalities) })
      : words.t(`offer_${offer.kind}_long`, { by: offer.by });
    fill(this.#other, h('p', null, about),
      entry.recorded ? h('p', { class: 'small soft' }, words.t('accept_recorded')) : null,
      h('button', { class: 'primary', disabled: desk.accepting.has(entry.session), onclick: () => desk.accept(entry) },
        words.t(offer ? 'accept' : 'take_up')));
  }

  /** Tells the others what has been on the screen, if it has. */
  #see() {
    const talk = this.#talk;
    if (!talk || !this.isConnected) return;
    if (this.#log.atEnd && document.visibilityState === 'visible' && document.hasFocus()) talk.seen();
  }
}

/**
 * What an agent is told of the record before agreeing to more of it.
 * @param {Desk} desk
 * @param {Talk} talk
 */
function about(desk, talk) {
  const entry = desk.entry(talk.session);
  const kept = entry && words.t('kept_for', { min: asNoticesSay(entry.minimum_days), max: asNoticesSay(entry.maximum_days) });
  return [h('p', null, words.t('recorded_call')),
    h('p', { class: 'small soft' }, kept, kept && ' · ', words.t('fact_notice'), ' ', h('code', { title: talk.notice }, talk.notice.slice(0, 12)))];
}

/**
 * How it ended, and what stays.
 * @param {Talk} talk
 */
function ending(talk) {
  const { ended, unrecorded } = talk.conversation;
  if (!ended) return [talk.left ? youLeft(talk) : refusal('session_ended', talk.conversation)];
  const kept = unrecorded ? words.t('kept_nothing')
    : ended.keep_min !== null && ended.keep_max !== null
      ? words.t('kept_until', { min: words.day(ended.keep_min), max: words.day(ended.keep_max) }) : words.t('kept_sealed');
  return [words.t('over', { at: words.time(ended.at) }), kept];
}

/** @param {Talk} talk */
function youLeft({ conversation }) {
  return words.t(conversation.unrecorded ? 'you_left_unrecorded' : 'you_left');
}

register('desk-talk', TalkView);
