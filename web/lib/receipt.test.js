import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { fromHex, sha256, toHex } from './bytes.js';
import { claim, derive, makeSecret } from './receipt.js';
import { fromWords, toWords, words } from './words.js';

test('the list of words is that of BIP 39', () => {
  const digest = createHash('sha256').update(`${words.join('\n')}\n`).digest('hex');
  assert.equal(digest, '2f5eed53a4727b4bf8880d8f3f199efc90e58503646d9ff8eff3a2ed3b24dbda');
});

test('known secrets give the words of the BIP 39 vectors', async () => {
  assert.equal((await toWords(new Uint8Array(32))).join(' '), `${'abandon '.repeat(23)}art`);
  assert.equal((await toWords(new Uint8Array(32).fill(0xff))).join(' '), `${'zoo '.repeat(23)}vote`);
  assert.equal((await toWords(fromHex('68a79eaca2324873eacc50cb9c6eca8cc68ea5d936f98787c60c7ebc74e6ce7c'))).join(' '),
    'hamster diagram private dutch cause delay private meat slide toddler razor book happy fancy gospel tennis maple dilemma loan word shrug inflict delay length');
});

test('a secret comes back from its words, however they are written', async () => {
  const secret = makeSecret();
  const list = await toWords(secret);
  assert.deepEqual(await fromWords(list.map((word, i) => `${i + 1}. ${word.toUpperCase()}`).join('\n')), secret);
});

test('words that are wrong, missing or swapped are refused', async () => {
  const list = (await toWords(new Uint8Array(32).fill(7))).join(' ').split(' ');
  assert.equal(await fromWords(list.slice(1).join(' ')), null);
  assert.equal(await fromWords(['vestibule', ...list.slice(1)].join(' ')), null);
  assert.equal(await fromWords(['zoo', ...list.slice(1)].join(' ')), null);
});

test('a claim is made of three separate derivations, and the secret is none of them', async () => {
  const secret = new Uint8Array(32).fill(7);
  const made = await claim(secret);
  assert.equal(made.proof_hash, toHex(await sha256(await derive(secret, 'proof', 32))));
  assert.equal(Buffer.from(made.lookup, 'base64url').length, 16);
  assert.equal(Buffer.from(made.public_key, 'base64url').length, 32);
  const values = [toHex(secret), toHex(await derive(secret, 'lookup', 32)), toHex(await derive(secret, 'proof', 32)), toHex(await derive(secret, 'key', 32))];
  assert.equal(new Set(values).size, 4);
});
