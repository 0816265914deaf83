import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { test } from 'node:test';

import callEn from '../lib/call-strings/en.js';
import notesEn from '../lib/call-strings/notes/en.js';
import panelsEn from '../lib/call-strings/panels/en.js';
import { Conversation } from '../lib/conversation.js';
import de from './strings/de.js';
import en from './strings/en.js';

/** @import { Text } from '../lib/i18n.js' */

/** @param {Text} text */
const places = (text) => [...new Set(JSON.stringify(text).match(/\{\w+\}/g) ?? [])].sort();

test('both languages have the same strings with the same places', () => {
  assert.deepEqual(Object.keys(de).sort(), Object.keys(en).sort());
  for (const [key, text] of Object.entries(en)) {
    assert.deepEqual(places(/** @type {Text} */ (de[key])), places(text), key);
  }
});

test('every string that a page asks for is there, and none is there for nobody', async () => {
  const folder = new URL('.', import.meta.url);
  const files = (await readdir(folder)).filter((name) => name.endsWith('.js') && !name.endsWith('.test.js'));
  const source = (await Promise.all(files.map((name) => readFile(new URL(name, folder), 'utf8')))).join('\n');
  const quoted = new Set([...source.matchAll(/'(\w+)'/g)].map((match) => match[1]));
  const all = { ...callEn, ...notesEn, ...panelsEn, ...en };
  for (const match of source.matchAll(/words\.t\('(\w+)'/g)) assert.ok(match[1] && match[1] in all, match[1]);
  const made = /^(quality|refused|sign_in|acknowledge|modality|offer|role|do|event|progress|key|fact|summary)_|_(title|text|empty|long)$/;
  for (const key of Object.keys(en)) assert.ok(quoted.has(key) || made.test(key), `nobody says ${key}`);
});

test('a single letter is a key, but not while somebody writes, and with Alt even then', async () => {
  const { actionOf } = await withBrowser(() => import('./keys.js'));
  const field = Object.assign(new FakeElement(), { writes: true });
  const key = (/** @type {string} */ name, /** @type {object} */ more = {}) => actionOf(/** @type {KeyboardEvent} */ (/** @type {unknown} */ ({
    key: name, getModifierState: () => false, composedPath: () => [new FakeElement()], ...more,
  })));
  assert.equal(key('e'), 'end');
  assert.equal(key('?'), 'help');
  assert.equal(key('x'), null);
  assert.equal(key('e', { composedPath: () => [field] }), null);
  assert.equal(key('e', { composedPath: () => [field], altKey: true }), 'end');
  assert.equal(key('e', { ctrlKey: true }), null);
  assert.equal(key('e', { altKey: true, getModifierState: () => true }), null, 'AltGr and E make a euro sign');
  localStorage.setItem('desk.keys', 'off');
  assert.equal(key('e'), null);
  assert.equal(key('e', { altKey: true }), 'end');
  localStorage.clear();
});

test('a tab comes back to its sessions, and signing out wipes them', async () => {
  const kept = await withBrowser(() => import('./kept.js'));
  const way = {
    site: 's', session: 'one', participant: 'p', key: { kty: 'OKP' },
    saved: { resume: 'r', name: 'Mia', unrecorded: false, cid: 3, pending: [], last: 7, head: null },
  };
  kept.keep(way);
  kept.keep({ ...way, session: 'two' });
  kept.acknowledge('mia');
  kept.forget('two');
  assert.deepEqual(kept.allKept(), [way]);
  assert.ok(kept.acknowledged('mia'));
  assert.ok(!kept.acknowledged('jo'));
  kept.forgetAll();
  assert.equal(sessionStorage.length, 0);
});

test('what others said is unread until it was on the screen, also after a reload', async () => {
  const { Talk } = await withBrowser(() => import('./talk.js'));
  const connection = new FakeConnection();
  const { conversation } = connection;
  const talk = new Talk({ site: 's', session: 'one', participant: 'me', key: {} }, /** @type {any} */ (connection));
  conversation.people.set('me', /** @type {any} */ ({ read: 1 }));
  conversation.items.push(
    { kind: 'said', n: 1, participant: 'v' }, { kind: 'said', n: 2, participant: 'me' },
    { kind: 'asked', n: 3, participant: 'v' }, { kind: 'said', n: 4, participant: 'v' });
  conversation.last = 4;
  assert.equal(talk.unread, 1);
  talk.seen();
  assert.equal(talk.unread, 0);
  assert.deepEqual(connection.marked, [4]);
});

test('an agent who is taken out of a session is told once, and the way back is forgotten', async () => {
  const { Talk } = await withBrowser(() => import('./talk.js'));
  const connection = new FakeConnection();
  const talk = new Talk({ site: 's', session: 'one', participant: 'me', key: {} }, /** @type {any} */ (connection));
  let told = 0;
  talk.addEventListener('over', () => told += 1);
  connection.dispatchEvent(new Event('keep'));
  assert.equal(sessionStorage.length, 1);
  connection.conversation.items.push({ kind: 'left', n: 1, participant: 'me' });
  connection.dispatchEvent(new Event('change'));
  connection.dispatchEvent(new Event('change'));
  connection.dispatchEvent(new Event('keep'));
  assert.equal(told, 1);
  assert.ok(talk.over);
  assert.ok(!connection.open);
  assert.equal(sessionStorage.length, 0);
});

test('once it is over, neither words nor the visitor’s name are left, also where parts are opened late', async () => {
  const { Talk } = await withBrowser(() => import('./talk.js'));
  const connection = new FakeConnection();
  const { conversation } = connection;
  const talk = new Talk({ site: 's', session: 'one', participant: 'me', key: {} }, /** @type {any} */ (connection));
  const people = [{ participant: 'v', role: 'visitor', name: 'Blue Heron' }, { participant: 'me', role: 'agent', name: 'Mia' }];
  for (const person of people) conversation.people.set(person.participant, /** @type {any} */ ({ ...person }));
  const said = (/** @type {number} */ n) => ({ kind: 'said', n, at: n, participant: 'v', text: 'my card' });
  conversation.items.push({ kind: 'joined', n: 1, ...people[0] }, said(2), { kind: 'joined', n: 3, ...people[1] });
  conversation.pending.push({ cid: 7, text: 'not confirmed', refused: null });
  talk.draft = 'just begun';
  assert.equal(talk.visitor, 'Blue Heron');
  conversation.items.push({ kind: 'ended', n: 4, participant: 'v' });
  conversation.ended = { at: 4, by: 'v', keep_min: null, keep_max: null };
  connection.dispatchEvent(new Event('change'));
  conversation.items.push(said(5));
  connection.dispatchEvent(new Event('change'));
  const left = JSON.stringify([conversation.items, [...conversation.people.values()], conversation.pending, talk.draft]);
  for (const word of ['my card', 'not confirmed', 'just begun', 'Blue Heron']) assert.ok(!left.includes(word), left);
  assert.deepEqual(conversation.items.map((item) => item.n), [1, 3, 4]);
  assert.equal(conversation.items[1]?.name, 'Mia');
  assert.equal(talk.unsent, 1, 'what was never sent could not be confirmed');
  assert.ok(talk.begun);
  assert.ok(talk.forgotten);
});

test('what a tab lost is let go of once the session is no longer the agent’s', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { Talk } = await withBrowser(() => import('./talk.js'));
  const { Desk } = await import('./desk.js');
  const desk = new Desk({ staff: 'mia', name: 'Mia', client: 'Alpine Bank' }, { signedOut: () => {} });
  const connection = new FakeConnection();
  const talk = new Talk({ site: 's', session: 'one', participant: 'me', key: {} }, /** @type {any} */ (connection));
  connection.conversation.items.push({ kind: 'said', n: 1, participant: 'v', text: 'my card' });
  desk.take(talk);
  desk.arrived({ waiting: [], mine: [/** @type {any} */ ({ session: 'one' })], colleagues: [] });
  connection.state = 'closed';
  connection.dispatchEvent(new Event('change'));
  assert.ok(talk.lost && !talk.forgotten, 'open in another tab, and still the agent’s');
  desk.arrived({ waiting: [], mine: [], colleagues: [] });
  t.mock.timers.tick(1_000);
  assert.equal(connection.starts, 2, 'the relay is asked');
  connection.shut('resume_stale');
  assert.ok(talk.forgotten);
  assert.deepEqual(connection.conversation.items, []);
});

test('what a tab lost is let go of at once where the session waits for others', async () => {
  const { desk, talk, connection } = await lostWith('superseded');
  desk.arrived({ waiting: [/** @type {any} */ ({ session: 'one' })], mine: [], colleagues: [] });
  assert.ok(talk.forgotten);
  assert.deepEqual(connection.conversation.items, []);
});

test('while nothing can be recorded, what is not sent stays, and it goes on once the session is back', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { desk, talk, connection } = await lostWith('recording_unavailable');
  const whole = () => [talk.forgotten, talk.held, talk.draft, connection.conversation.pending.length, connection.conversation.items.length, sessionStorage.length];
  const held = [false, true, 'half a sentence', 1, 1, 1];
  assert.deepEqual(whole(), held);
  desk.arrived({ waiting: [], mine: [], colleagues: [] });
  t.mock.timers.tick(1_000);
  assert.equal(connection.starts, 2, 'the relay is asked');
  connection.shut('recording_unavailable');
  assert.deepEqual(whole(), held);
  desk.arrived({ waiting: [], mine: [/** @type {any} */ ({ session: 'one' })], colleagues: [] });
  t.mock.timers.tick(60_000);
  assert.equal(connection.starts, 2, 'from here on it is the agent who takes it up');
  assert.deepEqual(whole(), held);
});

test('a list that is empty while the relay begins takes nothing from a tab, nor from another', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { desk, talk, connection } = await lostWith('superseded');
  desk.arrived({ waiting: [], mine: [], colleagues: [] });
  assert.equal(talk.draft, 'half a sentence');
  desk.arrived({ waiting: [], mine: [/** @type {any} */ ({ session: 'one' })], colleagues: [] });
  t.mock.timers.tick(60_000);
  assert.equal(connection.starts, 1, 'it is open in the other tab');
  assert.ok(!talk.forgotten);
  assert.equal(talk.draft, 'half a sentence');
});

test('a desk that is closed asks nothing any more', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { desk, connection } = await lostWith('recording_unavailable');
  desk.arrived({ waiting: [], mine: [], colleagues: [] });
  desk.close();
  t.mock.timers.tick(60_000);
  assert.equal(connection.starts, 1);
});

test('how long ago something was is said as the language says it', async () => {
  const { ago } = await withBrowser(() => import('./language.js'));
  assert.equal(ago(28_400, 'en'), '28 seconds ago');
  assert.equal(ago(2 * 86_400_000, 'de'), 'vor 2 Tagen');
  assert.equal(ago(-5_000, 'en'), '0 seconds ago');
});

test('how long something is kept is said as notices say it, where that is exact', async () => {
  const { asNoticesSay, inDays } = await withBrowser(() => import('./language.js'));
  const said = [30, 90, 183, 200, 365, 730, 3650].map(asNoticesSay);
  assert.deepEqual(said, ['30 days', '90 days', '6 months', '200 days', '1 year', '2 years', '10 years']);
  assert.equal(inDays(183), '183 days');
});

/**
 * A desk with one conversation that is the agent's, has something unsent, and was closed by the relay.
 * @param {string} code
 */
async function lostWith(code) {
  const { Talk } = await withBrowser(() => import('./talk.js'));
  const { Desk } = await import('./desk.js');
  const desk = new Desk({ staff: 'mia', name: 'Mia', client: 'Alpine Bank' }, { signedOut: () => {} });
  const connection = new FakeConnection();
  const talk = new Talk({ site: 's', session: 'one', participant: 'me', key: {} }, /** @type {any} */ (connection));
  connection.conversation.items.push({ kind: 'said', n: 1, participant: 'v', text: 'my card' });
  connection.conversation.pending.push({ cid: 1, text: 'not confirmed', refused: null });
  connection.dispatchEvent(new Event('keep'));
  talk.draft = 'half a sentence';
  desk.take(talk);
  desk.arrived({ waiting: [], mine: [/** @type {any} */ ({ session: 'one' })], colleagues: [] });
  connection.shut(code);
  return { desk, talk, connection };
}

class FakeElement {
  writes = false;

  matches() {
    return this.writes;
  }
}

class FakeConnection extends EventTarget {
  open = false;
  starts = 0;
  state = 'open';
  /** @type {string | null} */
  code = null;
  /** @type {number[]} */
  marked = [];
  conversation = Object.assign(new Conversation(), { me: 'me', items: /** @type {any[]} */ ([]) });

  start() {
    this.open = true;
    this.starts += 1;
    this.state = 'open';
  }

  /** @param {string} code as the relay closes it */
  shut(code) {
    this.state = 'closed';
    this.code = code;
    this.dispatchEvent(new Event('change'));
  }

  close() {
    this.open = false;
  }

  /** @param {number} n */
  mark(n) {
    this.marked.push(n);
  }

  get over() {
    return this.conversation.ended !== null;
  }

  saved() {
    return { resume: 'r', name: 'Mia', unrecorded: false, cid: 0, pending: [], last: 0, head: null };
  }
}

/** A browser's storage, as far as the desk uses it: entries are properties, methods are not. */
class FakeStorage {
  /** @type {Record<string, string>} */
  #entries = /** @type {any} */ (this);

  /** @param {string} key */
  getItem(key) {
    return this.#entries[key] ?? null;
  }

  /** @param {string} key @param {string} value */
  setItem(key, value) {
    this.#entries[key] = value;
  }

  /** @param {string} key */
  removeItem(key) {
    delete this.#entries[key];
  }

  clear() {
    for (const key of Object.keys(this)) this.removeItem(key);
  }

  get length() {
    return Object.keys(this).length;
  }
}

/**
 * Runs with the few globals of a browser that the desk's state uses.
 * @template T
 * @param {() => Promise<T>} load
 * @returns {Promise<T>}
 */
function withBrowser(load) {
  for (const [name, value] of Object.entries({
    HTMLElement: FakeElement, localStorage: new FakeStorage(), sessionStorage: new FakeStorage(),
    navigator: { languages: ['en-GB'] }, document: { documentElement: {} },
  })) Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
  return load();
}
