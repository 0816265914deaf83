// The words of protocol `vestibule.v1` and of the HTTP interface, as proto/src has them
// (docs/protocol.md). Types only: nothing of this file reaches a browser.

export type Modality = 'chat' | 'audio' | 'video' | 'screen';
export type Basis = 'consent' | 'legal_obligation' | 'legitimate_interest' | 'contract';
export type RecordingMode = 'required' | 'optional';
export type RecordingChoice = 'acknowledged' | 'refused';
export type Role = 'visitor' | 'agent';
export type LeaveReason = 'left' | 'transferred' | 'gone' | 'expired';

export type ErrorCode =
  | 'malformed' | 'too_large' | 'unsupported_version' | 'hello_timeout' | 'token_invalid' | 'token_expired'
  | 'token_used' | 'resume_stale' | 'superseded' | 'origin_refused' | 'consent_missing' | 'modality_refused'
  | 'notice_outdated' | 'recording_required' | 'rate_limited' | 'flooding' | 'too_many_unacknowledged'
  | 'too_many_unanswered' | 'text_empty' | 'text_too_long' | 'name_refused' | 'out_of_order' | 'not_permitted'
  | 'not_found' | 'session_ended' | 'already_taken' | 'recording_unavailable' | 'overloaded' | 'sdp_refused'
  | 'codec_missing' | 'media_unavailable' | 'agreement_needed' | 'call_missing' | 'nobody_there' | 'slow_client'
  | 'shutting_down' | 'sign_in_required' | 'sign_in_failed' | 'internal';

export interface ErrorBody { type: string; title: string; status: number; code: ErrorCode }

// Gate

export interface Purpose { id: string; text: string; basis: Basis; source?: string; modalities: Modality[] }
export interface Notice {
  version: string; language: string; controller: string; contact: string; policy_url: string; decline_url: string;
  name_not_needed: string; purposes: Purpose[];
  recording: { mode: RecordingMode; minimum_days: number; maximum_days: number };
  retention_text: string; recipients: string[]; transfers: string[]; rights: string[]; authority: string; obligation: string;
}
export interface GateView {
  name: string; accent: string | null; modalities: Modality[]; recording: RecordingMode;
  notice: string; notice_json: string; languages: string[]; staffed: boolean;
}
export interface ReceiptClaim { lookup: string; proof_hash: string; public_key: string }
export interface ConsentRequest {
  notice: string; modalities: Modality[]; recording: RecordingChoice; participant_key: string; receipt: ReceiptClaim;
}
export interface Envelope { payloadType: string; payload: string; signatures: { keyid: string; sig: string }[] }
export interface ConsentResponse {
  session: string; participant: string; join: string; join_expires_in: number; receipt: Envelope;
}

// Desk

export interface SignIn { client: string; name: string; password: string }
export interface Me { staff: string; name: string; client: string }
export type Offer = { kind: 'waiting' } | { kind: 'invite'; by: string } | { kind: 'transfer'; by: string };
export interface QueueEntry {
  session: string; site: string; site_name: string; visitor: string; online: boolean; modalities: Modality[];
  recorded: boolean; since: number; offer: Offer | null; notice: string; minimum_days: number; maximum_days: number;
}
export interface Colleague { staff: string; name: string; online: boolean }
export interface QueueView { waiting: QueueEntry[]; mine: QueueEntry[]; colleagues: Colleague[] }
export interface AcceptRequest { participant_key: string; recording: RecordingChoice }
export interface AcceptResponse { site: string; session: string; participant: string; join: string }
export interface PastSession {
  session: string; site_name: string; started: number; ended: number; recorded: boolean; modalities: Modality[];
}

// Socket

export interface Limits { text_bytes: number; per_minute: number; unacknowledged: number; unanswered: number }
export interface Person {
  participant: string; role: Role; name: string; track: number; online: boolean; delivered: number; read: number;
}
export interface SealedAt { track: number; epoch: number; seq: number; head: string }
export interface KeyWrap { track: number; epoch: number; wrap: string }
export interface SealedPart { track: number; epoch: number; step: number; seq: number; prev: string; data: string }

// Calls: offers and answers are SDP, and the client always offers

/** What is sent in a call: sound, the camera's picture, the screen's. */
export type Kind = 'audio' | 'video' | 'screen';
export type Standing =
  | 'ringing' | 'in' | 'away' | 'declined' | 'busy' | 'no_answer' | 'no_permission' | 'no_device' | 'left';
export type SourceState = 'live' | 'muted' | 'held' | 'unagreed';
export type Refusal = 'declined' | 'busy' | 'no_permission' | 'no_device';
export type OverReason =
  | 'hung_up' | 'declined' | 'busy' | 'no_answer' | 'no_permission' | 'no_device' | 'gone' | 'withdrawn'
  | 'recording_unavailable' | 'media_unavailable' | 'session_ended';
export interface CallSource { kind: Kind; track: number; state: SourceState }
export interface CallPerson { participant: string; standing: Standing; held: boolean; sources: CallSource[] }
export interface CallView { since: number; by: string; people: CallPerson[] }
export interface CallOver { reason: OverReason; by: string | null; lasted_ms: number }
export interface SendSlot { mid: string; kind: Kind }
export interface TakeSlot { mid: string; participant: string; kind: Kind }
export type CallEvent =
  | { k: 'agreed' | 'withdrew'; modality: Modality }
  | { k: 'rang' | 'joined_call' | 'left_call' }
  | { k: 'declined'; reason: Refusal }
  | { k: 'added' | 'removed'; kind: Kind }
  | { k: 'muted'; kind: Kind; on: boolean }
  | { k: 'held'; on: boolean }
  | { k: 'call_over'; reason: OverReason; lasted_ms: number };

export type Hello =
  | { t: 'join'; site: string; token: string; name?: string }
  | { t: 'resume'; site: string; token: string; name: string; have: number };

export type ClientMessage =
  | { t: 'say'; cid: number; text: string }
  | { t: 'typing'; on: boolean }
  | { t: 'mark'; delivered: number; read: number }
  | { t: 'invite'; to: string }
  | { t: 'transfer'; to: string | null }
  | { t: 'leave' }
  | { t: 'end' }
  | CallMessage;
export type CallMessage =
  | { t: 'agree'; modality: Modality; notice: string }
  | { t: 'withdraw'; modality: Modality }
  | { t: 'call'; again: boolean }
  | { t: 'decline'; reason: Refusal }
  | { t: 'hang_up' }
  | { t: 'offer'; offer: number; sdp: string; sends: SendSlot[]; takes: TakeSlot[] }
  | { t: 'mute'; kind: Kind; on: boolean }
  | { t: 'hold'; on: boolean };

export interface Welcome {
  t: 'welcome'; tenant: string; session: string; recording: string | null; participant: string; name: string;
  track: number; resume: string; modalities: Modality[]; offered?: Modality[]; people: Person[]; last: number;
  limits: Limits;  answered: boolean; now: number;
}
export type ServerMessage =
  | Welcome
  | { t: 'sealed'; wraps: KeyWrap[]; parts: SealedPart[]; more: boolean }
  | { t: 'joined'; n: number | null; at: number; person: Person }
  | { t: 'left'; n: number; at: number; participant: string; reason: LeaveReason }
  | { t: 'presence'; participant: string; online: boolean }
  | { t: 'asked'; n: number; at: number; participant: string; handover: boolean }
  | { t: 'said'; n: number; at: number; participant: string; cid: number; text: string }
  | { t: 'ack'; cid: number; n: number; at: number; sealed: SealedAt | null }
  | { t: 'marks'; participant: string; delivered: number; read: number }
  | { t: 'typing'; participant: string; on: boolean }
  | { t: 'waiting'; since: number; ahead: number }
  | { t: 'ended'; n: number; at: number; by: string | null; keep_min: number | null; keep_max: number | null }
  | { t: 'call'; call: CallView | null; over: CallOver | null }
  | { t: 'answer'; offer: number; sdp: string }
  | { t: 'noted'; n: number; at: number; participant: string; what: CallEvent }
  | { t: 'agreed'; modalities: Modality[]; receipt: Envelope | null }
  | { t: 'error'; code: ErrorCode; message: string; cid?: number; offer?: number; retry_ms?: number };

/** The plaintext of a chat part. */
export type ChatEvent =
  | { e: 'joined'; n: number; at: number; participant: string; role: Role; name: string }
  | { e: 'said'; n: number; at: number; cid: number; text: string }
  | { e: 'left'; n: number; at: number; reason: LeaveReason }
  | { e: 'asked'; n: number; at: number; to: string | null; handover: boolean }
  | { e: 'noted'; n: number; at: number; what: CallEvent }
  | { e: 'ended'; n: number; at: number };
