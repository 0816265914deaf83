//! From an event to the spool, and from the spool to the people: sealed, appended, then shown.

use std::sync::Arc;

use proto::call::CallEvent;
use proto::event::{ChatEvent, LeaveReason};
use proto::notice::Modality;
use proto::wire::{SealedAt, ServerMessage};
use proto::{ErrorCode, Millis, ParticipantId, PublicKey};
use rand_core::CryptoRng;
use seal::manifest::Cause;
use seal::spool::{Begin, EventKind, LiveWraps, Record};
use seal::track::{Recipients, TrackId, TrackSealer};
use tokio_tungstenite::tungstenite::Utf8Bytes;

use super::effect::Effect;
use super::facts::SealTarget;
use super::frame::to_frame;
use super::person::{Acked, Stage};
use super::state::{BELIEVED_MS, InFlight, Phase, Room};

/// An event that has its number and is not durable yet.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) n: u64,
    pub(super) at: Millis,
    pub(super) who: usize,
    pub(super) what: What,
}

/// What is shown of it once it is durable.
#[derive(Debug)]
pub(super) enum What {
    Said {
        cid: u64,
        frame: Utf8Bytes,
        sealed: Option<SealedAt>,
    },
    Joined,
    Asked {
        frame: Utf8Bytes,
    },
    Noted {
        frame: Utf8Bytes,
        what: CallEvent,
    },
    Left {
        reason: LeaveReason,
    },
    Ended {
        by: Option<ParticipantId>,
    },
}

impl Pending {
    pub(super) fn is_said(&self, of: u64) -> bool {
        matches!(self.what, What::Said { cid, .. } if cid == of)
    }
}

/// Acknowledgements that are kept for each participant, to be given again.
const ACKS: usize = 64;

impl Room {
    /// Makes a participant's first key ahead of their first event.
    pub(super) fn prepare(
        &mut self,
        now: Millis,
        who: usize,
        rng: &mut impl CryptoRng,
    ) -> Result<(), ErrorCode> {
        let Some(recording) = self.facts.recording else {
            return Ok(());
        };
        let person = self.people.get_mut(who).ok_or(ErrorCode::Internal)?;
        person.sealer = Some(TrackSealer::new(TrackId {
            tenant: self.facts.tenant,
            recording,
            track: person.track,
            participant: person.id,
            role: person.role,
            modality: Modality::Chat,
        }));
        let mut records = Vec::new();
        self.wraps_for(who, &mut records, rng)?;
        self.new_epoch(now, who, &mut records, rng)?;
        if let Some(person) = self.people.get_mut(who) {
            // Good if nobody else comes or goes before this one joins.
            person.sealed_to = self.roster + 1;
            person.has_keys_until = self.epochs;
            person.prepared = records;
        }
        Ok(())
    }

    /// Wraps to a newcomer the keys of what was said before, as far as this process has them.
    fn wraps_for(
        &mut self,
        who: usize,
        records: &mut Vec<Record>,
        rng: &mut impl CryptoRng,
    ) -> Result<(), ErrorCode> {
        let (Some(recording), Some(newcomer)) = (self.facts.recording, self.people.get(who)) else {
            return Ok(());
        };
        let (id, key) = (newcomer.id, newcomer.key);
        let mut wraps = Vec::new();
        // Who has not joined has keys that the spool has not heard of.
        let others = self
            .people
            .iter_mut()
            .filter(|person| person.id != id && person.stage != Stage::Admitted);
        for sealer in others.filter_map(|person| person.sealer.as_mut()) {
            wraps.extend(sealer.wraps_for(id, &key, rng).map_err(unsealed)?);
        }
        if !wraps.is_empty() {
            records.push(Record::Wraps(LiveWraps {
                tenant: self.facts.tenant,
                recording,
                wraps,
            }));
        }
        Ok(())
    }

    /// A new data key for this participant's track, wrapped to everyone who is in, and to them.
    fn new_epoch(
        &mut self,
        now: Millis,
        who: usize,
        records: &mut Vec<Record>,
        rng: &mut impl CryptoRng,
    ) -> Result<(), ErrorCode> {
        let target = self
            .target
            .as_ref()
            .filter(|_| now < self.believed_until)
            .ok_or(ErrorCode::RecordingUnavailable)?;
        let live: Vec<(ParticipantId, PublicKey)> = self
            .people
            .iter()
            .enumerate()
            .filter(|(index, person)| *index == who || person.stage == Stage::In)
            .map(|(_, person)| (person.id, person.key))
            .collect();
        let recipients = Recipients {
            sealing: &target.sealing,
            intake: &target.intake,
            receipts: &[],
            live: &live,
        };
        let person = self.people.get_mut(who).ok_or(ErrorCode::Internal)?;
        let sealer = person.sealer.as_mut().ok_or(ErrorCode::Internal)?;
        let epoch = sealer.new_epoch(&recipients, rng).map_err(unsealed)?;
        person.sealed_to = self.roster;
        records.push(Record::Epoch(epoch));
        Ok(())
    }

    /// Puts records on their way, and keeps what returning people will need of them.
    pub(super) fn send_out(&mut self, records: Vec<Record>) {
        for record in &records {
            match record {
                Record::Epoch(epoch) => {
                    self.epochs += 1;
                    self.history.push_epoch(epoch);
                }
                Record::Wraps(wraps) => self.history.push_wraps(&wraps.wraps),
                _ => {}
            }
        }
        self.outbox.extend(records);
    }

    /// Seals an event onto its sender's track. Where nothing is recorded there is nothing to do.
    pub(super) fn seal_event(
        &mut self,
        now: Millis,
        who: usize,
        event: &ChatEvent,
        rng: &mut impl CryptoRng,
    ) -> Result<Option<SealedAt>, ErrorCode> {
        if self.facts.recording.is_none() {
            return Ok(None);
        }
        self.ensure_key(now, who, rng)?;
        let person = self.people.get_mut(who).ok_or(ErrorCode::Internal)?;
        let sealer = person.sealer.as_mut().ok_or(ErrorCode::Internal)?;
        let plaintext =
            zeroize::Zeroizing::new(event.to_padded().map_err(|_| ErrorCode::Internal)?);
        let part = sealer.seal(&plaintext, rng).map_err(unsealed)?;
        let at = part.sealed_at();
        self.history.push_part(event.n(), part.clone());
        self.outbox.push(Record::Part(part));
        Ok(Some(at))
    }

    /// A key that exactly those who are in can read.
    pub(super) fn ensure_key(
        &mut self,
        now: Millis,
        who: usize,
        rng: &mut impl CryptoRng,
    ) -> Result<(), ErrorCode> {
        let person = self.people.get(who).ok_or(ErrorCode::Internal)?;
        let current = person.sealed_to == self.roster;
        if !current {
            self.keys_are_fresh(now)?;
        }
        let person = self.people.get_mut(who).ok_or(ErrorCode::Internal)?;
        let prepared = core::mem::take(&mut person.prepared);
        self.send_out(prepared);
        if !current {
            let mut records = Vec::new();
            self.new_epoch(now, who, &mut records, rng)?;
            self.send_out(records);
        }
        Ok(())
    }

    /// The newest keys for new epochs.
    pub(super) fn seal_to(
        &mut self,
        now: Millis,
        target: Arc<SealTarget>,
        rng: &mut impl CryptoRng,
    ) {
        if self.facts.recording.is_some() {
            self.target = Some(target);
            self.believed_until = now.plus(BELIEVED_MS);
            self.note_changes(now, rng);
        }
    }

    /// Asked before anything is begun that needs a new key: where the keys to seal it to were not
    /// looked up for too long, this one act is refused, and may be tried again.
    pub(super) fn keys_are_fresh(&self, now: Millis) -> Result<(), ErrorCode> {
        if self.needs_keys(now) {
            return Err(ErrorCode::Overloaded);
        }
        Ok(())
    }

    pub(super) fn begin(&mut self) {
        let Some(recording) = self.facts.recording else {
            return;
        };
        self.outbox.push(Record::Begin(Begin {
            tenant: self.facts.tenant,
            recording,
            session: self.facts.session,
            site: self.facts.site,
            node: self.house.node.id,
            notice: self.facts.notice,
            policy: self.facts.policy,
            started: self.facts.since.whole_seconds(),
        }));
    }

    /// What a newcomer still lacks, where keys were made after theirs were prepared.
    pub(super) fn catch_up(
        &mut self,
        who: usize,
        rng: &mut impl CryptoRng,
    ) -> Result<(), ErrorCode> {
        let stale = self
            .people
            .get(who)
            .is_some_and(|person| person.has_keys_until != self.epochs);
        if stale && self.facts.recording.is_some() {
            let mut records = Vec::new();
            if let Some(person) = self.people.get_mut(who) {
                // Only the epoch: its wraps are made anew, and none stands twice.
                person
                    .prepared
                    .retain(|record| matches!(record, Record::Epoch(_)));
            }
            self.wraps_for(who, &mut records, rng)?;
            self.send_out(records);
        }
        Ok(())
    }

    /// Gives the event its number: it is shown when that number is durable.
    pub(super) fn take(&mut self, at: Millis, who: usize, what: What) {
        self.last += 1;
        self.pending.push_back(Pending {
            n: self.last,
            at,
            who,
            what,
        });
    }

    /// Hands the spool what has gathered, unless an append is on its way.
    pub(super) fn flush(&mut self, now: Millis) {
        if self.phase == Phase::Broken {
            return;
        }
        if self.facts.recording.is_none() {
            // Nothing to wait for.
            self.show_until(now, self.last);
            return;
        }
        if self.in_flight.is_none() && !self.outbox.is_empty() {
            self.in_flight = Some(InFlight {
                until: self.last,
                since: now,
                held: false,
            });
            let mut records = core::mem::take(&mut self.owed);
            records.append(&mut self.outbox);
            self.effects.push_back(Effect::Append(records));
        }
    }

    /// The append is on the disk.
    pub fn durable(&mut self, now: Millis) {
        if self.is_stalled() {
            // Nobody could come back: their time to do so begins now.
            for person in &mut self.people {
                person.gone_since = now;
            }
            self.board.changed = true;
        }
        if let Some(since) = self.stalled_since.take() {
            // Everyone was sent away, and may come back now.
            self.was_missing(None, since, now, Cause::DiskFull);
        }
        if let Some(append) = self.in_flight.take() {
            self.show_until(now, append.until);
        }
        self.settle(now);
    }

    /// There is no space on the disk, and nothing of the append was written: everyone is told and
    /// goes. The append is held; when it has become durable after all they may come back.
    pub fn stalled(&mut self, now: Millis) {
        if let Some(append) = &mut self.in_flight {
            append.held = true;
            self.stalled_since.get_or_insert(now);
        }
        self.break_off_call(now);
        self.close_everyone(Some(ErrorCode::RecordingUnavailable));
        self.board.changed = true;
        if self.stopping.is_some() {
            self.let_go(now);
        }
        self.settle(now);
    }

    /// The relay stops while an append is held: none of it was acknowledged.
    pub(super) fn let_go(&mut self, now: Millis) {
        self.in_flight = None;
        self.outbox = Vec::new();
        self.pending.clear();
        self.phase = Phase::Stopping;
        self.no_more_places(now);
    }

    /// An append of somebody's failed, and no other will succeed.
    pub(super) fn spool_failed(&mut self, now: Millis) {
        let runs = matches!(self.phase, Phase::Open | Phase::Ending);
        if runs && self.facts.recording.is_some() {
            self.failed(now);
        }
    }

    /// The append failed: nothing more is taken, and everyone is told.
    pub fn failed(&mut self, now: Millis) {
        if matches!(self.phase, Phase::Broken | Phase::Finished) {
            return;
        }
        self.in_flight = None;
        self.outbox = Vec::new();
        self.pending.clear();
        self.phase = if self.stopping.is_some() {
            Phase::Stopping
        } else {
            Phase::Broken
        };
        self.note(EventKind::RecordingStopped, None);
        for person in &mut self.people {
            person.sealer = None;
            person.prepared = Vec::new();
        }
        self.media = Vec::new();
        self.call = None;
        self.ending = None;
        self.close_media();
        self.closing = 0;
        self.no_more_places(now);
        self.close_everyone(Some(ErrorCode::RecordingUnavailable));
        self.board.changed = true;
        self.settle(now);
    }

    fn show_until(&mut self, now: Millis, n: u64) {
        self.durable = self.durable.max(n);
        while self.pending.front().is_some_and(|pending| pending.n <= n)
            && let Some(pending) = self.pending.pop_front()
        {
            metrics::counter!(crate::telemetry::counted::EVENTS).increment(1);
            self.show(now, pending);
        }
    }

    fn show(&mut self, now: Millis, pending: Pending) {
        let Pending { n, at, who, what } = pending;
        match what {
            What::Said { cid, frame, sealed } => {
                self.tell_others(Some(who), &frame);
                self.acknowledge(who, Acked { cid, n, at, sealed });
                self.remember(n, frame);
            }
            What::Asked { frame } => {
                self.tell_others(None, &frame);
                self.remember(n, frame);
            }
            What::Noted { frame, what } => {
                self.tell_others(None, &frame);
                self.remember(n, frame);
                if let CallEvent::Agreed { .. } | CallEvent::Withdrew { .. } = what {
                    self.has_consented(now, who);
                }
            }
            What::Joined => {
                let Some(person) = self.people.get(who) else {
                    return;
                };
                let mut person = person.on_the_wire();
                person.online = true;
                let frame = to_frame(&ServerMessage::Joined {
                    n: Some(n),
                    at,
                    person,
                });
                self.tell_others(Some(who), &frame);
                self.remember(n, frame);
            }
            What::Left { reason } => {
                let Some(participant) = self.people.get(who).map(|person| person.id) else {
                    return;
                };
                let frame = to_frame(&ServerMessage::Left {
                    n,
                    at,
                    participant,
                    reason,
                });
                self.tell_others(None, &frame);
                self.remember(n, frame);
                self.has_left(who, at);
            }
            What::Ended { by } => self.has_ended(n, at, by),
        }
    }

    /// Where nothing is recorded, the frames themselves are the history.
    pub(super) fn remember(&mut self, n: u64, frame: Utf8Bytes) {
        if self.facts.recording.is_none() {
            self.history.push_frame(n, frame);
        }
    }

    fn acknowledge(&mut self, who: usize, acked: Acked) {
        let Some(person) = self.people.get_mut(who) else {
            return;
        };
        person.unacknowledged = person.unacknowledged.saturating_sub(1);
        if person.acks.len() >= ACKS {
            person.acks.pop_front();
        }
        person.acks.push_back(acked);
        self.tell(
            who,
            &ServerMessage::Ack {
                cid: acked.cid,
                n: acked.n,
                at: acked.at,
                sealed: acked.sealed,
            },
        );
    }
}

/// Sealing fails only where a key cannot be used or a counter is full: it is then not recordable.
fn unsealed(error: seal::SealError) -> ErrorCode {
    tracing::error!(%error, "an event could not be sealed");
    ErrorCode::RecordingUnavailable
}
