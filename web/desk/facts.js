// The right column: what is known. An address is never among it.

import { fill, h, register } from '../lib/h.js';
import { words } from './language.js';
import { modalities, recordedSign } from './queue-list.js';

/** @import { Child } from '../lib/h.js' */
/** @import { Desk } from './desk.js' */

export class Facts extends HTMLElement {
  #shown = '';
  #list = h('dl');
  #empty = h('p', { class: 'soft' }, words.t('facts_empty'));
  #close = h('button', { class: 'plain close' }, words.t('close'));

  /** @param {() => void} onClose */
  constructor(onClose) {
    super();
    this.#close.addEventListener('click', onClose);
    fill(this, h('section', { 'aria-labelledby': 'facts-title' },
      h('h2', { id: 'facts-title' }, words.t('facts'), this.#close), this.#empty, this.#list));
  }

  /** @param {Desk} desk */
  show(desk) {
    const session = desk.selected;
    const talk = session ? desk.talks.get(session) : undefined;
    const entry = session ? desk.entry(session) : null;
    this.#empty.hidden = Boolean(talk || entry);
    this.#list.hidden = !talk && !entry;
    /** @type {[string, Child[]][]} */
    const facts = [];
    const recorded = entry ? entry.recorded : talk?.conversation.recording !== null;
    const sign = h('span');
    recordedSign(sign, recorded);
    facts.push(['fact_recording', [sign]]);
    if (entry && recorded) {
      facts.push(['fact_kept', [words.t('kept_days', { min: entry.minimum_days, max: entry.maximum_days })]]);
    }
    const agreed = talk?.conversation.modalities.length ? talk.conversation.modalities : entry?.modalities ?? [];
    facts.push(['fact_agreed', [modalities(entry?.modalities ?? agreed)]]);
    if (entry) {
      facts.push(['fact_notice', [h('code', { title: entry.notice }, entry.notice.slice(0, 12))]]);
      facts.push(['fact_site', [h('span', { dir: 'auto' }, entry.site_name)]]);
      facts.push([entry.offer ? 'fact_waits' : 'fact_since', [h('time', {
        datetime: new Date(entry.since).toISOString(), title: words.exact(entry.since),
      }, `${words.time(entry.since)} · ${words.duration(Date.now() - entry.since)}`)]]);
    }
    if (talk) facts.push(['fact_people', [h('ul', null, ...people(talk.conversation))]]);
    else if (entry) facts.push(['fact_visitor', [words.t(entry.online ? 'present' : 'away')]]);
    facts.push(['fact_address', [words.t('no_address')]]);
    facts.push(['fact_session', [h('code', null, session ?? '')]]);

    const list = facts.map(([key, value]) => h('div', null, h('dt', { class: 'small soft' }, words.t(key)), h('dd', null, ...value)));
    const now = list.map((item) => item.textContent).join('\n');
    if (now === this.#shown) return;
    this.#shown = now;
    fill(this.#list, list);
  }
}

/** @param {import('../lib/conversation.js').Conversation} conversation */
function people(conversation) {
  return [...conversation.people.values()]
    .filter((p) => p.role === 'visitor' || conversation.agents.includes(p))
    .map((p) => h('li', null,
      h('span', { dir: 'auto' }, p.name || words.t('visitor')), ' ',
      h('span', { class: 'small soft' }, p.participant === conversation.me ? words.t('you')
        : `${words.t(`role_${p.role}`)} · ${words.t(p.online ? 'present' : 'away')}`)));
}

register('desk-facts', Facts);
