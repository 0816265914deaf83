//! Agreeing to one more modality while the session runs, and taking it back: a durable row first,
//! then a sealed event, then it holds. Taking back stops the capture before either.

use proto::call::{CallEvent, OverReason};
use proto::dsse::Envelope;
use proto::notice::Modality;
use proto::wire::ServerMessage;
use proto::{ErrorCode, Hash32, Millis, ParticipantId};
use rand_core::CryptoRng;

use super::effect::Effect;
use super::state::Room;

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

impl Room {
    /// Whether it holds that they agreed to this.
    pub(super) fn has_agreed(&self, who: usize, kind: Modality) -> bool {
        let person = self.people.get(who);
        person.is_some_and(|person| person.consent.modalities.contains(&kind))
    }

    pub(super) fn agree(
        &mut self,
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
        self.change(who, modality, true)
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
        self.change(who, modality, false)?;
        if let Some(person) = self.people.get_mut(who) {
            person.consent.modalities.retain(|other| *other != modality);
        }
        self.regate(now);
        if modality == Modality::Audio {
            match self.hang_up(now, who, OverReason::Withdrawn, rng) {
                Err(ErrorCode::CallMissing) => {}
                done => return done,
            }
        }
        Ok(())
    }

    /// One change of a participant's at a time.
    fn change(&mut self, who: usize, modality: Modality, given: bool) -> Result<(), ErrorCode> {
        let person = self.people.get_mut(who).ok_or(ErrorCode::Internal)?;
        if person.agreeing {
            return Err(ErrorCode::RateLimited);
        }
        let has = person.consent.modalities.contains(&modality);
        let participant = person.id;
        if has == given {
            let modalities = person.consent.modalities.clone();
            let agreed = ServerMessage::Agreed {
                modalities,
                receipt: None,
            };
            self.tell(who, &agreed);
            return Ok(());
        }
        person.agreeing = true;
        self.effects.push_back(Effect::Consent {
            participant,
            modality,
            given,
        });
        Ok(())
    }

    /// The row is durable, or is not.
    pub(super) fn consented(
        &mut self,
        now: Millis,
        consented: Consented,
        rng: &mut impl CryptoRng,
    ) -> Result<(), ErrorCode> {
        let Consented {
            participant,
            modality,
            given,
            kept,
        } = consented;
        let who = self.index_of(participant).ok_or(ErrorCode::Internal)?;
        if let Some(person) = self.people.get_mut(who) {
            person.agreeing = false;
        }
        let receipt = match kept {
            Ok(receipt) => receipt,
            // A withdrawal holds although it could not be written: the capture has stopped.
            Err(code) => {
                self.refuse(now, who, code, None);
                return Ok(());
            }
        };
        let what = if given {
            CallEvent::Agreed { modality }
        } else {
            CallEvent::Withdrew { modality }
        };
        if let Some(person) = self.people.get_mut(who) {
            person.receipt = receipt;
        }
        self.noted(now, who, what, rng)
    }

    /// The event is durable too.
    pub(super) fn has_consented(&mut self, now: Millis, who: usize, what: CallEvent) {
        let Some(person) = self.people.get_mut(who) else {
            return;
        };
        if let CallEvent::Agreed { modality } = what
            && !person.consent.modalities.contains(&modality)
        {
            person.consent.modalities.push(modality);
            person.consent.modalities.sort_unstable();
        }
        let agreed = ServerMessage::Agreed {
            modalities: person.consent.modalities.clone(),
            receipt: person.receipt.take(),
        };
        self.tell(who, &agreed);
        self.board.changed = true;
        self.regate(now);
    }
}
