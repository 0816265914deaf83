import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { test } from 'node:test';

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
  for (const match of source.matchAll(/words\.t\('(\w+)'/g)) assert.ok(match[1] && match[1] in en, match[1]);
  const made = /^(refused|sign_in|acknowledge|modality|offer|role|do|event|progress|key|fact|summary)_|_(title|text|empty|long)$/;
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
    saved: { resume: 'r', name: 'Mia', cid: 3, pending: [], last: 7, head: null },
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
  conversation.people.set('me', { read: 1 });
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

class FakeElement {
  writes = false;

  matches() {
    return this.writes;
  }
}

class FakeConnection extends EventTarget {
  open = false;
  state = 'open';
  /** @type {number[]} */
  marked = [];
  conversation = {
    me: 'me', last: 0, ended: null,
    people: new Map(), typing: new Set(),
    /** @type {{ kind: string, n: number, participant: string }[]} */
    items: [],
  };

  start() {
    this.open = true;
  }

  close() {
    this.open = false;
  }

  /** @param {number} n */
  mark(n) {
    this.marked.push(n);
  }

  saved() {
    return { resume: 'r', name: 'Mia', cid: 0, pending: [], last: 0, head: null };
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
