import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Devices } from './call-devices.js';

/** Devices of a browser: what is asked for, and what is refused. */
class Browser extends EventTarget {
  /** @type {any[]} */
  asked = [];
  /** @type {Record<string, string>} name of the exception by kind */
  refuses = {};
  /** @type {any[]} */
  tracks = [];
  async getUserMedia(/** @type {any} */ wanted) {
    this.asked.push(wanted);
    const kinds = ['audio', 'video'].filter((kind) => wanted[kind]);
    for (const kind of kinds) if (this.refuses[kind]) throw new DOMException('', this.refuses[kind]);
    return this.#stream(kinds);
  }
  async getDisplayMedia() {
    if (this.refuses.screen) throw new DOMException('', this.refuses.screen);
    return this.#stream(['video']);
  }
  async enumerateDevices() { return []; }
  #stream(/** @type {string[]} */ kinds) {
    const tracks = kinds.map((kind) => ({ kind, stopped: false, onended: /** @type {any} */ (null), stop() { this.stopped = true; } }));
    this.tracks.push(...tracks);
    return { getTracks: () => tracks };
  }
}

function plugged(/** @type {Record<string, string>} */ refuses = {}) {
  const browser = Object.assign(new Browser(), { refuses });
  return { browser, devices: new Devices(/** @type {any} */ (browser)) };
}

test('microphone and camera are asked for with one question, and what is open is not asked for again', async () => {
  const { browser, devices } = plugged();
  await devices.open(['audio', 'video']);
  assert.deepEqual(browser.asked.map((a) => [Boolean(a.audio), Boolean(a.video)]), [[true, true]]);
  await devices.open(['audio']);
  assert.equal(browser.asked.length, 1);
});

test('a camera that is missing leaves the microphone open, and says which it is and why', async () => {
  for (const [name, why] of [['NotFoundError', 'no_device'], ['NotAllowedError', 'no_permission'], ['NotReadableError', 'in_use']]) {
    const { devices } = plugged({ video: String(name) });
    await assert.rejects(devices.open(['audio', 'video']), { why, kind: 'video' });
    assert.deepEqual([...devices.tracks.keys()], ['audio']);
  }
});

test('a screen that is not chosen is no trouble with a device', async () => {
  const { devices } = plugged({ screen: 'NotAllowedError' });
  await assert.rejects(devices.open(['screen']), { why: 'not_shared' });
});

test('another microphone takes over while the old one is let go of, and one that does not open changes nothing', async () => {
  const { browser, devices } = plugged();
  await devices.open(['audio']);
  await devices.choose('audio', 'headset');
  assert.deepEqual(browser.asked[1].audio.deviceId, { exact: 'headset' });
  assert.deepEqual(browser.tracks.map((t) => t.stopped), [true, false]);
  browser.refuses.audio = 'OverconstrainedError';
  await assert.rejects(devices.choose('audio', 'gone'));
  assert.deepEqual([devices.chosen.audio, devices.tracks.size, browser.tracks[1].stopped], ['headset', 1, false]);
});

test('what ends by itself is told, and what is closed is let go of without a word', async () => {
  const { browser, devices } = plugged();
  /** @type {string[]} */
  const ended = [];
  devices.addEventListener('ended', (event) => ended.push(/** @type {CustomEvent} */ (event).detail));
  await devices.open(['screen']);
  browser.tracks[0].onended();
  await devices.open(['audio']);
  devices.closeAll();
  assert.deepEqual([ended, devices.tracks.size, browser.tracks.map((t) => t.stopped)], [['screen'], 0, [true, true]]);
});
