// What a call is to one participant: pure functions over what the relay tells.

/** @import { CallOver, CallPerson, CallView, Kind, Modality, SourceState } from './wire.js' */

/** In the order in which they are shown. */
export const KINDS = /** @type {const} */ (['audio', 'video', 'screen']);

/**
 * Where this participant stands: no call; it rings here; nobody has answered yet; in it; in it
 * before the connection broke; or it runs without them.
 * @typedef {'none' | 'ringing' | 'calling' | 'in' | 'away' | 'out'} Phase
 */

/**
 * @param {CallView | null} call
 * @param {string} me
 * @returns {Phase}
 */
export function phaseOf(call, me) {
  if (!call) return 'none';
  const own = personIn(call, me)?.standing;
  if (own === 'ringing' || own === 'away') return own;
  if (own !== 'in') return 'out';
  return othersIn(call, me).length ? 'in' : 'calling';
}

/**
 * @param {CallView | null} call
 * @param {string} participant
 * @returns {CallPerson | null}
 */
export function personIn(call, participant) {
  return call?.people.find((p) => p.participant === participant) ?? null;
}

/**
 * The others who are in it, also while their connection is away.
 * @param {CallView | null} call
 * @param {string} me
 * @returns {CallPerson[]}
 */
export function othersIn(call, me) {
  return call?.people.filter((p) => p.participant !== me && (p.standing === 'in' || p.standing === 'away')) ?? [];
}

/**
 * Somebody's source of a kind, if they send one.
 * @param {CallPerson | null} person
 * @param {Modality} kind
 */
export function sourceOf(person, kind) {
  return person?.sources.find((s) => s.kind === kind) ?? null;
}

/**
 * What has to be agreed to before taking part and sending these kinds: sound always, and each kind that
 * flows already.
 * @param {CallView | null} call
 * @param {string} me
 * @param {readonly Modality[]} agreed
 * @param {readonly Kind[]} kinds
 * @returns {Kind[]}
 */
export function missing(call, me, agreed, kinds) {
  const flows = othersIn(call, me).flatMap((p) => p.sources).filter((s) => s.state !== 'unagreed').map((s) => s.kind);
  const needed = new Set([...kinds, ...flows, 'audio']);
  return KINDS.filter((kind) => needed.has(kind) && !agreed.includes(kind));
}

/**
 * What somebody else in the call offers that this participant has not agreed to, and whose it is.
 * @param {CallView | null} call
 * @param {string} me
 * @param {readonly Modality[]} agreed
 * @returns {{ participant: string, kind: Kind } | null}
 */
export function askedFor(call, me, agreed) {
  for (const { participant, sources } of othersIn(call, me)) {
    const source = sources.find((s) => s.state === 'unagreed' && !agreed.includes(s.kind));
    if (source) return { participant, kind: source.kind };
  }
  return null;
}

/**
 * Whether anything of this call is heard, seen or recorded just now: whoever is alone in it is not.
 * @param {CallView} call
 */
export function flows(call) {
  const people = call.people.filter((p) => p.standing === 'in');
  return people.length > 1 && people.some((p) => p.sources.some((s) => s.state === 'live'));
}

/**
 * Whether this participant has missed the call that ended so.
 * @param {CallOver} over
 * @param {string | null} caller
 * @param {string} me
 */
export function missedIn({ by, lasted_ms, reason }, caller, me) {
  return lasted_ms === 0 && caller !== me && (reason === 'no_answer' || (reason === 'hung_up' && by !== me) || (reason === 'busy' && by === me));
}

/**
 * What is shown of a source instead of it, where it does not flow.
 * @param {SourceState | undefined} state
 * @returns {'muted' | 'held' | 'unagreed' | ''}
 */
export function hindrance(state) {
  return state === undefined || state === 'live' ? '' : state;
}

/**
 * A place to receive one source at a time.
 * @typedef {{ media: 'audio' | 'video', participant: string | null, kind: Kind | null }} Place
 */

/**
 * The others' sources, each with its place: one that has a place keeps it, one that goes leaves its
 * place to the next of the same medium, and further places are added at the end.
 * @param {readonly Place[]} places
 * @param {readonly { participant: string, kind: Kind }[]} wanted
 * @returns {Place[]}
 */
export function seat(places, wanted) {
  const is = (/** @type {Place} */ place, /** @type {{ participant: string, kind: Kind }} */ want) =>
    place.participant === want.participant && place.kind === want.kind;
  /** @type {Place[]} */
  const seats = places.map((place) => (wanted.some((want) => is(place, want)) ? { ...place }
    : { media: place.media, participant: null, kind: null }));
  for (const want of wanted) {
    if (seats.some((place) => is(place, want))) continue;
    const media = want.kind === 'audio' ? 'audio' : 'video';
    const free = seats.find((place) => place.media === media && place.participant === null);
    if (free) Object.assign(free, want);
    else seats.push({ media, ...want });
  }
  return seats;
}

/**
 * An SDP without the addresses that the browser has found: the relay needs none of them.
 * @param {string} sdp
 */
export function withoutAddresses(sdp) {
  return sdp
    .replace(/^a=(candidate|end-of-candidates).*\r?\n/gm, '')
    .replace(/^c=.*$/gm, 'c=IN IP4 0.0.0.0')
    .replace(/^a=rtcp:.*$/gm, 'a=rtcp:9 IN IP4 0.0.0.0')
    .replace(/^(m=\w+) [1-9]\d* /gm, '$1 9 ');
}

/**
 * Hours, minutes and seconds, as a clock shows them.
 * @param {number} ms
 */
export function clock(ms) {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const two = (/** @type {number} */ n) => String(n).padStart(2, '0');
  const rest = `${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
  return seconds < 3600 ? rest : `${Math.floor(seconds / 3600)}:${rest}`;
}
