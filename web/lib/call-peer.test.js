import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Peer, preferred } from './call-peer.js';

/** @import { Proposal } from './call-peer.js' */

/** A connection of which nothing leaves this test. */
class Rtc {
  /** @type {any[]} */
  transceivers = [];
  iceConnectionState = 'new';
  /** @type {any} */ oniceconnectionstatechange = null;
  /** @type {any} */ localDescription = null;
  offers = 0;
  /** @type {string[]} */
  answers = [];
  restarts = 0;
  closed = false;
  addTransceiver(/** @type {string} */ media, /** @type {any} */ { direction }) {
    const transceiver = { media, direction, mid: null, receiver: { track: {} },
      sender: { track: null, async replaceTrack(/** @type {any} */ track) { this.track = track; } } };
    this.transceivers.push(transceiver);
    return transceiver;
  }
  async setLocalDescription() {
    this.offers += 1;
    this.transceivers.forEach((t, i) => { t.mid ??= String(i); });
    this.localDescription = { sdp: `offer ${this.offers}\r\na=candidate:1 1 udp 1 192.0.2.7 5 typ host\r\n` };
  }
  async setRemoteDescription(/** @type {any} */ { sdp }) { this.answers.push(sdp); }
  restartIce() { this.restarts += 1; }
  close() { this.closed = true; }
  move(/** @type {string} */ state) {
    this.iceConnectionState = state;
    this.oniceconnectionstatechange?.();
  }
}

function connected() {
  const rtc = new Rtc();
  /** @type {{ proposal: Proposal, answer: (sdp: string) => void, refuse: (code: unknown) => void }[]} */
  const asked = [];
  const peer = new Peer((proposal) => new Promise((answer, refuse) => asked.push({ proposal, answer, refuse })), () => /** @type {any} */ (rtc));
  return { rtc, asked, peer };
}

const settled = () => new Promise((done) => setImmediate(() => setImmediate(done)));
const track = (/** @type {string} */ id) => /** @type {any} */ ({ id });
const mic = track('mic');
const mia = { participant: 'mia', kind: /** @type {const} */ ('audio') };

test('an offer says which section carries what, and names no address', async () => {
  const { asked, peer } = connected();
  peer.set(new Map([['audio', mic]]), [mia]);
  await settled();
  assert.deepEqual(asked[0]?.proposal, { sdp: 'offer 1\r\n', sends: [{ mid: '0', kind: 'audio' }], takes: [{ mid: '1', ...mia }] });
});

test('one offer is on its way at a time, and all that changed meanwhile goes into the next', async () => {
  const { rtc, asked, peer } = connected();
  peer.set(new Map([['audio', mic]]), []);
  await settled();
  peer.set(new Map([['audio', mic], ['video', track('cam')]]), []);
  peer.set(new Map([['audio', mic], ['video', track('cam')]]), [mia]);
  await settled();
  assert.equal(asked.length, 1);
  asked[0]?.answer('answer 1');
  await settled();
  assert.deepEqual([asked.length, rtc.offers, rtc.answers], [2, 2, ['answer 1']]);
  assert.deepEqual(asked[1]?.proposal.sends.map((s) => s.kind), ['audio', 'video']);
  asked[1]?.answer('answer 2');
  await settled();
  assert.equal(asked.length, 2);
});

test('muting sends nothing and offers nothing, and the section stays', async () => {
  const { rtc, asked, peer } = connected();
  peer.set(new Map([['audio', mic]]), []);
  await settled();
  asked[0]?.answer('answer');
  await settled();
  peer.set(new Map([['audio', null]]), []);
  await settled();
  assert.equal(rtc.transceivers[0].sender.track, null);
  assert.equal(rtc.transceivers[0].direction, 'sendonly');
  assert.equal(asked.length, 1);
});

test('a camera that goes and comes back uses the section that it had', async () => {
  const { rtc, asked, peer } = connected();
  const answer = async () => {
    await settled();
    asked.at(-1)?.answer('answer');
    await settled();
  };
  peer.set(new Map([['audio', mic], ['video', track('cam')]]), []);
  await answer();
  peer.set(new Map([['audio', mic]]), []);
  await answer();
  assert.equal(rtc.transceivers[1].direction, 'inactive');
  assert.deepEqual(asked.at(-1)?.proposal.sends, [{ mid: '0', kind: 'audio' }]);
  peer.set(new Map([['audio', mic], ['video', track('other')]]), []);
  await answer();
  assert.equal(rtc.transceivers.length, 2);
  assert.deepEqual(asked.at(-1)?.proposal.sends.map((s) => s.mid), ['0', '1']);
});

test('a connection that falters is given two seconds, then looked for anew', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { rtc, peer } = connected();
  rtc.move('connected');
  assert.equal(peer.state, 'connected');
  rtc.move('disconnected');
  t.mock.timers.tick(1_999);
  assert.equal(rtc.restarts, 0);
  t.mock.timers.tick(1);
  assert.equal(rtc.restarts, 1);
  rtc.move('disconnected');
  rtc.move('connected');
  t.mock.timers.tick(5_000);
  assert.equal(rtc.restarts, 1);
  let failed = 0;
  peer.addEventListener('failed', () => failed += 1);
  rtc.move('failed');
  assert.deepEqual([failed, peer.state], [1, 'faltering']);
});

test('a refused offer can be made again', async () => {
  const { asked, peer } = connected();
  peer.set(new Map([['audio', mic]]), []);
  await settled();
  asked[0]?.refuse('overloaded');
  await settled();
  assert.equal(asked.length, 1);
  void peer.offer();
  await settled();
  assert.equal(asked.length, 2);
});

test('only what is recorded is offered: Opus; VP8 before H.264; and what is sent again', () => {
  const codec = (/** @type {string} */ mimeType, sdpFmtpLine = '') => ({ mimeType, sdpFmtpLine });
  const codecs = [codec('video/H264', 'packetization-mode=1;profile-level-id=42e01f'), codec('video/rtx'), codec('video/VP9'),
    codec('video/H264', 'packetization-mode=0;profile-level-id=42e01f'), codec('video/VP8'), codec('audio/opus'), codec('audio/PCMU'), codec('video/red')];
  assert.deepEqual(preferred(codecs).map((c) => c.mimeType), ['audio/opus', 'video/VP8', 'video/H264', 'video/rtx']);
});
