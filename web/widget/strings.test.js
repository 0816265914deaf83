import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { test } from 'node:test';
import callDe from '../lib/call-strings/de.js';
import callEn from '../lib/call-strings/en.js';
import notesDe from '../lib/call-strings/notes/de.js';
import notesEn from '../lib/call-strings/notes/en.js';
import panelsDe from '../lib/call-strings/panels/de.js';
import panelsEn from '../lib/call-strings/panels/en.js';
import deskEn from '../desk/strings/en.js';
import de from './strings/de.js';
import en from './strings/en.js';
import endedDe from './strings/ended/de.js';
import endedEn from './strings/ended/en.js';

/** @import { Strings } from '../lib/i18n.js' */

/** @type {Record<string, Record<string, Strings>>} what is loaded at once, what at the end, and what for calls */
const groups = {
  'strings/': { en, de }, 'strings/ended/': { en: endedEn, de: endedDe },
  '../lib/call-strings/': { en: callEn, de: callDe }, '../lib/call-strings/notes/': { en: notesEn, de: notesDe },
  '../lib/call-strings/panels/': { en: panelsEn, de: panelsDe },
};
const all = /** @type {Strings} */ ({ ...en, ...endedEn, ...callEn, ...notesEn, ...panelsEn });
const places = (/** @type {unknown} */ text) => [...new Set(JSON.stringify(text).match(/\{\w+\}/g))].sort();

test('every language has the same strings, with the same places in them', () => {
  for (const [group, languages] of Object.entries(groups)) {
    const english = languages.en ?? {};
    for (const [language, strings] of Object.entries(languages)) {
      assert.deepEqual(Object.keys(strings).sort(), Object.keys(english).sort(), group + language);
      for (const [key, text] of Object.entries(strings)) {
        assert.deepEqual(places(text), places(english[key]), `${group}${language}: ${key}`);
      }
    }
  }
});

test('every file of strings is tested here', async () => {
  for (const [group, languages] of Object.entries(groups)) {
    const files = (await readdir(new URL(group, import.meta.url))).filter((name) => name.endsWith('.js'));
    assert.deepEqual(files.sort(), Object.keys(languages).map((language) => `${language}.js`).sort());
  }
});

test('every string that a module asks for is there', async () => {
  let asked = 0;
  const files = (await Promise.all(['.', '../lib/'].map(async (folder) => (await readdir(new URL(folder, import.meta.url)))
    .map((file) => `${folder}/${file}`)))).flat();
  for (const name of files.filter((file) => file.endsWith('.js') && !file.includes('.test.'))) {
    const source = await readFile(new URL(name, import.meta.url), 'utf8');
    for (const [, key] of source.matchAll(/\bt\('(\w+)'/g)) {
      assert.ok(key !== undefined && key in all, `${name} asks for ${key}`);
      asked += 1;
    }
  }
  assert.ok(asked > 40, `only ${asked} found`);
});

test('what is loaded later takes the place of nothing that a page says', () => {
  const calls = Object.keys({ ...callEn, ...notesEn, ...panelsEn });
  for (const page of [en, endedEn, deskEn]) assert.deepEqual(calls.filter((key) => key in page), []);
});

test('no string shouts', () => {
  for (const strings of Object.values(groups).flatMap((languages) => Object.values(languages))) assert.doesNotMatch(JSON.stringify(strings), /!/);
});

test('a call has words for every trouble and every end, and none for what never happens', async () => {
  const lib = new URL('../lib/', import.meta.url);
  const types = await readFile(new URL('wire.d.ts', lib), 'utf8');
  const ends = /OverReason =([^;]+);/.exec(types)?.[1]?.match(/\w+/g) ?? [];
  assert.ok(ends.length > 9);
  for (const end of ends) assert.ok(`over_${end}` in panelsEn, end);
  for (const kind of ['audio', 'video', 'screen']) {
    for (const key of ['what', 'waits', 'agreed', 'unagreed', 'ask_theirs', 'agree_theirs']) assert.ok(`${key}_${kind}` in panelsEn, `${key}_${kind}`);
    assert.ok(`withdraw_${kind}` in callEn, `withdraw_${kind}`);
    for (const key of ['n_agreed', 'n_withdrew']) assert.ok(`${key}_${kind}` in notesEn, `${key}_${kind}`);
  }
  const files = (await readdir(lib)).filter((name) => name.startsWith('call') && name.endsWith('.js') && !name.endsWith('.test.js'));
  const source = (await Promise.all([...files.map((name) => new URL(name, lib)), new URL('call.js', import.meta.url),
    new URL('call-about.js', import.meta.url)].map((url) => readFile(url, 'utf8')))).join('\n');
  const quoted = new Set([...source.matchAll(/'(\w+)'/g)].map((match) => match[1]));
  const made = /^(t|n|s|over|ask|agree|what|waits|agreed|unagreed|withdraw|device)_/;
  for (const key of Object.keys({ ...callEn, ...notesEn, ...panelsEn })) assert.ok(quoted.has(key) || made.test(key), `nobody says ${key}`);
});
