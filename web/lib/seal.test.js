import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { fromHex, toBase64, toHex } from './bytes.js';
import { exportKeyPair, hpkeOpen, importKeyPair, keyPairOf, makeKeyPair, Opener, SealError, wrapInfo } from './seal.js';

const vector = JSON.parse(await readFile(new URL('../../fixtures/web/tink-parts.json', import.meta.url), 'utf8'));
const { track, epoch } = vector;
const pair = await keyPairOf(fromHex(vector.private));
const wraps = [{ track, epoch, wrap: toBase64(fromHex(vector.wrap)) }];
/** @type {import('./wire.js').SealedPart[]} */
const parts = vector.parts.map((/** @type {any} */ part) => ({ track, epoch, step: 0, ...part, data: toBase64(fromHex(part.data)) }));

async function opener() {
  const one = new Opener(pair, vector);
  await one.addWraps(wraps);
  return one;
}

test('parts and a wrap that Tink made open to what was sealed', async () => {
  const one = await opener();
  const events = [];
  for (const part of parts) events.push(await one.open(part));
  assert.deepEqual(events, [
    { e: 'joined', n: 1, at: 1767225600000, participant: vector.participant, role: 'agent', name: 'Mía' },
    { e: 'said', n: 2, at: 1767225601234, cid: 1, text: 'Grüezi 👋' },
  ]);
});

test('a wrap for another participant, track or epoch does not open', async () => {
  const sealed = fromHex(vector.wrap);
  assert.equal(toHex(await hpkeOpen(pair, sealed, wrapInfo(vector, track, epoch))), vector.key);
  for (const info of [wrapInfo({ ...vector, participant: vector.tenant }, track, epoch), wrapInfo(vector, track + 1, epoch),
    wrapInfo(vector, track, epoch + 1), wrapInfo({ ...vector, recording: vector.tenant }, track, epoch)]) {
    await assert.rejects(hpkeOpen(pair, sealed, info), SealError);
  }
});

test('a part that was altered, moved or cut does not open', async () => {
  const part = /** @type {import('./wire.js').SealedPart} */ (parts[0]);
  const bytes = fromHex(vector.parts[0].data);
  for (const place of [0, 1, 39, 40, bytes.length - 1]) {
    const altered = bytes.slice();
    altered[place] = (altered[place] ?? 0) ^ 1;
    await assert.rejects((await opener()).open({ ...part, data: toBase64(altered) }), SealError, `byte ${place}`);
  }
  await assert.rejects((await opener()).open({ ...part, data: toBase64(bytes.slice(0, -1)) }), SealError);
  await assert.rejects((await opener()).open({ ...part, data: toBase64(bytes.slice(0, 20)) }), SealError);
  await assert.rejects((await opener()).open({ ...part, seq: 3 }), SealError);
  await assert.rejects((await opener()).open({ ...part, step: 1 }), SealError);
});

test('a part that does not follow the one before it is refused', async () => {
  const [first, second] = /** @type {[any, any]} */ (parts);
  // Without keys, so that nothing but the chain can tell: whoever holds the key could seal another part.
  const blind = new Opener(pair, vector);
  await blind.open(first);
  await assert.rejects(blind.open({ ...second, prev: 'ab'.repeat(32) }), SealError);
  await assert.rejects(new Opener(pair, vector).open({ ...first, prev: 'ab'.repeat(32) }), SealError);
});

test('a part other than the acknowledged one is refused', async () => {
  const one = await opener();
  one.expect(track, 1, 'cd'.repeat(32));
  await assert.rejects(one.open(/** @type {any} */ (parts[0])), SealError);
});

test('a part without a key for its epoch is told apart from a broken one', async () => {
  assert.equal(await new Opener(pair, vector).open(/** @type {any} */ (parts[0])), null);
});

test('a key pair comes back from its stored form', async () => {
  const made = await makeKeyPair();
  assert.deepEqual((await importKeyPair(await exportKeyPair(made))).publicKey, made.publicKey);
});
