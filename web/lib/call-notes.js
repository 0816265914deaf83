// What happened in and about calls, as a log tells it; loaded when there is something.

import { fill, h } from './h.js';

/** @import { Child } from './h.js' */
/** @import { Words } from './i18n.js' */
/** @import { Item } from './model.js' */
/** @import { CallEvent, CallPerson, Kind } from './wire.js' */

/** So many in a row stand each by itself. */
const FEW = 2;

/**
 * What happened in and about a call, as one line. Empty where it needs none: that sound goes with the call is said by joining it.
 * @param {Words} words that know the notes' strings
 * @param {CallEvent} what
 * @param {string} who
 * @returns {string}
 */
export function callLine(words, what, who) {
  if (what.k === 'call_over' && what.lasted_ms > 0) return words.t('n_call_over', { time: words.duration(what.lasted_ms) });
  const key = keyOf(what);
  return words.has(key) ? words.t(key, { who }) : '';
}

/** @param {CallEvent} what */
function keyOf(what) {
  switch (what.k) {
    case 'agreed':
    case 'withdrew': return `n_${what.k}_${what.modality}`;
    case 'declined': return `n_declined_${what.reason}`;
    case 'added':
    case 'removed': return `n_${what.k}_${what.kind}`;
    case 'muted': return `n_${what.on ? '' : 'un'}muted_${what.kind}`;
    case 'held': return `n_${what.on ? '' : 'un'}held`;
    case 'call_over': return 'n_call_over_never';
    default: return `n_${what.k}`;
  }
}

/**
 * Who of these has withdrawn consent to this, and not agreed again.
 * @param {readonly Item[]} items
 * @param {readonly CallPerson[]} people
 * @param {Kind} kind
 */
export function withdrawnBy(items, people, kind) {
  const last = (/** @type {string} */ by) => items.findLast(({ participant, what }) => participant === by && what && 'modality' in what && what.modality === kind);
  return people.find(({ participant }) => last(participant)?.what?.k === 'withdrew')?.participant;
}

/**
 * What sources do in a call is folded where it is much in a row. Its beginning and its end are not, and neither is
 * anything that was said, agreed to or withdrawn, or who came and went.
 * @param {readonly Item[]} items those that have a line
 * @returns {Item[][]} more than one where they are folded into one
 */
export function folded(items) {
  const folds = (/** @type {Item | undefined} */ item) => item?.what && /^(muted|held|added|removed)$/.test(item.what.k);
  /** @type {Item[][]} */
  const runs = [];
  for (const item of items) {
    const run = runs.at(-1);
    if (folds(item) && folds(run?.[0])) run?.push(item);
    else runs.push([item]);
  }
  return runs.flatMap((run) => (run.length > FEW ? [run] : run.map((item) => [item])));
}

/**
 * Shows a run as its last and their number; all of them stay one tap away. What is open, or has the focus, keeps that.
 * @param {HTMLElement} box
 * @param {Words} words
 * @param {readonly Item[]} run
 * @param {(item: Item) => Child[]} line
 */
export function fold(box, words, run, line) {
  const opened = (/** @type {any} */ { target }) => target.open && target.scrollIntoView({ block: 'nearest' });
  if (!box.firstElementChild?.matches('details')) fill(box, h('details', { ontoggle: opened }, h('summary'), h('ol')));
  const [summary, list] = /** @type {[Element, Element]} */ ([...box.firstElementChild?.children ?? []]);
  fill(summary, h('span', { class: 'last' }, ...line(/** @type {Item} */ (run.at(-1))), ' · '), words.t('n_events', { n: run.length }));
  fill(list, ...run.map((item) => h('li', null, ...line(item))));
}
