// The relay's HTTP interface as the desk uses it. The session cookie is the browser's business.

/** @import { AcceptResponse, Me, PastSession, QueueView } from '../lib/wire.js' */

/** What the relay refused, or `offline` where it could not be reached. */
export class Refused extends Error {
  /** @param {string} code from the closed list, or `offline` */
  constructor(code) {
    super(code);
    /** @readonly */
    this.code = code;
  }
}

/**
 * @param {string} path
 * @param {RequestInit} [init]
 * @returns {Promise<Response>}
 */
async function call(path, init) {
  let response;
  try {
    response = await fetch(path, { credentials: 'same-origin', cache: 'no-store', ...init });
  } catch {
    throw new Refused('offline');
  }
  if (response.ok) return response;
  let code = response.status >= 500 ? 'internal' : 'malformed';
  try {
    const body = await response.json();
    if (typeof body.code === 'string') code = body.code;
  } catch {
    // Not a problem document: a proxy's page, or nothing. The status has to do.
  }
  throw new Refused(code);
}

/**
 * @param {string} path
 * @param {unknown} [body]
 */
function post(path, body) {
  return call(path, {
    method: 'POST',
    headers: body === undefined ? {} : { 'content-type': 'application/json' },
    body: body === undefined ? null : JSON.stringify(body),
  });
}

/**
 * @param {string} client
 * @param {string} name
 * @param {string} password
 */
export async function signIn(client, name, password) {
  await post('/api/v1/sign-in', { client, name, password });
}

export async function signOut() {
  await post('/api/v1/sign-out');
}

/** @returns {Promise<Me>} */
export async function me() {
  return (await call('/api/v1/me')).json();
}

/** @returns {Promise<PastSession[]>} */
export async function pastSessions() {
  return (await call('/api/v1/sessions')).json();
}

/**
 * @param {string} session
 * @param {string} participantKey
 * @param {boolean} recorded
 * @returns {Promise<AcceptResponse>}
 */
export async function accept(session, participantKey, recorded) {
  const answer = await post(`/api/v1/sessions/${encodeURIComponent(session)}/accept`, {
    participant_key: participantKey,
    recording: recorded ? 'acknowledged' : 'refused',
  });
  return answer.json();
}

/** How long the queue's stream may stay away before it is opened anew, in milliseconds. */
const REOPEN_MS = 3000;

/**
 * The queue as it changes, until `stop` is called.
 *
 * @param {{
 *   queue: (view: QueueView) => void,
 *   online: (online: boolean) => void,
 *   signedOut: () => void,
 * }} told
 * @returns {{stop: () => void}}
 */
export function followQueue(told) {
  /** @type {EventSource | null} */
  let source = null;
  let timer = 0;
  let stopped = false;

  const open = () => {
    source = new EventSource('/api/v1/queue');
    source.addEventListener('open', () => told.online(true));
    source.addEventListener('queue', (event) => told.queue(JSON.parse(event.data)));
    source.addEventListener('error', () => {
      told.online(false);
      if (source?.readyState === EventSource.CLOSED) again();
    });
  };

  // A browser gives up after an HTTP error and does not say which: ask, and try again.
  const again = () => {
    source?.close();
    timer = window.setTimeout(async () => {
      try {
        await me();
        if (!stopped) open();
      } catch (error) {
        if (stopped) return;
        if (error instanceof Refused && error.code === 'sign_in_required') told.signedOut();
        else again();
      }
    }, REOPEN_MS);
  };

  open();
  return {
    stop() {
      stopped = true;
      window.clearTimeout(timer);
      source?.close();
    },
  };
}
