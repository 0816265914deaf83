import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { afterEach, test } from 'node:test';
import { fromHex, toBase64 } from './bytes.js';
import { backoff, Connection } from './connection.js';
import { keyPairOf } from './seal.js';

/** @import { ServerMessage } from './wire.js' */

const vector = JSON.parse(await readFile(new URL('../../fixtures/web/tink-parts.json', import.meta.url), 'utf8'));
const pair = await keyPairOf(fromHex(vector.private));
const ME = vector.participant;

/** @type {Connection[]} */
const opened = [];
afterEach(() => opened.splice(0).forEach((connection) => connection.close()));

/** A socket whose other end is the test. */
class Socket {
  /** @type {any[]} */
  sent = [];
  closed = false;
  /** @type {any} */ onopen = null;
  /** @type {any} */ onmessage = null;
  /** @type {any} */ onclose = null;
  send(/** @type {string} */ text) { this.sent.push(JSON.parse(text)); }
  close() { this.closed = true; }
  async tell(/** @type {ServerMessage} */ frame) {
    this.onmessage?.({ data: JSON.stringify(frame) });
    await settled();
  }
  async shut(/** @type {number} */ code, reason = '') {
    this.onclose?.({ code, reason });
    await settled();
  }
  said() { return this.sent.filter((m) => m.t === 'say').map((m) => [m.cid, m.text]); }
}

/** Waits for work that other threads do, such as the browser's cryptography. */
async function until(/** @type {() => boolean} */ done) {
  for (const end = performance.now() + 10_000; !done() && performance.now() < end;) await settled();
}

const settled = () => new Promise((done) => setImmediate(() => setImmediate(done)));

/** @returns {any} */
const welcome = (more = {}) => ({ t: 'welcome', tenant: vector.tenant, session: 's', recording: vector.recording, participant: ME,
  name: 'Blue Heron', track: vector.track, resume: 'next', modalities: ['chat'],
  people: [{ participant: ME, role: 'visitor', name: '', track: vector.track, online: true, delivered: 0, read: 0 }],
  last: 1, limits: { text_bytes: 100, per_minute: 60, unacknowledged: 2, unanswered: 9 }, answered: true, now: 0, ...more });

/**
 * @param {any} [credentials]
 */
async function connected(credentials = { token: 'join', name: 'Blue Heron' }) {
  /** @type {Socket[]} */
  const sockets = [];
  const connection = new Connection({ site: 'site', pair, credentials, url: 'ws://test/ws', random: () => 1,
    socket: () => {
      const socket = new Socket();
      sockets.push(socket);
      return /** @type {any} */ (socket);
    } });
  opened.push(connection);
  connection.start();
  const latest = () => /** @type {Socket} */ (sockets.at(-1));
  latest().onopen();
  return { connection, sockets, latest };
}

/** @type {(cid: number, n: number) => ServerMessage} */
const ack = (cid, n) => ({ t: 'ack', cid, n, at: n, sealed: null });

test('the first hello joins, and all later ones resume with the newest token', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { connection, sockets, latest } = await connected();
  assert.deepEqual(latest().sent, [{ t: 'join', site: 'site', token: 'join', name: 'Blue Heron' }]);
  await latest().tell(welcome());
  assert.deepEqual(latest().sent.slice(1), [{ t: 'mark', delivered: 0, read: 0 }]);
  await latest().shut(1006);
  assert.equal(connection.state, 'retrying');
  t.mock.timers.tick(500);
  assert.equal(sockets.length, 2);
  latest().onopen();
  assert.deepEqual(latest().sent, [{ t: 'resume', site: 'site', token: 'next', name: 'Blue Heron', have: 0 }]);
});

test('a join whose welcome was lost is tried again with the same token', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { connection, sockets, latest } = await connected();
  await latest().shut(1006);
  t.mock.timers.tick(500);
  assert.equal(sockets.length, 2);
  latest().onopen();
  assert.deepEqual(latest().sent, [{ t: 'join', site: 'site', token: 'join', name: 'Blue Heron' }]);
  await latest().tell({ t: 'error', code: 'token_invalid', message: '' });
  await latest().shut(4401, 'token_invalid');
  assert.equal(connection.state, 'closed');
  assert.equal(connection.code, 'token_invalid');
});

test('no more is on the way than the limit, and the rest follows acknowledgements', async () => {
  const { connection, latest } = await connected();
  await latest().tell(welcome());
  for (const text of ['a', 'b', 'c']) connection.say(text);
  assert.deepEqual(latest().said(), [[1, 'a'], [2, 'b']]);
  await latest().tell(ack(1, 2));
  assert.deepEqual(latest().said(), [[1, 'a'], [2, 'b'], [3, 'c']]);
});

test('after a drop, only what the record does not hold is sent again, and not before it was looked at', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { connection, latest } = await connected();
  await latest().tell(welcome());
  connection.say('Grüezi 👋');
  connection.say('lost');
  await latest().shut(1006);
  t.mock.timers.tick(500);
  latest().onopen();
  await latest().tell(welcome({ last: 2 }));
  assert.deepEqual(latest().said(), []);
  const parts = vector.parts.map((/** @type {any} */ part) => ({ track: vector.track, epoch: vector.epoch, step: 0, ...part, data: toBase64(fromHex(part.data)) }));
  latest().onmessage({ data: JSON.stringify({ t: 'sealed', more: false, parts,
    wraps: [{ track: vector.track, epoch: vector.epoch, wrap: toBase64(fromHex(vector.wrap)) }] }) });
  await until(() => latest().said().length > 0);
  assert.deepEqual(latest().said(), [[2, 'lost']]);
  assert.deepEqual(connection.conversation.items.map((item) => item.text), [undefined, 'Grüezi 👋']);
  assert.equal(connection.conversation.damaged, false);
});

test('where nothing is recorded, all that is not acknowledged is sent again', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { connection, latest } = await connected();
  await latest().tell(welcome({ recording: null }));
  connection.say('a');
  await latest().shut(1012);
  t.mock.timers.tick(500);
  latest().onopen();
  await latest().tell(welcome({ recording: null, last: 5 }));
  assert.deepEqual(latest().said(), [[1, 'a']]);
});

test('a message that came too fast is sent again later, under a new number', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout', 'Date'] });
  const { connection, latest } = await connected();
  await latest().tell(welcome());
  connection.say('a');
  await latest().tell({ t: 'error', code: 'rate_limited', message: '', cid: 1, retry_ms: 2000 });
  t.mock.timers.tick(1999);
  assert.equal(latest().said().length, 1);
  t.mock.timers.tick(1);
  assert.deepEqual(latest().said(), [[1, 'a'], [2, 'a']]);
});

test('a message that is refused waits for its writer', async () => {
  const { connection, latest } = await connected();
  await latest().tell(welcome());
  connection.say('a');
  await latest().tell({ t: 'error', code: 'text_too_long', message: '', cid: 1 });
  const [refused] = connection.conversation.pending;
  assert.equal(refused?.refused, 'text_too_long');
  connection.settle(/** @type {any} */ (refused), true);
  assert.deepEqual(latest().said(), [[1, 'a'], [2, 'a']]);
});

test('a reload goes on with the numbers, the token and what was not acknowledged', async () => {
  const first = await connected();
  await first.latest().tell(welcome());
  first.connection.say('a');
  await first.latest().tell(ack(1, 2));
  first.connection.say('b');
  const saved = JSON.parse(JSON.stringify(first.connection.saved()));
  first.connection.close();
  const { connection, latest } = await connected(saved);
  assert.deepEqual(latest().sent, [{ t: 'resume', site: 'site', token: 'next', name: 'Blue Heron', have: 0 }]);
  await latest().tell(welcome({ last: 2 }));
  await latest().tell({ t: 'sealed', wraps: [], parts: [], more: false });
  connection.say('c');
  assert.deepEqual(latest().said(), [[2, 'b'], [3, 'c']]);
});

test('a session that ended without a word is over, and a reloaded page knows whether it was recorded', async () => {
  for (const recording of [null, vector.recording]) {
    const first = await connected();
    await first.latest().tell(welcome({ recording }));
    const saved = JSON.parse(JSON.stringify(first.connection.saved()));
    const { connection, latest } = await connected(saved);
    assert.equal(connection.over, false);
    await latest().shut(4410, 'session_ended');
    assert.deepEqual([connection.state, connection.over, connection.conversation.ended], ['closed', true, null]);
    assert.equal(connection.conversation.unrecorded, recording === null);
  }
});

test('an unanswered message, or a silent hello, opens a new socket', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { connection, sockets, latest } = await connected();
  t.mock.timers.tick(10_000);
  assert.equal(sockets[0]?.closed, true);
  t.mock.timers.tick(500);
  latest().onopen();
  await latest().tell(welcome());
  connection.say('a');
  t.mock.timers.tick(10_000);
  assert.equal(connection.state, 'retrying');
});

test('a close that is final stays closed, and one that is not is tried again', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  for (const [code, name] of /** @type {const} */ ([[4404, 'resume_stale'], [4409, 'superseded'], [4503, 'recording_unavailable'], [4400, 'malformed']])) {
    const { connection, latest } = await connected();
    await latest().tell(welcome());
    await latest().shut(code, name);
    assert.deepEqual([connection.state, connection.code], ['closed', name]);
  }
  for (const code of [1006, 1011, 1012, 4412, 4513]) {
    const { connection, latest } = await connected();
    await latest().tell(welcome());
    await latest().shut(code);
    assert.equal(connection.state, 'retrying', String(code));
  }
});

test('a socket that was given up can say nothing any more', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { connection, sockets, latest } = await connected();
  await latest().tell(welcome());
  const old = /** @type {Socket} */ (sockets[0]);
  const late = old.onmessage;
  connection.start();
  late({ data: JSON.stringify({ t: 'said', n: 9, at: 0, participant: 'x', cid: 1, text: 'late' }) });
  await settled();
  assert.deepEqual(connection.conversation.items, []);
});

test('what does not open is damage, and the rest is shown', async () => {
  const { connection, latest } = await connected();
  await latest().tell(welcome());
  await latest().tell({ t: 'sealed', wraps: [{ track: 1, epoch: 1, wrap: 'AAAA' }], parts: [], more: false });
  await until(() => connection.conversation.damaged);
  assert.equal(connection.conversation.damaged, true);
  await latest().tell({ t: 'said', n: 2, at: 0, participant: 'x', cid: 1, text: 'on' });
  assert.equal(connection.conversation.items.length, 1);
});

test('tries come later and later, spread at random, and never later than fifteen seconds', () => {
  assert.deepEqual([0, 1, 2, 3].map((i) => backoff(i, 1)), [500, 1000, 2000, 4000]);
  assert.equal(backoff(0, 0), 250);
  assert.equal(backoff(99, 1), 15_000);
});
