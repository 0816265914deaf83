// What the frame keeps in this tab after the visitor has agreed.

import type { Saved } from '../lib/model.js';
import type { Envelope } from '../lib/wire.js';

export interface Kept {
  language: string;
  /** The client's name, accent and contact page. */
  client: string;
  accent: string | null;
  contact: string;
  /** Hash of the notice that was agreed to. */
  notice: string;
  /** The participant's private key. */
  key: JsonWebKey;
  /** The receipt's secret, base64url. */
  secret: string;
  receipt: Envelope;
  saved: Saved | null;
  /** The end, once it has come. */
  ended: { at: number; by: string | null; keep_min: number | null; keep_max: number | null } | null;
}
