import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Conversation } from './conversation.js';

/** @import { Person, ServerMessage } from './wire.js' */

/**
 * @param {string} participant
 * @param {Partial<Person>} [more]
 * @returns {Person}
 */
const person = (participant, more) => ({ participant, role: participant === 'me' ? 'visitor' : 'agent', name: participant,
  track: participant === 'me' ? 1 : 2, online: true, delivered: 0, read: 0, ...more });

/** @returns {ServerMessage} */
const welcome = (more = {}) => ({ t: 'welcome', tenant: 't', session: 's', recording: 'r', participant: 'me', name: 'me', track: 1,
  resume: 'x', modalities: ['chat'], people: [person('me'), person('mia')], last: 0,
  limits: { text_bytes: 100, per_minute: 60, unacknowledged: 8, unanswered: 5 }, answered: true, now: 1000, ...more });

function running() {
  const one = new Conversation();
  one.take(welcome(), 400);
  return one;
}

/** @returns {ServerMessage} */
const said = (/** @type {number} */ n, text = `${n}`) => ({ t: 'said', n, at: n, participant: 'mia', cid: n, text });
const texts = (/** @type {Conversation} */ one) => one.items.map((item) => item.text);

test('what arrives twice is shown once, and what arrives late stands in its place', () => {
  const one = running();
  for (const n of [2, 4, 1, 4, 2]) one.take(said(n), 0);
  assert.deepEqual(texts(one), ['1', '2', '4']);
  assert.deepEqual([one.have, one.last], [2, 4]);
  one.take(said(3), 0);
  assert.equal(one.have, 4);
});

test('an acknowledgement turns what waits into what was said, once', () => {
  const one = running();
  one.pending = [{ cid: 1, text: 'hello', refused: null }, { cid: 2, text: 'again', refused: null }];
  const ack = /** @type {const} */ ({ t: 'ack', cid: 1, n: 1, at: 5, sealed: null });
  assert.equal(one.take(ack, 0)?.text, 'hello');
  assert.equal(one.take(ack, 0), null);
  assert.deepEqual(one.pending.map((p) => p.cid), [2]);
});

test('a message of one\'s own that is handed back is not waiting any more', () => {
  const one = running();
  one.pending = [{ cid: 7, text: 'kept', refused: null }, { cid: 8, text: 'not kept', refused: null }];
  one.open({ e: 'said', n: 3, at: 3, cid: 7, text: 'kept' }, { track: 1, epoch: 1, seq: 1, head: '' });
  one.open({ e: 'said', n: 4, at: 4, cid: 8, text: 'of another' }, { track: 2, epoch: 1, seq: 1, head: '' });
  assert.deepEqual(one.pending.map((p) => p.cid), [8]);
  assert.deepEqual(one.items.map((item) => item.participant), ['me', 'mia']);
});

test('fewer places than were acknowledged is damage', () => {
  const one = running();
  one.take(said(5), 0);
  one.take(welcome({ last: 5 }), 0);
  assert.equal(one.damaged, false);
  one.take(welcome({ last: 4 }), 0);
  assert.equal(one.damaged, true);
});

test('progress goes from kept over delivered to read, by anyone but oneself', () => {
  const one = running();
  const item = one.open({ e: 'said', n: 2, at: 2, cid: 1, text: 'x' }, { track: 1, epoch: 1, seq: 1, head: '' });
  assert.ok(item);
  one.take({ t: 'marks', participant: 'me', delivered: 9, read: 9 }, 0);
  assert.equal(one.progress(item), 'kept');
  one.take({ t: 'marks', participant: 'mia', delivered: 2, read: 1 }, 0);
  assert.equal(one.progress(item), 'delivered');
  one.take({ t: 'marks', participant: 'mia', delivered: 2, read: 2 }, 0);
  assert.equal(one.progress(item), 'read');
  one.take({ t: 'marks', participant: 'mia', delivered: 1, read: 1 }, 0);
  assert.equal(one.progress(item), 'read');
});

test('waiting is over when an agent joins', () => {
  const one = new Conversation();
  one.take(welcome({ answered: false, people: [person('me')] }), 0);
  one.take({ t: 'waiting', since: 1, ahead: 2 }, 0);
  assert.deepEqual(one.waiting, { since: 1, ahead: 2 });
  one.take({ t: 'joined', n: 1, at: 1, person: person('mia') }, 0);
  assert.deepEqual([one.waiting, one.answered, one.agents.map((a) => a.name)], [null, true, ['mia']]);
  one.take({ t: 'left', n: 2, at: 2, participant: 'mia', reason: 'transferred' }, 0);
  assert.deepEqual(one.agents, []);
});

test('a name that a restarted relay does not know comes from the sealed record', () => {
  const one = new Conversation();
  one.take(welcome({ people: [person('me'), person('mia', { name: '' })] }), 0);
  one.open({ e: 'joined', n: 2, at: 2, participant: 'mia', role: 'agent', name: 'Mia' }, { track: 2, epoch: 1, seq: 1, head: '' });
  one.take({ t: 'joined', n: null, at: 3, person: person('mia', { name: '' }) }, 0);
  assert.equal(one.nameOf('mia'), 'Mia');
});

test('server time is told from this machine\'s clock', () => {
  assert.equal(running().clock, 600);
});
