// The frame: the gate, or the conversation that this tab is in.

import { useAccent } from '../lib/accent.js';
import { fill } from '../lib/h.js';
import { importKeyPair } from '../lib/seal.js';
import { Gate } from './gate.js';
import { Page } from './page.js';

const page = new Page();
const kept = page.kept();
await page.speak(kept?.language ?? page.wanted[0] ?? 'en');
page.tell(kept !== null);
if (kept?.saved) {
  useAccent(kept.accent);
  const { Talk } = await import('./talk.js');
  fill(document.body, new Talk(page, kept, await importKeyPair(kept.key), kept.saved));
} else {
  fill(document.body, new Gate(page));
}
