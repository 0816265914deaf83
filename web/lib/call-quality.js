// How good a call's connection is, in words: made of what the browser counts, sent to nobody, and
// nothing of it is an address.

/**
 * What is counted so far.
 * @typedef {{ received: number, lost: number, jitter: number, back: number, outLost: number, freezes: number }} Sample
 */

/**
 * @typedef {{ level: 'good' | 'weak' | 'bad', why: { key: 'loss_in' | 'loss_out' | 'delay' | 'jitter' | 'freezes', n: number }[] }} Verdict
 */

/** From where on it is weak, and from where on bad. */
const LIMITS = { loss_in: [2, 8], loss_out: [2, 8], delay: [300, 600], jitter: [60, 150], freezes: [1, 4] };

/**
 * @param {Iterable<any>} stats the reports of `getStats`
 * @returns {Sample}
 */
export function sample(stats) {
  const all = [...stats];
  const sum = (/** @type {string} */ type, /** @type {string} */ field) => all.filter((s) => s.type === type).reduce((n, s) => n + (s[field] ?? 0), 0);
  const most = (/** @type {string} */ type, /** @type {string} */ field) => Math.max(0, ...all.filter((s) => s.type === type).map((s) => s[field] ?? 0));
  return {
    received: sum('inbound-rtp', 'packetsReceived'), lost: sum('inbound-rtp', 'packetsLost'), freezes: sum('inbound-rtp', 'freezeCount'),
    jitter: most('inbound-rtp', 'jitter') * 1000, outLost: most('remote-inbound-rtp', 'fractionLost') * 100,
    back: Math.max(0, ...all.filter((s) => s.type === 'candidate-pair' && s.nominated).map((s) => s.currentRoundTripTime ?? 0)) * 1000,
  };
}

/**
 * @param {Sample | null} before
 * @param {Sample} now
 * @returns {Verdict | null} `null` while there is nothing to judge by
 */
export function judge(before, now) {
  if (!before || now.received < before.received || now.received === 0) return null;
  const lost = Math.max(0, now.lost - before.lost);
  const due = now.received - before.received + lost;
  const found = /** @type {const} */ ([
    ['loss_in', due > 0 ? (100 * lost) / due : 0], ['loss_out', now.outLost], ['delay', now.back], ['jitter', now.jitter],
    ['freezes', Math.max(0, now.freezes - before.freezes)],
  ]).filter(([key, n]) => n >= (LIMITS[key][0] ?? 0));
  const bad = found.some(([key, n]) => n >= (LIMITS[key][1] ?? 0));
  return { level: bad ? 'bad' : found.length ? 'weak' : 'good', why: found.map(([key, n]) => ({ key, n: Math.round(n) })) };
}
