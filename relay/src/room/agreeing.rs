//! Agreeing to one more modality while the session runs, and taking it back.
//!
//! - An agreement is a durable row, then a sealed event, then it holds.
//! - A withdrawal stops the capture before anything is written. The spool hears of it next, so that no
//!   restart undoes it; then come event and row, and the row is tried until it is written.
//! - One participant's changes are carried out one after another, in the order in which they were said.

use proto::call::{CallEvent, OverReason};
use proto::dsse::Envelope;
use proto::notice::Modality;
use proto::wire::ServerMessage;
use proto::{ErrorCode, Hash32, Millis, ParticipantId};
use rand_core::CryptoRng;
use seal::spool::{Record, RecordedConsent};

use super::capture::LAST_MS;
use super::effect::Effect;
use super::frame::Regarding;
use super::person::Participant;
use super::state::{Phase, Room};

/// Changes of one participant that may wait before another is agreed to. A withdrawal is never one
/// too many: it takes back what holds, or an agreement that waits.
const WAITING: usize = 8;
/// So often one participant agrees to something after joining. Who changes their mind more often is no
/// visitor, and every change stands in the rows and in the record.
const AGREED_MOST: u32 = 100;
/// Behind a change that takes longer nothing is agreed to.
const STUCK_MS: i64 = 10_000;

/// What becomes of it in the rows.
#[derive(Debug)]
pub struct Consented {
    /// Who.
    pub participant: ParticipantId,
    /// To what.
    pub modality: Modality,
    /// Agreed, or withdrew.
    pub given: bool,
    /// A visitor's new receipt; or why the row could not be written.
    pub kept: Result<Option<Envelope>, ErrorCode>,
}

/// A change that was said and is not done.
#[derive(Debug)]
pub(super) struct Change {
    modality: Modality,
    given: bool,
    /// When it was said.
    at: Millis,
    /// Its row is written.
    kept: bool,
    receipt: Option<Envelope>,
    event: Place,
}

/// How far its event is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// It has no place in the conversation yet.
    Due,
    /// It has, and is on its way to the disk.
    Given,
    /// It is durable, or the record has no place for it any more.
    Done,
}

impl Participant {
    /// Whether they have said last that they agree to this, done or not.
    fn says(&self, modality: Modality) -> bool {
        let mut changes = self.changes.iter().rev();
        let last = changes.find(|change| change.modality == modality);
        last.map_or(self.consent.modalities.contains(&modality), |c| c.given)
    }
}

impl Room {
    /// Whether it holds that they agreed to this.
    pub(super) fn has_agreed(&self, who: usize, kind: Modality) -> bool {
        let person = self.people.get(who);
        person.is_some_and(|person| person.consent.modalities.contains(&kind))
    }

    pub(super) fn agree(
        &mut self,
        now: Millis,
        who: usize,
        modality: Modality,
        notice: Hash32,
    ) -> Result<(), ErrorCode> {
        if !self.facts.offered.contains(&modality) {
            return Err(ErrorCode::ModalityRefused);
        }
        if notice != self.facts.notice {
            return Err(ErrorCode::NoticeOutdated);
        }
        let person = self.people.get_mut(who).ok_or(ErrorCode::Internal)?;
        if person.says(modality) {
            self.said_already(who, modality);
            return Ok(());
        }
        if person.changes.len() >= WAITING || person.agreed >= AGREED_MOST {
            return Err(ErrorCode::RateLimited);
        }
        let first = person.changes.front();
        if first.is_some_and(|first| now >= first.at.plus(STUCK_MS)) {
            return Err(ErrorCode::Overloaded);
        }
        person.agreed += 1;
        self.change(now, who, modality, true);
        Ok(())
    }

    /// Chat is not withdrawn: who wants to say nothing more ends the session.
    pub(super) fn withdraw(
        &mut self,
        now: Millis,
        who: usize,
        modality: Modality,
        rng: &mut impl CryptoRng,
    ) -> Result<(), ErrorCode> {
        if modality == Modality::Chat {
            return Err(ErrorCode::ModalityRefused);
        }
        let person = self.people.get_mut(who).ok_or(ErrorCode::Internal)?;
        if !person.says(modality) {
            self.said_already(who, modality);
            return Ok(());
        }
        person.consent.modalities.retain(|other| *other != modality);
        self.regate(now);
        self.spool_hears(who, modality, false, now);
        self.change(now, who, modality, false);
        // In its order: what waits before it comes first.
        let first = self.people.get(who).is_some_and(|p| p.changes.len() == 1);
        let noted = if first {
            self.note_change(now, who, rng)
        } else {
            Ok(())
        };
        if modality == Modality::Audio {
            match self.hang_up(now, who, OverReason::Withdrawn, rng) {
                Err(ErrorCode::CallMissing) => {}
                done => return noted.and(done),
            }
        }
        noted
    }

    /// Answered at once, or together with the change that is on its way.
    fn said_already(&mut self, who: usize, modality: Modality) {
        let Some(person) = self.people.get(who) else {
            return;
        };
        if person.changes.iter().all(|c| c.modality != modality) {
            let modalities = person.consent.modalities.clone();
            let receipt = None;
            self.tell(
                who,
                &ServerMessage::Agreed {
                    modalities,
                    receipt,
                },
            );
        }
    }

    fn change(&mut self, now: Millis, who: usize, modality: Modality, given: bool) {
        let Some(person) = self.people.get_mut(who) else {
            return;
        };
        person.changes.push_back(Change {
            modality,
            given,
            at: now,
            kept: false,
            receipt: None,
            event: Place::Due,
        });
        if person.changes.len() == 1 {
            self.keep_next(who);
        }
    }

    /// The row of the first change that waits is written.
    fn keep_next(&mut self, who: usize) {
        let Some(person) = self.people.get(who) else {
            return;
        };
        if let Some(next) = person.changes.front() {
            self.effects.push_back(Effect::Consent {
                participant: person.id,
                modality: next.modality,
                given: next.given,
                at: next.at,
            });
        }
    }

    /// The row is durable, or is not.
    pub(super) fn consented(
        &mut self,
        now: Millis,
        consented: Consented,
        rng: &mut impl CryptoRng,
    ) -> Result<(), ErrorCode> {
        let who = self.index_of(consented.participant);
        let who = who.ok_or(ErrorCode::Internal)?;
        let first = self.people.get_mut(who).and_then(|p| p.changes.front_mut());
        let first = first.ok_or(ErrorCode::Internal)?;
        match consented.kept {
            Ok(receipt) => {
                first.kept = true;
                first.receipt = receipt;
            }
            Err(code) => {
                if let Some(person) = self.people.get_mut(who) {
                    person.changes.pop_front();
                }
                self.refuse(now, who, code, Regarding::default());
                self.keep_next(who);
                return Ok(());
            }
        }
        let noted = self.note_change(now, who, rng);
        self.done_changing(now, who);
        noted
    }

    /// Gives the event of the first change its place; where that needs a key and there is none just
    /// now, later.
    fn note_change(
        &mut self,
        now: Millis,
        who: usize,
        rng: &mut impl CryptoRng,
    ) -> Result<(), ErrorCode> {
        let first = self.people.get_mut(who).and_then(|p| p.changes.front_mut());
        let Some(first) = first.filter(|first| first.event == Place::Due) else {
            return Ok(());
        };
        if !matches!(self.phase, Phase::Open | Phase::Stopping) {
            first.event = Place::Done;
            return Ok(());
        }
        let (modality, given) = (first.modality, first.given);
        match self.note_at(now, who, 0, rng) {
            Err(ErrorCode::Overloaded) => return Ok(()),
            noted => noted?,
        }
        if given && self.is_last_word(who, modality) {
            self.spool_hears(who, modality, true, now);
        }
        Ok(())
    }

    /// Seals the event of one change.
    fn note_at(
        &mut self,
        now: Millis,
        who: usize,
        index: usize,
        rng: &mut impl CryptoRng,
    ) -> Result<(), ErrorCode> {
        let change = self.people.get(who).and_then(|p| p.changes.get(index));
        let Some(change) = change else {
            return Ok(());
        };
        let modality = change.modality;
        let what = if change.given {
            CallEvent::Agreed { modality }
        } else {
            CallEvent::Withdrew { modality }
        };
        self.noted(now, who, what, rng)?;
        let person = self.people.get_mut(who);
        if let Some(change) = person.and_then(|p| p.changes.get_mut(index)) {
            change.event = Place::Given;
        }
        Ok(())
    }

    /// Whether only the first change of `who` is about this.
    fn is_last_word(&self, who: usize, modality: Modality) -> bool {
        let changes = self.people.get(who).map(|person| person.changes.iter());
        let mut later = changes.into_iter().flatten().skip(1);
        later.all(|change| change.modality != modality)
    }

    fn spool_hears(&mut self, who: usize, modality: Modality, given: bool, at: Millis) {
        if let (Some(recording), Some(person)) = (self.facts.recording, self.people.get(who)) {
            self.outbox.push(Record::Consent(RecordedConsent {
                tenant: self.facts.tenant,
                recording,
                participant: person.id,
                modality,
                given,
                at: at.whole_seconds(),
            }));
        }
    }

    /// There are keys again: what waited for them has its place now.
    pub(super) fn note_changes(&mut self, now: Millis, rng: &mut impl CryptoRng) {
        for who in 0..self.people.len() {
            let first = self.people.get(who).and_then(|p| p.changes.front());
            if first.is_some_and(|first| first.kept || !first.given)
                && let Err(code) = self.note_change(now, who, rng)
            {
                self.unsound(now, code);
            }
        }
    }

    /// The event is durable.
    pub(super) fn has_consented(&mut self, now: Millis, who: usize) {
        let changes = self.people.get_mut(who).map(|p| p.changes.iter_mut());
        let mut changes = changes.into_iter().flatten();
        if let Some(change) = changes.find(|change| change.event == Place::Given) {
            change.event = Place::Done;
        }
        self.done_changing(now, who);
    }

    /// What has both row and event holds, and is answered.
    fn done_changing(&mut self, now: Millis, who: usize) {
        let Some(person) = self.people.get_mut(who) else {
            return;
        };
        let done = |first: &mut Change| first.kept && first.event == Place::Done;
        let Some(done) = person.changes.pop_front_if(done) else {
            return;
        };
        let agreed = &mut person.consent.modalities;
        let taken_back = person.changes.iter().any(|c| c.modality == done.modality);
        if done.given && !taken_back && !agreed.contains(&done.modality) {
            agreed.push(done.modality);
            agreed.sort_unstable();
        }
        let answer = ServerMessage::Agreed {
            modalities: agreed.clone(),
            receipt: done.receipt,
        };
        self.tell(who, &answer);
        self.board.changed = true;
        self.regate(now);
        self.keep_next(who);
    }

    /// Whether an end has to wait, for a moment, for changes to have their places.
    pub(super) fn is_changing(&self) -> bool {
        let mut changes = self.people.iter().flat_map(|person| &person.changes);
        changes.any(|change| change.event == Place::Due)
    }

    /// The last moment at which what was withdrawn can have a place: before the end, or before
    /// somebody leaves. An agreement that is not kept by now has none.
    pub(super) fn note_last(
        &mut self,
        now: Millis,
        who: usize,
        rng: &mut impl CryptoRng,
    ) -> Result<(), ErrorCode> {
        let changes = self.people.get(who).map_or(0, |p| p.changes.len());
        for index in 0..changes {
            let person = self.people.get_mut(who);
            let change = person.and_then(|p| p.changes.get_mut(index));
            let Some(change) = change.filter(|change| change.event == Place::Due) else {
                continue;
            };
            change.event = Place::Done;
            if change.kept || !change.given {
                match self.note_at(now, who, index, rng) {
                    // Nor has what a key is missing for.
                    Ok(()) | Err(ErrorCode::Overloaded) => {}
                    failed => return failed,
                }
            }
        }
        Ok(())
    }

    /// The record takes nothing more: what is said is kept in the rows alone.
    pub(super) fn no_more_places(&mut self, now: Millis) {
        for who in 0..self.people.len() {
            let changes = self.people.get_mut(who).map(|p| p.changes.iter_mut());
            for change in changes.into_iter().flatten() {
                change.event = Place::Done;
            }
            self.done_changing(now, who);
        }
    }

    /// A relay that stops waits a moment for changes that are under way.
    pub(super) fn stops_waiting(&mut self, now: Millis, rng: &mut impl CryptoRng) {
        if self
            .stopping
            .is_some_and(|since| now >= since.plus(LAST_MS))
        {
            for who in 0..self.people.len() {
                if let Err(code) = self.note_last(now, who, rng) {
                    self.unsound(now, code);
                }
            }
        }
    }
}
