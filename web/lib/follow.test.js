import assert from 'node:assert/strict';
import { test } from 'node:test';
import { follow } from './follow.js';

/** A box of a thousand, of which a hundred are seen. */
class Box extends EventTarget {
  scrollHeight = 1000;
  clientHeight = 100;
  #top = 0;
  get scrollTop() { return this.#top; }
  set scrollTop(top) { this.#top = Math.max(0, Math.min(top, this.scrollHeight - this.clientHeight)); }
  scroll(top = this.#top) {
    this.scrollTop = top;
    this.dispatchEvent(new Event('scroll'));
  }
}

function box() {
  const one = new Box();
  /** @type {() => void} */
  let sized = () => {};
  Object.assign(globalThis, { ResizeObserver: class {
    constructor(/** @type {() => void} */ told) { sized = told; }
    observe() {}
  } });
  const end = follow(/** @type {any} */ (one));
  end.go();
  return { one, end, resize: (/** @type {number} */ height) => {
    one.clientHeight = height;
    sized();
  } };
}

test('less room does not take it from its end, also where scrolling is told only after that', () => {
  const { one, end, resize } = box();
  resize(40);
  assert.equal(one.scrollTop, 960);
  one.clientHeight = 10;
  one.scrollHeight = 1200;
  one.scroll();
  assert.ok(end.at);
  end.stay();
  assert.equal(one.scrollTop, 1190);
});

test('who goes up is left there, until they are at the end again', () => {
  const { one, end, resize } = box();
  one.scroll(300);
  resize(40);
  end.stay();
  assert.deepEqual([end.at, one.scrollTop], [false, 300]);
  one.scroll(930);
  assert.ok(end.at);
});

test('what is opened is not scrolled away from whoever reads it', () => {
  const { one, end } = box();
  one.scrollHeight = 1600;
  one.dispatchEvent(new Event('toggle'));
  end.stay();
  assert.deepEqual([end.at, one.scrollTop], [false, 900]);
});
