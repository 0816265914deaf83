// The right column: what is known. An address is never among it.

import { fill, h, register } from '../lib/h.js';
import { asNoticesSay, inDays, words } from './language.js';
import { modalities, recordedSign } from './queue-list.js';

/** @import { Verdict } from '../lib/call-quality.js' */
/** @import { Child } from '../lib/h.js' */
/** @import { Desk } from './desk.js' */
/** @import { Talk } from './talk.js' */

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
    const recorded = entry ? entry.recorded : !talk?.conversation.unrecorded;
    const sign = h('span');
    const over = talk?.over ?? false;
    recordedSign(sign, recorded, over && !entry, talk?.conversation.call);
    facts.push(['fact_recording', [sign]]);
    if (entry && recorded) {
      const places = (/** @type {(days: number) => string} */ say) => ({ min: say(entry.minimum_days), max: say(entry.maximum_days) });
      facts.push(['fact_kept', [h('span', { title: words.t('kept_for', places(inDays)) }, words.t('kept_for', places(asNoticesSay)))]]);
    }
    const agreed = talk?.conversation.modalities.length ? talk.conversation.modalities : entry?.modalities ?? [];
    facts.push(['fact_agreed', [modalities(entry?.modalities ?? agreed)]]);
    if (entry) {
      facts.push(['fact_notice', [h('code', { title: entry.notice }, entry.notice.slice(0, 12))]]);
      facts.push(['fact_site', [h('span', { dir: 'auto' }, entry.site_name)]]);
      if (!over) facts.push([entry.offer ? 'fact_waits' : 'fact_since', [h('time', {
        datetime: new Date(entry.since).toISOString(), title: words.exact(entry.since),
      }, `${words.time(entry.since)} · ${words.duration(Date.now() - entry.since)}`)]]);
    }
    const [first, last] = [talk?.conversation.items.at(0), talk?.conversation.items.at(-1)];
    if (over && first && last) {
      facts.push(['fact_lasted', [h('time', { datetime: new Date(first.at).toISOString(), title: words.exact(first.at) }, words.time(first.at)),
        '–', h('time', { datetime: new Date(last.at).toISOString(), title: words.exact(last.at) }, words.time(last.at)),
        ` · ${words.duration(last.at - first.at)}`]]);
    }
    if (talk?.quality) facts.push(['fact_call', [quality(talk.quality)]]);
    if (talk) facts.push([over ? 'fact_were' : 'fact_people', [h('ul', null, ...people(talk))]]);
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

/**
 * How good the call's connection is, and why not better.
 * @param {Verdict} verdict
 */
function quality({ level, why }) {
  const reasons = why.map(({ key, n }) => words.t(`quality_${key}`, { n })).join(', ');
  return words.t(`quality_${level}`) + (reasons && `: ${reasons}`);
}

/**
 * Who is in it; once it is over, who was, and nothing of where they are now.
 * @param {Talk} talk
 */
function people({ connection, conversation, over }) {
  const there = [...conversation.people.values()].filter((p) => over || p.role === 'visitor' || conversation.agents.includes(p));
  // Whoever came back by another tab was there once.
  const others = new Map(there.map((p) => [over && p.participant !== conversation.me ? `${p.role} ${p.name}` : p.participant, p]));
  return [...others.values()]
    .map((p) => {
      const role = p.participant === conversation.me ? words.t('you') : p.name ? words.t(`role_${p.role}`) : '';
      const where = over || connection.state !== 'open' || p.participant === conversation.me ? '' : words.t(p.online ? 'present' : 'away');
      return h('li', null, h('span', { dir: 'auto' }, p.name || words.t('visitor')), ' ',
        h('span', { class: 'small soft' }, [role, where].filter(Boolean).join(' · ')));
    });
}

register('desk-facts', Facts);
