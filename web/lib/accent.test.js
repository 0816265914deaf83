import assert from 'node:assert/strict';
import { test } from 'node:test';
import { contrast, readable } from './accent.js';

test('black on white has the greatest contrast there is', () => {
  assert.equal(Math.round(contrast('#000000', '#ffffff') * 10) / 10, 21);
  assert.equal(Math.round(contrast('#767676', '#ffffff') * 100) / 100, 4.54);
});

test('every accent can be read on every paper, and its ink on it', () => {
  const steps = [0, 51, 102, 153, 204, 255];
  for (const r of steps) for (const g of steps) for (const b of steps) {
    const colour = `#${[r, g, b].map((c) => c.toString(16).padStart(2, '0')).join('')}`;
    for (const dark of [false, true]) {
      const { accent, ink } = readable(colour, dark);
      for (const other of [...(dark ? ['#15171a', '#1e2125'] : ['#f6f6f4', '#ffffff']), ink]) {
        assert.ok(contrast(accent, other) >= 4.5, `${colour} became ${accent} on ${other}`);
      }
    }
  }
});

test('an accent that can be read stays as it is', () => {
  assert.equal(readable('#1f5f9e', false).accent, '#1f5f9e');
});
