import assert from 'node:assert/strict';
import { test } from 'node:test';
import { callLine, folded, withdrawnBy } from './call-notes.js';
import en from './call-strings/notes/en.js';
import { Words } from './i18n.js';

/** @import { Item } from './model.js' */
/** @import { CallEvent } from './wire.js' */

test('every event of a call has its line, and what is said by another has none', () => {
  const words = new Words('en', en);
  const line = (/** @type {any} */ what) => callLine(words, what, 'Mia');
  assert.equal(line({ k: 'joined_call' }), 'Mia joined the call');
  assert.equal(line({ k: 'muted', kind: 'audio', on: false }), 'Mia unmuted the microphone');
  assert.equal(line({ k: 'declined', reason: 'busy' }), 'Mia was in another call');
  assert.equal(line({ k: 'call_over', reason: 'hung_up', lasted_ms: 61_000 }), 'The call ended after 1 minute');
  assert.equal(line({ k: 'call_over', reason: 'no_answer', lasted_ms: 0 }), 'The call was not answered');
  assert.equal(line({ k: 'added', kind: 'audio' }), '');
  const all = [...['agreed', 'withdrew'].flatMap((k) => ['audio', 'video', 'screen'].map((modality) => ({ k, modality }))),
    ...['added', 'removed'].flatMap((k) => ['video', 'screen'].map((kind) => ({ k, kind }))),
    ...['declined', 'busy', 'no_permission', 'no_device'].map((reason) => ({ k: 'declined', reason })),
    ...['rang', 'joined_call', 'left_call'].map((k) => ({ k })), ...[true, false].map((on) => ({ k: 'held', on })),
    ...[true, false].map((on) => ({ k: 'muted', kind: 'audio', on }))];
  for (const what of all) assert.match(line(what), /Mia/, JSON.stringify(what));
});

/** @type {(...whats: (CallEvent | string)[]) => Item[]} a message for each string */
const items = (...whats) => whats.map((what, i) => ({ n: i + 1, at: i, participant: 'mia',
  ...typeof what === 'string' ? { kind: 'said', text: what } : { kind: 'noted', what } }));
/** @type {CallEvent} */
const mute = { k: 'muted', kind: 'audio', on: true };
const places = (/** @type {Item[]} */ all) => folded(all).map((run) => run.map((item) => item.n));

test('what happened in a call is folded, its beginning and end and what was said stand by themselves', () => {
  const whole = items({ k: 'rang' }, { k: 'agreed', modality: 'audio' }, { k: 'joined_call' }, mute, mute, mute, 'a word', mute, mute,
    { k: 'added', kind: 'video' }, { k: 'withdrew', modality: 'video' }, { k: 'left_call' }, { k: 'call_over', reason: 'hung_up', lasted_ms: 9 });
  assert.deepEqual(places(whole), [[1], [2], [3], [4, 5, 6], [7], [8, 9, 10], [11], [12], [13]]);
});

test('two in a row stand each by itself, and who came or went is folded with nothing', () => {
  assert.deepEqual(places(items(mute, mute, 'a word', mute)), [[1], [2], [3], [4]]);
  const left = /** @type {Item} */ ({ kind: 'left', n: 9, at: 9, participant: 'mia' });
  assert.deepEqual(places([...items(mute, mute), left, ...items(mute, mute)]), [[1], [2], [9], [1], [2]]);
});

test('who has withdrawn is known by what was noted last, of those who are there', () => {
  const people = /** @type {any[]} */ ([{ participant: 'jo' }, { participant: 'mia' }]);
  const said = items({ k: 'agreed', modality: 'video' }, { k: 'withdrew', modality: 'video' }, mute, 'a word');
  assert.equal(withdrawnBy(said, people, 'video'), 'mia');
  assert.equal(withdrawnBy(said, people, 'screen'), undefined);
  assert.equal(withdrawnBy(said, people.slice(0, 1), 'video'), undefined, 'who is not there keeps nothing waiting');
  assert.equal(withdrawnBy([...said, ...items({ k: 'agreed', modality: 'video' })], people, 'video'), undefined);
});
