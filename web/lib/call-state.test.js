import assert from 'node:assert/strict';
import { test } from 'node:test';
import { askedFor, clock, flows, missedIn, missing, othersIn, phaseOf, seat, withoutAddresses } from './call-state.js';

/** @import { CallPerson, CallView, Kind, OverReason, SourceState, Standing } from './wire.js' */

/** @type {(participant: string, standing: Standing, sources?: [Kind, SourceState][]) => CallPerson} */
const person = (participant, standing, sources = []) => ({ participant, standing, held: false,
  sources: sources.map(([kind, state], i) => ({ kind, state, track: 3 + i })) });
/** @type {(...people: CallPerson[]) => CallView} */
const call = (...people) => ({ since: 0, by: 'mia', people });

test('who calls alone is calling, who is rung is ringing, and who is with others is in it', () => {
  assert.equal(phaseOf(null, 'me'), 'none');
  assert.equal(phaseOf(call(person('me', 'in'), person('mia', 'ringing')), 'me'), 'calling');
  assert.equal(phaseOf(call(person('me', 'ringing'), person('mia', 'in')), 'me'), 'ringing');
  assert.equal(phaseOf(call(person('me', 'in'), person('mia', 'away')), 'me'), 'in');
  assert.equal(phaseOf(call(person('me', 'away'), person('mia', 'in')), 'me'), 'away');
  for (const standing of /** @type {Standing[]} */ (['declined', 'busy', 'no_answer', 'no_permission', 'no_device', 'left'])) {
    assert.equal(phaseOf(call(person('me', standing), person('mia', 'in')), 'me'), 'out');
  }
  assert.deepEqual(othersIn(call(person('me', 'in'), person('mia', 'in'), person('jo', 'left')), 'me').map((p) => p.participant), ['mia']);
});

test('before answering, sound has to be agreed to, and every kind that flows already', () => {
  const runs = call(person('me', 'ringing'), person('mia', 'in', [['audio', 'live'], ['video', 'muted'], ['screen', 'unagreed']]));
  assert.deepEqual(missing(runs, 'me', ['chat'], []), ['audio', 'video']);
  assert.deepEqual(missing(runs, 'me', ['chat', 'audio', 'video'], []), []);
  assert.deepEqual(missing(null, 'me', ['chat', 'audio'], ['audio', 'video']), ['video']);
});

test('what another sends that I have not agreed to is asked for, and nothing that others have not agreed to', () => {
  const runs = call(person('me', 'in'), person('mia', 'in', [['audio', 'live'], ['screen', 'unagreed']]));
  assert.deepEqual(askedFor(runs, 'me', ['chat', 'audio']), { participant: 'mia', kind: 'screen' });
  assert.equal(askedFor(runs, 'me', ['chat', 'audio', 'screen']), null);
});

test('something flows while somebody sends it and another is there, and not while everyone is muted or held', () => {
  const mia = person('mia', 'in', [['audio', 'muted']]);
  assert.ok(flows(call(person('me', 'in', [['audio', 'live']]), mia)));
  assert.ok(!flows(call(person('me', 'in', [['audio', 'held']]), mia)));
  assert.ok(!flows(call(person('me', 'in', [['audio', 'live']]), person('mia', 'ringing'))));
});

test('a call is missed by whom it rang for, or who was in another; not by whoever began or declined it', () => {
  /** @type {(reason: OverReason, by: string | null, caller?: string, lasted_ms?: number) => boolean} */
  const missed = (reason, by, caller = 'mia', lasted_ms = 0) => missedIn({ reason, by, lasted_ms }, caller, 'me');
  assert.deepEqual([missed('no_answer', null), missed('hung_up', 'mia'), missed('busy', 'me')], [true, true, true]);
  assert.deepEqual([missed('no_answer', null, 'me'), missed('declined', 'me'), missed('hung_up', 'mia', 'mia', 9)], [false, false, false]);
});

test('a source keeps its place, and one that goes leaves it to the next of its medium', () => {
  const audio = { participant: 'mia', kind: /** @type {const} */ ('audio') };
  const video = { participant: 'mia', kind: /** @type {const} */ ('video') };
  const screen = { participant: 'jo', kind: /** @type {const} */ ('screen') };
  let places = seat([], [audio, video]);
  assert.deepEqual(places, [{ media: 'audio', ...audio }, { media: 'video', ...video }]);
  places = seat(places, [audio]);
  assert.deepEqual(places[1], { media: 'video', participant: null, kind: null });
  places = seat(places, [screen, audio]);
  assert.deepEqual(places, [{ media: 'audio', ...audio }, { media: 'video', ...screen }]);
  places = seat(places, [audio, screen, video]);
  assert.deepEqual(places[2], { media: 'video', ...video });
});

test('an offer names no address that the browser has found', () => {
  const sdp = ['v=0', 'o=- 1 2 IN IP4 127.0.0.1', 'm=audio 50123 UDP/TLS/RTP/SAVPF 111', 'c=IN IP4 192.0.2.7',
    'a=rtcp:9 IN IP6 2001:db8::7', 'a=candidate:1 1 udp 2 192.0.2.7 50123 typ host', 'a=end-of-candidates', 'a=mid:0',
    'm=video 0 UDP/TLS/RTP/SAVPF 96', ''].join('\r\n');
  const clean = withoutAddresses(sdp);
  assert.doesNotMatch(clean, /192\.0\.2|2001:db8|50123|candidate/);
  assert.match(clean, /^m=audio 9 UDP/m);
  assert.match(clean, /^m=video 0 UDP/m);
  assert.match(clean, /^c=IN IP4 0\.0\.0\.0\r$/m);
});

test('a clock shows hours only when there are some', () => {
  assert.deepEqual([0, 59_999, 61_000, 3_600_000, -5].map(clock), ['00:00', '00:59', '01:01', '1:00:00', '00:00']);
});
