//! The end of a session, and the signed manifest of its record.

use std::collections::BTreeSet;

use proto::call::OverReason;
use proto::dsse::{Document as _, Envelope};
use proto::event::{ChatEvent, LeaveReason};
use proto::notice::Modality;
use proto::wire::ServerMessage;
use proto::{ErrorCode, Millis, ParticipantId, RecordingId};
use rand_core::CryptoRng;
use seal::manifest::{self, Cause, Ending, Manifest, Policy};
use seal::spool::{End, Record};
use seal::{Recipient, TrackSealer};

use super::capture::{LAST_MS, MediaTrack};
use super::durable::What;
use super::effect::{Change, Effect};
use super::frame::to_frame;
use super::person::Stage;
use super::state::{Phase, Room};

/// Why a session ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Because {
    /// Somebody ended it.
    Of(usize),
    /// The visitor did not come back.
    Gone,
    /// It has lasted as long as one may.
    Expired,
}

impl Room {
    /// Ends the session.
    pub(super) fn end(
        &mut self,
        now: Millis,
        because: Because,
        rng: &mut impl CryptoRng,
    ) -> Result<(), ErrorCode> {
        if self.ending_needs_keys(because) {
            self.keys_are_fresh(now)?;
        }
        // What was captured of a call comes first.
        self.over(now, OverReason::SessionEnded, None, rng)?;
        let waits = self.closing > 0 || self.is_changing();
        if waits && self.ending.is_none_or(|(_, until)| now < until) {
            self.ending.get_or_insert((because, now.plus(LAST_MS)));
            return Ok(());
        }
        if self.closing > 0 {
            self.never_came(now);
        }
        for who in 0..self.people.len() {
            self.note_last(now, who, rng)?;
        }
        self.ending = None;
        let n = self.last + 1;
        // Where nobody ended it, what the record tells is that and why the visitor is here no longer.
        let left = |reason| ChatEvent::Left { n, at: now, reason };
        let (who, event) = match because {
            Because::Of(who) => (who, ChatEvent::Ended { n, at: now }),
            Because::Gone => (0, left(LeaveReason::Gone)),
            Because::Expired => (0, left(LeaveReason::Expired)),
        };
        self.seal_event(now, who, &event, rng)?;
        let by = match because {
            Because::Of(who) => self.people.get(who).map(|person| person.id),
            Because::Gone | Because::Expired => None,
        };
        self.take(now, who, What::Ended { by });
        for index in 0..self.people.len() {
            self.end_track(now, index, rng)?;
        }
        self.end_media(now, rng)?;
        if let Some(recording) = self.facts.recording {
            let manifest = self.manifest(recording, now, because, by)?;
            self.outbox.push(Record::End(Box::new(End {
                tenant: self.facts.tenant,
                recording,
                manifest,
            })));
        }
        self.phase = Phase::Ending;
        self.board.changed = true;
        Ok(())
    }

    /// An end that waited for what was captured of its call, or for a change of consent.
    pub(super) fn end_if_due(&mut self, now: Millis, rng: &mut impl CryptoRng) {
        let waits = self.closing > 0 || self.is_changing();
        let due = |(_, until): &(Because, Millis)| !waits || now >= *until;
        if let Some((because, _)) = self.ending.filter(due)
            && self.phase == Phase::Open
            && let Err(code) = self.end(now, because, rng)
        {
            self.unsound(now, code);
        }
    }

    /// Whether the last event, or the end part of a track, needs a key that is not made yet.
    fn ending_needs_keys(&self, because: Because) -> bool {
        let last = match because {
            Because::Of(who) => who,
            Because::Gone | Because::Expired => 0,
        };
        let keyless = |track: &MediaTrack| {
            let sealer = track.sealer.as_ref();
            sealer.is_some_and(|sealer| !sealer.has_key() && sealer.seq() > 0)
        };
        self.media.iter().any(keyless)
            || self.people.iter().enumerate().any(|(who, person)| {
                let has_key = person.sealer.as_ref().is_none_or(TrackSealer::has_key);
                (who == last && person.sealed_to != self.roster)
                    || (person.stage != Stage::Admitted && !has_key)
            })
    }

    /// After a restart that found the record damaged: it ends at the last places that are whole.
    pub fn end_damaged(&mut self, now: Millis, rng: &mut impl CryptoRng) {
        let sealers = self
            .people
            .iter()
            .filter_map(|person| person.sealer.as_ref())
            .chain(self.media.iter().filter_map(|track| track.sealer.as_ref()));
        self.cut = Some(sealers.map(TrackSealer::place).collect());
        if let Err(code) = self.end(now, Because::Gone, rng) {
            self.unsound(now, code);
        }
        self.settle(now);
    }

    /// The end part of a track: it says that nothing is missing behind it.
    fn end_track(
        &mut self,
        now: Millis,
        who: usize,
        rng: &mut impl CryptoRng,
    ) -> Result<(), ErrorCode> {
        let Some(person) = self.people.get(who) else {
            return Ok(());
        };
        let (Some(sealer), true) = (&person.sealer, person.stage != Stage::Admitted) else {
            return Ok(());
        };
        if !sealer.has_key() {
            self.ensure_key(now, who, rng)?;
        }
        let sealer = self.people.get_mut(who).and_then(|p| p.sealer.as_mut());
        if let Some(sealer) = sealer {
            let part = sealer
                .end(rng)
                .map_err(|_| ErrorCode::RecordingUnavailable)?;
            self.outbox.push(Record::Part(part));
        }
        Ok(())
    }

    fn recorded_modalities(&self) -> Vec<Modality> {
        let media = self.media.iter().map(|track| track.kind);
        let all: BTreeSet<Modality> = media.chain([Modality::Chat]).collect();
        all.into_iter().collect()
    }

    fn manifest(
        &self,
        recording: RecordingId,
        now: Millis,
        because: Because,
        by: Option<ParticipantId>,
    ) -> Result<Envelope, ErrorCode> {
        let took_part = || {
            self.people
                .iter()
                .filter(|person| person.stage != Stage::Admitted)
        };
        let mut tracks: Vec<_> = took_part()
            .filter_map(|person| person.sealer.as_ref())
            .chain(self.media.iter().filter_map(|track| track.sealer.as_ref()))
            .map(TrackSealer::manifest)
            .collect();
        tracks.sort_by_key(|track| track.track);
        let mut gaps = self.gaps.all();
        gaps.retain(|gap| gap.is_in(&tracks));
        // For agents who accepted and never came keys were made ready, and never left this room.
        for epoch in tracks.iter_mut().flat_map(|track| &mut track.epochs) {
            epoch.recipients.retain(|recipient| match recipient {
                Recipient::Participant { participant } => {
                    took_part().any(|person| person.id == *participant)
                }
                _ => true,
            });
        }
        let manifest = Manifest {
            version: manifest::VERSION,
            tenant: self.facts.tenant,
            recording,
            session: self.facts.session,
            site: self.facts.site,
            node: self.house.node.id,
            started: self.facts.since.whole_seconds(),
            ended: now.whole_seconds(),
            modalities: self.recorded_modalities(),
            policy: Policy::at(self.facts.notice, self.facts.policy, now),
            participants: took_part()
                .map(|person| manifest::Participant {
                    participant: person.id,
                    role: person.role,
                    staff: person.staff,
                    consent: person.consent.clone(),
                })
                .collect(),
            tracks,
            gaps,
            ending: match (&self.cut, by) {
                (Some(places), _) => Ending::Truncated {
                    cause: Cause::Damage,
                    places: places.clone(),
                },
                (None, Some(by)) => Ending::Clean { by },
                (None, None) if because == Because::Expired => Ending::Expired {},
                (None, None) => Ending::Abandoned {},
            },
        };
        manifest
            .sign(&self.house.node.key)
            .map_err(|_| ErrorCode::Internal)
    }

    /// The end is durable: everyone hears it, keys go, and whoever was away may fetch it.
    pub(super) fn has_ended(&mut self, n: u64, at: Millis, by: Option<ParticipantId>) {
        let frame = self.ended_frame(n, at, by);
        self.tell_others(None, &frame);
        self.remember(n, frame);
        self.end = Some((n, at, by));
        self.effects
            .push_back(Effect::Keep(Change::Ended(at.whole_seconds())));
        let mut someone_is_away = false;
        let sockets: Vec<_> = self
            .people
            .iter_mut()
            .filter_map(|person| {
                person.sealer = None;
                person.prepared = Vec::new();
                someone_is_away |= person.stage == Stage::In && person.socket.is_none();
                person.socket.take()
            })
            .collect();
        for socket in sockets {
            self.effects.push_back(Effect::Close(socket, None));
        }
        self.media = Vec::new();
        self.board.changed = true;
        if someone_is_away && self.house.after_end_ms > 0 {
            self.phase = Phase::Ended {
                until: at.plus(self.house.after_end_ms),
            };
        } else {
            self.finish();
        }
    }

    /// Someone who was away at the end has just been given what they missed.
    pub(super) fn attached_after_end(&mut self, who: usize, _now: Millis) {
        let Some((n, at, by)) = self.end else {
            return;
        };
        let frame = self.ended_frame(n, at, by);
        self.frame_to(who, frame);
        if let Some(person) = self.people.get_mut(who)
            && let Some(socket) = person.socket.take()
        {
            self.effects.push_back(Effect::Close(socket, None));
        }
    }

    fn ended_frame(
        &self,
        n: u64,
        at: Millis,
        by: Option<ParticipantId>,
    ) -> tokio_tungstenite::tungstenite::Utf8Bytes {
        let kept = self
            .facts
            .recording
            .map(|_| Policy::at(self.facts.notice, self.facts.policy, at));
        to_frame(&ServerMessage::Ended {
            n,
            at,
            by,
            keep_min: kept.as_ref().map(|policy| policy.keep_min),
            keep_max: kept.as_ref().map(|policy| policy.keep_max),
        })
    }
}
