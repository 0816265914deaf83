import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chooseLanguage, direction, Words } from './i18n.js';

test('places are filled in, and numbers written as the language writes them', () => {
  const words = new Words('de', { left: '{name}: {n} übrig, {other}' });
  assert.equal(words.t('left', { name: 'Mia', n: 12345 }), 'Mia: 12.345 übrig, {other}');
});

test('a string with plural forms takes the one that its number needs', () => {
  const words = new Words('en', { days: { one: '{n} day', other: '{n} days' } });
  assert.equal(words.t('days', { n: 1 }), '1 day');
  assert.equal(words.t('days', { n: 0 }), '0 days');
});

test('what a reader puts into a name is not read as a place', () => {
  assert.equal(new Words('en', { hello: 'Hello {name}, {n}' }).t('hello', { name: '{n} $&', n: 3 }), 'Hello {n} $&, 3');
});

test('the language is the first wanted one that is there, regions aside', () => {
  assert.equal(chooseLanguage(['fr', 'de-CH'], ['en', 'de']), 'de');
  assert.equal(chooseLanguage(['pt-BR'], ['pt-PT', 'pt-BR']), 'pt-BR');
  assert.equal(chooseLanguage(['ja'], ['en', 'de']), 'en');
});

test('languages written from right to left are known', () => {
  assert.deepEqual(['ar', 'he-IL', 'fa', 'ur', 'en', 'de', 'arn'].map(direction), ['rtl', 'rtl', 'rtl', 'rtl', 'ltr', 'ltr', 'ltr']);
});

test('durations are told in their largest whole unit', () => {
  const words = new Words('en', {});
  assert.equal(words.duration(59_999), '59 seconds');
  assert.equal(words.duration(3_599_000), '59 minutes');
  assert.equal(words.duration(-5), '0 seconds');
});
