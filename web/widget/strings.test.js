import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { test } from 'node:test';
import de from './strings/de.js';
import en from './strings/en.js';

/** @type {Record<string, import('../lib/i18n.js').Strings>} */
const languages = { en, de };
const places = (/** @type {unknown} */ text) => [...new Set(JSON.stringify(text).match(/\{\w+\}/g))].sort();

test('every language has the same strings, with the same places in them', () => {
  for (const [language, strings] of Object.entries(languages)) {
    assert.deepEqual(Object.keys(strings).sort(), Object.keys(en).sort(), language);
    for (const [key, text] of Object.entries(strings)) {
      assert.deepEqual(places(text), places(/** @type {any} */ (en)[key]), `${language}: ${key}`);
    }
  }
});

test('every file of strings is tested here', async () => {
  const files = await readdir(new URL('strings/', import.meta.url));
  assert.deepEqual(files.sort(), Object.keys(languages).map((language) => `${language}.js`).sort());
});

test('every string that a module asks for is there', async () => {
  const folder = new URL('.', import.meta.url);
  let asked = 0;
  for (const name of (await readdir(folder)).filter((file) => file.endsWith('.js') && !file.includes('.test.'))) {
    const source = await readFile(new URL(name, folder), 'utf8');
    for (const [, key] of source.matchAll(/\bt\('(\w+)'/g)) {
      assert.ok(key !== undefined && key in en, `${name} asks for ${key}`);
      asked += 1;
    }
  }
  assert.ok(asked > 40, `only ${asked} found`);
});

test('no string shouts', () => {
  for (const strings of Object.values(languages)) assert.doesNotMatch(JSON.stringify(strings), /!/);
});
