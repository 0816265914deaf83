//! What the media worker tells a room: answers, connections, and what it captured, which is sealed
//! here, off the packet path.

use std::collections::HashSet;

use proto::call::{MID_MAX, OverReason, SDP_MAX, SLOTS_MAX, Sdp, SendSlot, TakeSlot};
use proto::event::Role;
use proto::notice::Modality;
use proto::wire::ServerMessage;
use proto::{ErrorCode, Millis, ParticipantId, TrackNo};
use rand_core::CryptoRng;
use seal::manifest;
use seal::spool::Record;
use seal::track::{Recipients, TrackId, TrackSealer};
use zeroize::Zeroizing;

use super::caller::{Caller, Offered};
use super::frame::{Regarding, error_frame};
use super::state::{Phase, Room};
use crate::media::order::{Captured, Cause, News, Order, Send, Take};

/// A media key is used no longer than this.
const RATCHET_MS: i64 = 60_000;
/// After so long the end of a session no longer waits for the end of its call.
pub(super) const LAST_MS: i64 = 2_000;

/// What one participant sends of one kind, as it is recorded. Kept as long as the session lives.
#[derive(Debug)]
pub(super) struct MediaTrack {
    pub(super) number: TrackNo,
    pub(super) participant: ParticipantId,
    pub(super) kind: Modality,
    /// `None` where nothing is recorded, and after the end.
    pub(super) sealer: Option<TrackSealer>,
    pub(super) ratcheted: Millis,
    /// The call of the newest part: each begins an epoch, as its streams are numbered anew.
    pub(super) call: Option<u64>,
    /// Since when it has flowed, and until when; `None` once all of it has come.
    pub(super) flowed: Option<(Millis, Option<Millis>)>,
    /// What had arrived by then has come here.
    pub(super) whole_until: Millis,
}

impl Room {
    /// What a participant offers to send and take.
    pub(super) fn offer(
        &mut self,
        who: usize,
        offer: u32,
        sdp: String,
        sends: &[SendSlot],
        takes: &[TakeSlot],
    ) -> Result<(), ErrorCode> {
        let peer = self.people.get(who).ok_or(ErrorCode::Internal)?.id;
        if self.caller(who, Caller::is_in)?.offer().is_some() {
            return Err(ErrorCode::RateLimited);
        }
        let names = sends.iter().map(|s| &s.mid);
        let mids: HashSet<&String> = names.chain(takes.iter().map(|t| &t.mid)).collect();
        let fits = sdp.len() <= SDP_MAX
            && sends.len() + takes.len() <= SLOTS_MAX
            && mids.len() == sends.len() + takes.len()
            && mids.iter().all(|mid| mid.len() <= MID_MAX);
        let kinds: HashSet<Modality> = sends.iter().map(|send| send.kind).collect();
        if !fits || kinds.len() != sends.len() || kinds.contains(&Modality::Chat) {
            return Err(ErrorCode::SdpRefused);
        }
        if !kinds.iter().all(|kind| self.has_agreed(who, *kind)) {
            return Err(ErrorCode::AgreementNeeded);
        }
        let sends: Vec<Send> = sends
            .iter()
            .map(|send| Send {
                mid: send.mid.clone(),
                kind: send.kind,
                track: self.media_track(peer, send.kind),
            })
            .collect();
        // What is gone meanwhile is not taken: the next offer will not ask for it.
        let takes = takes
            .iter()
            .filter_map(|take| {
                Some(Take {
                    mid: take.mid.clone(),
                    track: self.source(peer, take.participant, take.kind)?,
                })
            })
            .collect();
        let offered = sends.iter().map(|send| (send.kind, send.track)).collect();
        let call = self.call.as_mut().ok_or(ErrorCode::CallMissing)?;
        call.offers += 1;
        let number = call.offers;
        let caller = self.caller(who, Caller::is_in)?;
        let held = caller.held;
        caller.offered.push(Offered {
            number,
            offer,
            sources: Some(offered),
        });
        self.order(Order::Offer {
            peer,
            number,
            sdp,
            sends,
            takes,
        });
        if held {
            // There may have been no worker that this could be said to.
            self.order(Order::Hears { peer, on: false });
        }
        Ok(())
    }

    /// The track of what somebody else sends just now.
    fn source(&self, but: ParticipantId, of: ParticipantId, kind: Modality) -> Option<TrackNo> {
        let who = self.index_of(of).filter(|_| of != but)?;
        let callers = self.call.as_ref()?.callers.iter();
        let caller = callers.into_iter().find(|caller| caller.who == who)?;
        let source = caller.sources.iter().find(|source| source.kind == kind)?;
        Some(source.track)
    }

    /// The track of what this participant sends of this kind: the same for the whole session.
    fn media_track(&mut self, participant: ParticipantId, kind: Modality) -> TrackNo {
        let known = self
            .media
            .iter()
            .find(|track| track.participant == participant && track.kind == kind);
        if let Some(track) = known {
            return track.number;
        }
        let number = self.next_track;
        self.next_track += 1;
        let role = self
            .people
            .iter()
            .find(|person| person.id == participant)
            .map_or(Role::Visitor, |person| person.role);
        let sealer = self.facts.recording.map(|recording| {
            TrackSealer::new(TrackId {
                tenant: self.facts.tenant,
                recording,
                track: number,
                participant,
                role,
                modality: kind,
            })
        });
        self.media.push(MediaTrack {
            number,
            participant,
            kind,
            sealer,
            ratcheted: self.facts.since,
            call: None,
            flowed: None,
            whole_until: self.facts.since,
        });
        number
    }

    /// News of the worker.
    pub(super) fn news(&mut self, now: Millis, news: News, rng: &mut impl CryptoRng) {
        let done = match news {
            News::Answer {
                peer,
                number,
                answer,
            } => self.answered_offer(now, peer, number, answer, rng),
            News::Connected { peer } => {
                self.connection_of(now, peer, true);
                Ok(())
            }
            News::Lost { peer } => {
                self.connection_of(now, peer, false);
                Ok(())
            }
            News::Captured(captured) => self.captured(now, captured, rng),
            News::Closed => {
                self.closing = self.closing.saturating_sub(1);
                for track in &mut self.media {
                    // One that flows is of a later call.
                    track.flowed.take_if(|(_, until)| until.is_some());
                }
                Ok(())
            }
            News::Unfinished => {
                self.closing = self.closing.saturating_sub(1);
                self.never_came(now);
                Ok(())
            }
            News::Failed => {
                // There is nobody who would close it.
                self.media_open = false;
                let done = self.over(now, self.broken(), None, rng);
                self.never_came(now);
                done
            }
            News::Disobeyed => self.over(now, self.broken(), None, rng),
        };
        if let Err(code) = done {
            self.unsound(now, code);
        }
    }

    /// Why a call is over whose worker fails it.
    fn broken(&self) -> OverReason {
        let began = |track: &MediaTrack| track.sealer.as_ref().is_some_and(|s| s.seq() > 0);
        if self.facts.recording.is_some() && self.media.iter().any(began) {
            OverReason::RecordingUnavailable
        } else {
            OverReason::MediaUnavailable
        }
    }

    fn connection_of(&mut self, now: Millis, peer: ParticipantId, up: bool) {
        if let Some(who) = self.index_of(peer) {
            self.connection(now, who, up);
        }
    }

    fn answered_offer(
        &mut self,
        now: Millis,
        peer: ParticipantId,
        number: u64,
        answer: Result<String, ErrorCode>,
        rng: &mut impl CryptoRng,
    ) -> Result<(), ErrorCode> {
        let Some(who) = self.index_of(peer) else {
            return Ok(());
        };
        let caller = self.call.as_mut().and_then(|call| call.caller(who));
        // Where there is none, its end was answered for it.
        let Some(offered) = caller.and_then(|caller| caller.answered(number)) else {
            return Ok(());
        };
        let Offered { offer, sources, .. } = offered;
        match answer {
            Ok(sdp) => {
                let sdp = Sdp(sdp);
                self.tell(who, &ServerMessage::Answer { offer, sdp });
            }
            Err(code) => {
                self.frame_to(who, error_frame(code, Regarding::offer(offer), None));
                // What it would have taken away stays.
                self.regate(now);
                return match code {
                    ErrorCode::MediaUnavailable => self.not_carried(now, who, rng),
                    _ => Ok(()),
                };
            }
        }
        match sources {
            Some(offered) => self.sources_are(now, who, offered, rng),
            None => Ok(()),
        }
    }

    /// Seals what was captured of a track.
    fn captured(
        &mut self,
        now: Millis,
        captured: Captured,
        rng: &mut impl CryptoRng,
    ) -> Result<(), ErrorCode> {
        let Captured {
            call,
            track,
            batch,
            gaps,
            whole_until,
        } = captured;
        let batch = Zeroizing::new(batch);
        if !matches!(self.phase, Phase::Open | Phase::Stopping) || self.facts.recording.is_none() {
            return Ok(());
        }
        let Some(index) = self.media.iter().position(|media| media.number == track) else {
            return Ok(());
        };
        if let Err(code) = self.media_key(now, index, Some(call), rng) {
            tracing::error!(session = %self.facts.session, %code, "a call can no longer be recorded");
            return self.over(now, OverReason::RecordingUnavailable, None, rng);
        }
        let sealer = self.media.get_mut(index).and_then(|m| m.sealer.as_mut());
        let sealer = sealer.ok_or(ErrorCode::Internal)?;
        let part = sealer.seal(&batch, rng);
        let part = part.map_err(|_| ErrorCode::RecordingUnavailable)?;
        self.outbox.push(Record::Part(part));
        if let Some(media) = self.media.get_mut(index) {
            media.whole_until = media.whole_until.max(whole_until);
        }
        for gap in gaps {
            self.was_missing(Some(track), gap.from, gap.to, manifest::Cause::Lost);
        }
        Ok(())
    }

    /// A key that is there, of this call or, with `None`, of any, and not older than a minute.
    fn media_key(
        &mut self,
        now: Millis,
        index: usize,
        call: Option<u64>,
        rng: &mut impl CryptoRng,
    ) -> Result<(), ErrorCode> {
        let media = self.media.get_mut(index).ok_or(ErrorCode::Internal)?;
        let goes_on = call.is_none() || media.call.is_none() || media.call == call;
        let call = call.or(media.call);
        let sealer = media.sealer.as_mut().ok_or(ErrorCode::Internal)?;
        if sealer.has_key() && goes_on {
            media.call = call;
            if now >= media.ratcheted.plus(RATCHET_MS) {
                media.ratcheted = now;
                sealer.ratchet().map_err(|_| ErrorCode::Internal)?;
            }
            return Ok(());
        }
        let target = self.target.as_ref().filter(|_| now < self.believed_until);
        let target = target.ok_or(ErrorCode::RecordingUnavailable)?;
        let recipients = Recipients {
            sealing: &target.sealing,
            intake: &target.intake,
            receipts: &[],
            live: &[],
        };
        let epoch = sealer.new_epoch(&recipients, rng);
        let epoch = epoch.map_err(|_| ErrorCode::RecordingUnavailable)?;
        // Not before: without this key nothing of that call may go under an earlier one's.
        media.call = call;
        media.ratcheted = now;
        self.outbox.push(Record::Epoch(epoch));
        Ok(())
    }

    /// The end parts of what was recorded; a track on which nothing ever came is none.
    pub(super) fn end_media(
        &mut self,
        now: Millis,
        rng: &mut impl CryptoRng,
    ) -> Result<(), ErrorCode> {
        self.media
            .retain(|track| track.sealer.as_ref().is_some_and(|s| s.seq() > 0));
        for index in 0..self.media.len() {
            self.media_key(now, index, None, rng)?;
            let sealer = self.media.get_mut(index).and_then(|m| m.sealer.as_mut());
            let part = sealer.ok_or(ErrorCode::Internal)?.end(rng);
            let part = part.map_err(|_| ErrorCode::RecordingUnavailable)?;
            self.outbox.push(Record::Part(part));
        }
        Ok(())
    }

    /// Keys of tracks on which nothing comes are not kept longer than those of others.
    pub(super) fn ratchet_quiet(&mut self, now: Millis) {
        for media in &mut self.media {
            let due = now >= media.ratcheted.plus(RATCHET_MS);
            if let Some(sealer) = media.sealer.as_mut().filter(|s| due && s.has_key()) {
                media.ratcheted = now;
                // It fails only where there is no key, or after four billion steps.
                let _ = sealer.ratchet();
            }
        }
    }

    /// When the next key is a minute old.
    pub(super) fn ratchet_at(&self) -> Option<Millis> {
        let with_key =
            |media: &&MediaTrack| media.sealer.as_ref().is_some_and(TrackSealer::has_key);
        let due = self.media.iter().filter(with_key);
        due.map(|media| media.ratcheted.plus(RATCHET_MS)).min()
    }

    /// A source that had flowed did not, for a while.
    pub(super) fn did_not_flow(&mut self, track: TrackNo, from: Millis, to: Millis, why: Cause) {
        let cause = match why {
            Cause::Muted => manifest::Cause::Muted,
            Cause::Held => manifest::Cause::Held,
            Cause::Unagreed => manifest::Cause::Unagreed,
            Cause::Away => manifest::Cause::Away,
        };
        self.was_missing(Some(track), from, to, cause);
    }

    /// A track begins to flow, or ends.
    pub(super) fn flows(&mut self, now: Millis, track: TrackNo, on: bool) {
        let media = self.media.iter_mut().find(|media| media.number == track);
        let Some(media) = media else { return };
        let whole = media.whole_until;
        // What flowed before and has not come yet is still waited for.
        let since = media
            .flowed
            .filter(|(_, until)| until.is_none_or(|until| until > whole))
            .map_or(now, |(since, _)| since);
        media.flowed = Some((since, (!on).then_some(now)));
    }

    /// What flowed and never came from the worker is missing, and the record says so.
    pub(super) fn never_came(&mut self, now: Millis) {
        let missing = |media: &mut MediaTrack| {
            let (since, until) = media.flowed.take()?;
            // One that flows is of a later call, and goes on.
            media.flowed = until.is_none().then_some((now, None));
            let (from, to) = (since.max(media.whole_until), until.unwrap_or(now));
            (from < to).then_some((media.number, from, to))
        };
        let missing: Vec<_> = self.media.iter_mut().filter_map(missing).collect();
        for (track, from, to) in missing {
            self.was_missing(Some(track), from, to, manifest::Cause::Lost);
        }
    }

    /// Everyone is dropped; what was captured still comes.
    pub(super) fn close_media(&mut self) {
        if self.media_open {
            self.media_open = false;
            self.closing += 1;
            self.order(Order::Close);
        }
    }
}
