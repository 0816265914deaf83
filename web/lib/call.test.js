import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { Devices, Hindered } from './call-devices.js';
import { Call } from './call.js';
import { Conversation } from './conversation.js';

/** @import { Kind, Modality, SourceState, Standing } from './wire.js' */

/** The relay's side of one participant, as far as calls go. */
class Wire extends EventTarget {
  conversation = new Conversation();
  state = 'open';
  over = false;
  /** @type {string | null} */
  code = null;
  /** @type {any[]} */
  sent = [];
  starts = 0;
  command(/** @type {any} */ message) {
    if (this.state === 'open') this.sent.push(message);
    return this.state === 'open';
  }
  start() { this.starts += 1; }
  tell(/** @type {any} */ frame) {
    this.conversation.take(frame, 0);
    this.dispatchEvent(new CustomEvent('frame', { detail: frame }));
  }
  /** Says where these stand, and what they send. */
  call(/** @type {Record<string, [Standing, ...[Kind, SourceState][]]>} */ people, since = 7, holds = '') {
    this.tell({ t: 'call', over: null, call: { since, by: 'mia', people: Object.entries(people).map(([participant, [standing, ...sources]]) =>
      ({ participant, standing, held: participant === holds, sources: sources.map(([kind, state], i) => ({ kind, state, track: i })) })) } });
  }
  welcome(/** @type {Modality[]} */ modalities = ['chat', 'audio']) {
    this.tell({ t: 'welcome', tenant: 't', session: 's', recording: 'r', participant: 'me', name: 'me', track: 1, resume: 'x', modalities,
      offered: ['chat', 'audio', 'video', 'screen'], people: [], last: 0, limits: this.conversation.limits, answered: true, now: 0 });
  }
  said(/** @type {string} */ t) { return this.sent.filter((m) => m.t === t); }
}

class Peer extends EventTarget {
  state = 'connected';
  closed = false;
  restarts = 0;
  offers = 0;
  /** @type {[Kind, any][]} */ sends = [];
  /** @type {string[]} */ takes = [];
  set(/** @type {Map<Kind, any>} */ sends, /** @type {any[]} */ takes) {
    this.sends = [...sends].map(([kind, track]) => [kind, track && true]);
    this.takes = takes.map((t) => `${t.participant}/${t.kind}`);
  }
  offer() { this.offers += 1; }
  restart() { this.restarts += 1; }
  close() { this.closed = true; }
}

/** Devices that are there, or are not. */
class Ports extends Devices {
  /** @type {Map<Kind, any>} */
  why = new Map();
  async open(/** @type {readonly Kind[]} */ kinds) {
    for (const kind of kinds) {
      if (this.why.has(kind)) throw new Hindered(this.why.get(kind), kind);
      this.tracks.set(kind, /** @type {any} */ ({ stop() {}, kind }));
    }
  }
}

/** @type {Call[]} */
const made = [];
afterEach(() => made.splice(0).forEach((call) => call.close()));

function calls(/** @type {Modality[]} */ modalities = ['chat', 'audio']) {
  const wire = new Wire();
  const ports = new Ports(undefined);
  /** @type {Peer[]} */
  const peers = [];
  /** @type {((proposal: any) => Promise<string>)[]} */
  const asks = [];
  const call = new Call(/** @type {any} */ (wire), () => 'hash', ports, (ask) => {
    asks.push(ask);
    peers.push(new Peer());
    return /** @type {any} */ (peers.at(-1));
  });
  made.push(call);
  wire.welcome(modalities);
  return { wire, ports, peers, asks, call };
}

test('nothing is sent before the relay says that it flows, and a muted microphone sends nothing', async () => {
  const { wire, peers, call } = calls();
  await call.begin();
  assert.deepEqual(wire.sent, [{ t: 'call', again: false }]);
  wire.call({ me: ['in'], mia: ['ringing'] });
  assert.equal(call.phase, 'calling');
  assert.deepEqual(peers[0]?.sends, [['audio', null]]);
  wire.call({ me: ['in', ['audio', 'live']], mia: ['in', ['audio', 'live']] });
  assert.deepEqual([peers[0]?.sends, peers[0]?.takes, call.phase], [[['audio', true]], ['mia/audio'], 'in']);
  call.mute();
  assert.deepEqual(peers[0]?.sends, [['audio', null]]);
  assert.deepEqual(wire.said('mute'), [{ t: 'mute', kind: 'audio', on: true }]);
  call.mute();
  assert.deepEqual(peers[0]?.sends, [['audio', true]]);
});

test('what was not agreed to is asked for first, and nothing is opened until it is agreed', async () => {
  const { wire, ports, peers, call } = calls(['chat']);
  await call.begin(['audio', 'video']);
  assert.deepEqual(call.asking?.kinds, ['audio', 'video']);
  assert.equal(ports.tracks.size, 0);
  call.agree();
  assert.deepEqual(wire.sent, [{ t: 'agree', modality: 'audio', notice: 'hash' }]);
  wire.tell({ t: 'agreed', modalities: ['chat', 'audio'], receipt: null });
  assert.deepEqual(wire.sent.slice(1), [{ t: 'agree', modality: 'video', notice: 'hash' }]);
  assert.equal(ports.tracks.size, 0);
  wire.tell({ t: 'agreed', modalities: ['chat', 'audio', 'video'], receipt: null });
  await new Promise(setImmediate);
  assert.deepEqual(wire.said('call'), [{ t: 'call', again: false }]);
  assert.equal(peers.length, 0);
});

test('declining to agree leaves everything as it was', async () => {
  const { wire, call } = calls(['chat']);
  await call.begin();
  call.refuse();
  assert.deepEqual([call.asking, wire.sent, call.active], [null, [], false]);
});

test('another’s screen is asked about once, and a refusal is not asked again', async () => {
  const { wire, call } = calls();
  await call.begin();
  const runs = () => wire.call({ me: ['in', ['audio', 'live']], mia: ['in', ['audio', 'live'], ['screen', 'unagreed']] });
  runs();
  assert.deepEqual(call.asked, { participant: 'mia', kind: 'screen' });
  call.refuse();
  runs();
  assert.equal(call.asked, null);
});

test('what was withdrawn without a connection is told as soon as there is one', () => {
  const { wire, call } = calls(['chat', 'audio', 'video']);
  wire.state = 'waiting';
  call.withdraw('video');
  assert.deepEqual(wire.said('withdraw'), []);
  wire.state = 'open';
  wire.welcome(['chat', 'audio', 'video']);
  wire.welcome(['chat', 'audio']);
  assert.deepEqual(wire.said('withdraw'), [{ t: 'withdraw', modality: 'video' }]);
});

test('what was withdrawn is told until the relay says so', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  /** @type {Modality[]} */
  const before = ['chat', 'audio', 'video', 'screen'];
  const { wire, call } = calls(before);
  const times = () => wire.said('withdraw').length;
  call.withdraw('video');
  assert.deepEqual([times(), wire.conversation.modalities], [1, ['chat', 'audio', 'screen']]);
  // Its socket was dying, then it came too fast; a call that ends meanwhile changes nothing.
  wire.welcome(before);
  assert.deepEqual([times(), wire.conversation.modalities], [2, ['chat', 'audio', 'screen']]);
  wire.tell({ t: 'error', code: 'rate_limited', message: '', retry_ms: 700 });
  call.hangUp();
  t.mock.timers.tick(699);
  assert.equal(times(), 2);
  t.mock.timers.tick(1);
  assert.equal(times(), 3);
  // What it says of something else may have been said before it heard of it.
  wire.tell({ t: 'agreed', modalities: before, receipt: null });
  assert.equal(times(), 4);
  wire.tell({ t: 'agreed', modalities: ['chat', 'audio', 'screen'], receipt: null });
  wire.welcome(before);
  assert.deepEqual([times(), wire.conversation.modalities], [4, before]);
});

test('what was withdrawn is asked for before it is sent again, and is withdrawn no more once it is agreed to', async () => {
  const { wire, ports, call } = calls(['chat', 'audio', 'video']);
  await call.begin();
  wire.call({ me: ['in', ['audio', 'live']], mia: ['in'] });
  call.withdraw('video');
  await call.turn('video', true);
  assert.deepEqual([call.asking?.kinds, ports.tracks.has('video')], [['video'], false]);
  call.agree();
  wire.tell({ t: 'agreed', modalities: ['chat', 'audio', 'video'], receipt: null });
  await new Promise(setImmediate);
  wire.welcome(['chat', 'audio', 'video']);
  assert.deepEqual([ports.tracks.has('video'), wire.said('withdraw').length], [true, 1]);
});

test('what was agreed to on a socket that died is said again', async () => {
  const { wire, call } = calls(['chat']);
  await call.begin();
  call.agree();
  wire.welcome(['chat']);
  assert.equal(wire.said('agree').length, 2);
  wire.welcome(['chat', 'audio']);
  await new Promise(setImmediate);
  assert.deepEqual([call.asking, wire.said('agree').length, wire.said('call').length], [null, 2, 1]);
});

test('what was withdrawn is not asked for again, until somebody begins anew with it', async () => {
  const { wire, call } = calls(['chat', 'audio', 'video']);
  await call.begin(['audio', 'video']);
  const runs = (/** @type {[Kind, SourceState][]} */ ...theirs) => wire.call({ me: ['in', ['audio', 'live']], mia: ['in', ['audio', 'live'], ...theirs] });
  runs(['video', 'live']);
  call.withdraw('video');
  wire.tell({ t: 'agreed', modalities: ['chat', 'audio'], receipt: null });
  runs(['video', 'unagreed']);
  assert.equal(call.asked, null);
  runs(['video', 'unagreed'], ['screen', 'unagreed']);
  assert.deepEqual(call.asked, { participant: 'mia', kind: 'screen' }, 'the screen is another question');
  runs();
  runs(['video', 'unagreed']);
  assert.deepEqual(call.asked, { participant: 'mia', kind: 'video' });
});

test('no microphone, or none allowed, declines the call that rings and says why', async () => {
  for (const [why, reason] of [['no_permission', 'no_permission'], ['no_device', 'no_device'], ['in_use', 'no_device']]) {
    const { wire, ports, call } = calls();
    ports.why.set('audio', why);
    let rang = 0;
    call.addEventListener('ring', () => rang += 1);
    wire.call({ me: ['ringing'], mia: ['in'] });
    wire.call({ me: ['ringing'], mia: ['in'] });
    assert.equal(rang, 1);
    await call.begin();
    assert.deepEqual(wire.sent, [{ t: 'decline', reason }]);
    assert.deepEqual(call.trouble, { code: why, kind: 'audio' });
    assert.equal(call.active, false);
  }
});

test('a camera that cannot be opened leaves the call as it is', async () => {
  const { wire, ports, call } = calls(['chat', 'audio', 'video']);
  ports.why.set('video', 'no_device');
  await call.begin();
  wire.call({ me: ['in', ['audio', 'live']], mia: ['in'] });
  await call.turn('video', true);
  assert.deepEqual(call.trouble, { code: 'no_device', kind: 'video' });
  assert.equal(call.phase, 'in');
});

test('while anybody holds the call nothing of mine is sent', async () => {
  const { wire, peers, call } = calls();
  await call.begin();
  wire.call({ me: ['in', ['audio', 'held']], mia: ['in', ['audio', 'held']] });
  assert.deepEqual(peers[0]?.sends, [['audio', null]]);
  wire.call({ me: ['in', ['audio', 'live']], mia: ['in', ['audio', 'live']] });
  assert.deepEqual(peers[0]?.sends, [['audio', true]]);
});

test('who mutes before the relay knows of the microphone is muted, and the relay is told when it does', async () => {
  const { wire, peers, call } = calls();
  await call.begin();
  wire.call({ me: ['in'], mia: ['in'] });
  call.mute();
  assert.equal(wire.said('mute').length, 0);
  wire.call({ me: ['in', ['audio', 'live']], mia: ['in'] });
  assert.deepEqual([wire.said('mute').length, peers[0]?.sends], [1, [['audio', null]]]);
});

test('after the socket came back the call is joined again by itself, with a new connection, muted as before', async () => {
  const { wire, peers, call } = calls();
  await call.begin();
  wire.call({ me: ['in', ['audio', 'live']], mia: ['in'] });
  call.mute();
  wire.state = 'retrying';
  wire.dispatchEvent(new Event('change'));
  assert.equal(call.reconnecting, true);
  wire.state = 'open';
  wire.welcome();
  assert.deepEqual(wire.sent.at(-1), { t: 'call', again: true });
  assert.deepEqual([call.active, call.reconnecting, call.phase], [true, true, 'in']);
  wire.call({ me: ['in', ['audio', 'live']], mia: ['in'] });
  assert.deepEqual([peers.length, peers[0]?.closed, call.reconnecting], [2, true, false]);
  assert.deepEqual(wire.said('mute').length, 2);
  assert.deepEqual(peers[1]?.sends, [['audio', null]]);
});

test('who speaks and takes up again while the socket is away does so at the relay, too', async () => {
  const { wire, call } = calls();
  await call.begin();
  wire.call({ me: ['in', ['audio', 'live']], mia: ['in'] });
  call.mute();
  call.hold();
  wire.state = 'retrying';
  call.mute();
  call.hold();
  wire.state = 'open';
  wire.welcome();
  wire.call({ me: ['in', ['audio', 'muted']], mia: ['in'] }, 7, 'me');
  assert.deepEqual([wire.said('mute').at(-1)?.on, wire.said('hold').at(-1)?.on], [false, false]);
});

test('a connection that failed is made anew while the socket is there', async () => {
  const { wire, peers, call } = calls();
  await call.begin();
  wire.call({ me: ['in', ['audio', 'live']], mia: ['in'] });
  peers[0]?.dispatchEvent(new Event('failed'));
  assert.deepEqual([peers.length, peers[0]?.closed, peers[1]?.sends], [2, true, [['audio', true]]]);
});

test('a connection that the relay has lost is made anew once, and offers what is sent', async () => {
  const { wire, peers, call } = calls();
  await call.begin();
  wire.call({ me: ['in', ['audio', 'live']], mia: ['in', ['audio', 'live']] });
  assert.equal(call.reconnecting, false);
  for (let told = 0; told < 2; told += 1) wire.call({ me: ['away', ['audio', 'live']], mia: ['in', ['audio', 'live']] });
  assert.deepEqual([peers.length, peers[0]?.closed, peers[1]?.sends, peers[1]?.takes], [2, true, [['audio', true]], ['mia/audio']]);
  assert.ok(call.active && call.reconnecting);
  wire.call({ me: ['in', ['audio', 'live']], mia: ['in', ['audio', 'live']] });
  assert.deepEqual([peers.length, call.reconnecting], [2, false]);
  wire.call({ me: ['left'], mia: ['in', ['audio', 'live']], jon: ['in', ['audio', 'live']] });
  assert.equal(call.active, false);
});

test('a relay that is too busy for an offer is asked again each second until it answers', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { wire, peers, asks, call } = calls();
  await call.begin();
  wire.call({ me: ['in', ['audio', 'live']], mia: ['in'] });
  for (let offer = 1; offer <= 6; offer += 1) {
    asks[0]?.({ sdp: '', sends: [], takes: [] }).catch(() => {});
    wire.tell({ t: 'error', code: 'overloaded', message: '', offer });
    t.mock.timers.tick(1_000);
    assert.deepEqual([call.trouble, peers[0]?.offers], [null, offer]);
  }
  const answered = asks[0]?.({ sdp: '', sends: [], takes: [] });
  wire.tell({ t: 'answer', offer: 7, sdp: 'to it' });
  t.mock.timers.tick(1_000);
  assert.deepEqual([await answered, call.trouble, peers[0]?.offers], ['to it', null, 6]);
});

test('an answer to an offer that was given up is for nobody', async () => {
  const { wire, peers, asks, call } = calls();
  await call.begin();
  wire.call({ me: ['in', ['audio', 'live']], mia: ['in'] });
  const first = asks[0]?.({ sdp: '1', sends: [], takes: [] }).catch((code) => code);
  peers[0]?.dispatchEvent(new Event('failed'));
  const second = asks[1]?.({ sdp: '2', sends: [], takes: [] });
  wire.tell({ t: 'answer', offer: 1, sdp: 'to 1' });
  wire.tell({ t: 'answer', offer: 2, sdp: 'to 2' });
  assert.deepEqual([await first, await second], ['offline', 'to 2']);
});

test('an offer that came too soon is made again, and the answer to the one before is not taken for its own', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { wire, peers, asks, call } = calls();
  await call.begin();
  wire.call({ me: ['in', ['audio', 'live']], mia: ['in'] });
  asks[0]?.({ sdp: '1', sends: [], takes: [] }).catch(() => {});
  peers[0]?.dispatchEvent(new Event('failed'));
  const second = asks[1]?.({ sdp: '2', sends: [], takes: [] }).catch((code) => code);
  wire.code = 'rate_limited';
  wire.tell({ t: 'error', code: 'rate_limited', message: '', offer: 2 });
  assert.deepEqual([await second, wire.code, call.trouble], ['rate_limited', null, null]);
  wire.tell({ t: 'answer', offer: 1, sdp: 'to 1' });
  t.mock.timers.tick(1_000);
  assert.equal(peers[1]?.offers, 1);
  const third = asks[1]?.({ sdp: '3', sends: [], takes: [] });
  wire.tell({ t: 'answer', offer: 2, sdp: 'to 2' });
  wire.tell({ t: 'answer', offer: 3, sdp: 'to 3' });
  assert.equal(await third, 'to 3');
});

test('an offer whose call ends first is answered by that, and the first answer of the next call counts', async () => {
  const ends = [
    (/** @type {Call} */ _call) => {},
    (/** @type {Call} */ call) => call.hangUp(),
  ];
  for (const end of ends) {
    const { wire, asks, call } = calls();
    await call.begin();
    wire.call({ me: ['in'], mia: ['ringing'] });
    const first = asks[0]?.({ sdp: '1', sends: [], takes: [] }).catch((code) => code);
    end(call);
    wire.tell({ t: 'error', code: 'call_missing', message: '', offer: 1 });
    wire.tell({ t: 'call', call: null, over: { reason: 'busy', by: 'mia', lasted_ms: 0 } });
    assert.match(await first, /call_missing|offline/);
    assert.equal(call.trouble, null);
    await call.begin();
    wire.call({ me: ['in'], mia: ['ringing'] }, 8);
    const second = asks[1]?.({ sdp: '2', sends: [], takes: [] });
    wire.tell({ t: 'answer', offer: 2, sdp: 'to 2' });
    assert.equal(await second, 'to 2');
  }
});

test('a relay that does not answer an offer is taken for gone', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { wire, asks, call } = calls();
  await call.begin();
  wire.call({ me: ['in'], mia: ['in'] });
  asks[0]?.({ sdp: '', sends: [], takes: [] }).catch(() => {});
  t.mock.timers.tick(8_000);
  assert.equal(wire.starts, 1);
});

test('every end releases every device', async () => {
  /** @type {((wire: Wire, call: Call) => void)[]} */
  const ends = [(_, call) => call.hangUp(), (_, call) => call.withdraw('audio'),
    (wire) => wire.tell({ t: 'call', call: null, over: { reason: 'hung_up', by: 'mia', lasted_ms: 5 } }),
    (wire) => wire.call({ me: ['left'], mia: ['in'] }), (wire) => wire.tell({ t: 'error', code: 'call_missing', message: '', offer: 1 }),
    (wire) => {
      wire.state = 'closed';
      wire.dispatchEvent(new Event('change'));
    }];
  for (const end of ends) {
    const { wire, ports, peers, asks, call } = calls();
    await call.begin();
    wire.call({ me: ['in', ['audio', 'live']], mia: ['in'] });
    asks[0]?.({ sdp: '', sends: [], takes: [] }).catch(() => {});
    end(wire, call);
    assert.deepEqual([call.active, ports.tracks.size, peers[0]?.closed], [false, 0, true], String(end));
  }
});

test('who hangs up without a connection has hung up, and the relay is told when it is back', async () => {
  const { wire, call } = calls();
  await call.begin();
  wire.call({ me: ['in', ['audio', 'live']], mia: ['in'] });
  wire.state = 'retrying';
  call.hangUp();
  wire.state = 'open';
  wire.welcome();
  wire.call({ me: ['away', ['audio', 'live']], mia: ['in'] });
  wire.call({ me: ['away', ['audio', 'live']], mia: ['in'] });
  assert.equal(wire.said('hang_up').length, 1);
  assert.equal(wire.said('call').length, 1);
});

test('a call that this page is not in any more can be gone back to', async () => {
  const { wire, call } = calls();
  wire.call({ me: ['away', ['audio', 'live']], mia: ['in'] });
  assert.equal(call.phase, 'away');
  wire.call({ me: ['in', ['audio', 'live']], mia: ['in'] });
  assert.equal(call.phase, 'away');
  await call.begin();
  assert.deepEqual(wire.said('call'), [{ t: 'call', again: true }]);
});

test('who goes back after a reload is muted, and holds, as the relay knows it', async () => {
  for (const [muted, held] of [[true, true], [true, false], [false, true], [false, false]]) {
    const { wire, peers, call } = calls();
    wire.call({ me: ['away', ['audio', muted ? 'muted' : held ? 'held' : 'live']], mia: ['in'] }, 7, held ? 'me' : '');
    await call.begin();
    wire.call({ me: ['in', ['audio', muted ? 'muted' : held ? 'held' : 'live']], mia: ['in'] }, 7, held ? 'me' : '');
    assert.deepEqual([call.muted.has('audio'), call.held], [muted, held]);
    assert.deepEqual(peers[0]?.sends, [['audio', muted || held ? null : true]]);
    call.mute();
    assert.equal(wire.said('mute').at(-1)?.on, !muted);
  }
});

test('a refusal to let in is told here, and what it held is let go of', async () => {
  const { wire, ports, call } = calls();
  await call.begin();
  wire.code = 'recording_unavailable';
  wire.tell({ t: 'error', code: 'recording_unavailable', message: '' });
  assert.deepEqual([call.trouble?.code, call.active, ports.tracks.size, wire.code], ['recording_unavailable', false, 0, null]);
});
