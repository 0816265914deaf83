// The shapes that call.js speaks of. Types only.

import type { Hindrance } from './call-devices.js';
import type { ErrorCode, Kind } from './wire.js';

/** Something that stands in the way, and of which device it is. */
export interface Trouble { code: ErrorCode | Hindrance | 'offline'; kind: Kind }

/** What is to be agreed to before going on. */
export interface Asking { kinds: Kind[]; go: () => unknown; sent: boolean }
