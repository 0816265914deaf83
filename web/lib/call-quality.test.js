import assert from 'node:assert/strict';
import { test } from 'node:test';
import { judge, sample } from './call-quality.js';

const report = (more = {}) => [
  { type: 'inbound-rtp', kind: 'audio', packetsReceived: 500, packetsLost: 1, jitter: 0.004 },
  { type: 'inbound-rtp', kind: 'video', packetsReceived: 500, packetsLost: 0, jitter: 0.01, freezeCount: 0 },
  { type: 'remote-inbound-rtp', fractionLost: 0 },
  { type: 'candidate-pair', nominated: true, currentRoundTripTime: 0.02, ...more },
  { type: 'local-candidate', address: '192.0.2.7' },
];

test('a connection that loses little and is fast is good', () => {
  const now = sample(report());
  assert.equal(judge(null, now), null);
  assert.equal(judge({ ...now, received: 0 }, { ...now, received: 0 }), null, 'while it rings');
  assert.deepEqual(judge({ ...now, received: 0, lost: 0 }, now), { level: 'good', why: [] });
});

test('what is lost, late or stopped says so, and the worst decides', () => {
  const before = sample(report());
  const weak = { ...before, received: 1_970, lost: 31 };
  assert.deepEqual(judge(before, weak), { level: 'weak', why: [{ key: 'loss_in', n: 3 }] });
  const slow = { ...weak, back: 700, freezes: 1 };
  assert.deepEqual(judge(before, slow), { level: 'bad', why: [{ key: 'loss_in', n: 3 }, { key: 'delay', n: 700 }, { key: 'freezes', n: 1 }] });
});

test('nothing that is judged is an address', () => {
  assert.doesNotMatch(JSON.stringify(sample(report())), /192/);
});

test('a new connection, which counts from the beginning, is not judged by the old one', () => {
  assert.equal(judge(sample(report()), { ...sample(report()), received: 10 }), null);
});
