// The shapes that conversation.js and connection.js speak of. Types only.

import type { KeyPair } from './seal.js';
import type { CallEvent, ErrorCode, LeaveReason, Role, SealedAt } from './wire.js';

/** Something that happened and has its place in the conversation. */
export interface Item {
  kind: 'joined' | 'said' | 'left' | 'asked' | 'noted' | 'ended';
  /** Place, counted from 1. */
  n: number;
  /** Server time. */
  at: number;
  /** Whose doing it is. */
  participant: string | null;
  text?: string;
  name?: string;
  role?: Role;
  reason?: LeaveReason;
  handover?: boolean;
  /** What happened in or about a call. */
  what?: CallEvent;
  /** Of one's own messages: where each stands in the record. */
  sealed?: SealedAt | null;
}

/** A message of one's own that is not acknowledged yet. */
export interface Pending {
  cid: number;
  text: string;
  /** Why it was refused; it is then not sent again by itself. */
  refused: ErrorCode | null;
}

/** What a page keeps to come back after a reload. */
export interface Saved {
  resume: string;
  name: string;
  unrecorded: boolean;
  /** The last number given to a message. */
  cid: number;
  pending: Pending[];
  /** Highest `n` seen. */
  last: number;
  /** The last of one's own messages that was acknowledged. */
  head: SealedAt | null;
}

export interface Options {
  site: string;
  pair: KeyPair;
  /** From a consent or an acceptance, or what was saved before a reload. */
  credentials: { token: string; name?: string } | Saved;
  url?: string;
  socket?: (url: string, protocol: string) => WebSocket;
  random?: () => number;
}
