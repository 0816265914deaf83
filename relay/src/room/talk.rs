//! What people in a room send: messages, signals, marks, and agents' orders.

use proto::event::{ChatEvent, LeaveReason};
use proto::notice::Modality;
use proto::wire::{ClientMessage, ServerMessage};
use proto::{ErrorCode, Millis, StaffId};
use rand_core::CryptoRng;

use super::durable::What;
use super::effect::{Ask, Effect, SocketId};
use super::ending::Because;
use super::frame::{Regarding, error_frame, to_frame};
use super::pace::{Pace, TooFast};
use super::person::{Participant, Stage};
use super::state::{Phase, Room};

/// Messages about calls that one participant may send in a minute.
const CALL_PER_MINUTE: u32 = 240;

impl Room {
    pub(super) fn message(
        &mut self,
        now: Millis,
        socket: SocketId,
        message: ClientMessage,
        rng: &mut impl CryptoRng,
    ) {
        // A socket that was superseded or closed meanwhile has nothing more to say here.
        let Some(who) = self.person_of(socket) else {
            return;
        };
        let about = Regarding::of(&message);
        let in_it = |person: &&mut Participant| person.stage == Stage::In;
        let Some(person) = self.people.get_mut(who).filter(in_it) else {
            return;
        };
        person.heard = true;
        let paced = match (&message, about.cid) {
            (_, Some(_)) => Some((&mut person.pace, self.house.limits.per_minute)),
            (
                ClientMessage::Typing { .. }
                | ClientMessage::Mark { .. }
                | ClientMessage::Invite { .. }
                | ClientMessage::Transfer { .. }
                | ClientMessage::Leave {}
                | ClientMessage::End {},
                _,
            ) => None,
            _ => Some((&mut person.call_pace, CALL_PER_MINUTE)),
        };
        if let Some((pace, per_minute)) = paced {
            let pace = pace.get_or_insert_with(|| Pace::new(per_minute));
            if let Err(too_fast) = pace.take(now) {
                return self.too_fast(now, socket, about, too_fast);
            }
        }
        let done = match message {
            _ if !self.is_open() => Err(self.closed_reason()),
            ClientMessage::Say { cid, text } => self.say(now, who, cid, text, rng),
            ClientMessage::Typing { on } => self.typing(who, on),
            ClientMessage::Mark { delivered, read } => self.mark(who, delivered, read),
            ClientMessage::Invite { to } => self.ask(now, who, Some(to), false, rng),
            ClientMessage::Transfer { to } => self.ask(now, who, to, true, rng),
            ClientMessage::Leave {} => self.leave_by_order(now, who, rng),
            ClientMessage::End {} => self.end(now, Because::Of(who), rng),
            ClientMessage::Agree { modality, notice } => self.agree(now, who, modality, notice),
            ClientMessage::Withdraw { modality } => self.withdraw(now, who, modality, rng),
            about_a_call => self.call_message(now, who, about_a_call, rng),
        };
        if let Err(code) = done {
            self.refuse(now, who, code, about);
            self.unsound(now, code);
        }
    }

    pub(super) fn refuse(&mut self, now: Millis, who: usize, code: ErrorCode, about: Regarding) {
        self.refused(now, code);
        self.frame_to(who, error_frame(code, about, None));
    }

    /// Counts and tells of a refusal.
    fn refused(&self, now: Millis, code: ErrorCode) {
        metrics::counter!(crate::telemetry::counted::REFUSED, "code" => code.name()).increment(1);
        let session = Some(self.facts.session);
        let told = &self.house.refusals;
        told.tell(now, code, session, "a message was refused");
    }

    /// On whichever connection: coming back on another gives no new allowance.
    fn too_fast(&mut self, now: Millis, socket: SocketId, about: Regarding, too_fast: TooFast) {
        let TooFast { code, retry_ms } = too_fast;
        if code == ErrorCode::Flooding {
            self.effects.push_back(Effect::Close(socket, Some(code)));
            self.gone(now, socket);
            return;
        }
        self.refused(now, code);
        let frame = error_frame(code, about, Some(retry_ms));
        self.effects.push_back(Effect::Frame(socket, frame));
    }

    /// Why nothing can be said in a room that is not open.
    pub(super) fn closed_reason(&self) -> ErrorCode {
        match self.phase {
            _ if self.is_stalled() => ErrorCode::RecordingUnavailable,
            Phase::Broken => ErrorCode::RecordingUnavailable,
            Phase::Stopping => ErrorCode::ShuttingDown,
            _ => ErrorCode::SessionEnded,
        }
    }

    fn say(
        &mut self,
        now: Millis,
        who: usize,
        cid: u64,
        text: String,
        rng: &mut impl CryptoRng,
    ) -> Result<(), ErrorCode> {
        let limits = self.house.limits;
        let answered = self.answered;
        let person = self.people.get(who).ok_or(ErrorCode::Internal)?;
        if cid <= person.cid {
            return self.say_again(who, cid);
        }
        if !person.consent.modalities.contains(&Modality::Chat) {
            return Err(ErrorCode::ConsentMissing);
        }
        if text.trim().is_empty() {
            return Err(ErrorCode::TextEmpty);
        }
        if text.len() > limits.text_bytes as usize {
            return Err(ErrorCode::TextTooLong);
        }
        if person.unacknowledged >= limits.unacknowledged {
            return Err(ErrorCode::TooManyUnacknowledged);
        }
        if !answered && !person.is_agent() && person.said >= limits.unanswered {
            return Err(ErrorCode::TooManyUnanswered);
        }
        let participant = person.id;
        let n = self.last + 1;
        let frame = to_frame(&ServerMessage::Said {
            n,
            at: now,
            participant,
            cid,
            text: text.clone(),
        });
        let event = ChatEvent::Said {
            n,
            at: now,
            cid,
            text,
        };
        let sealed = self.seal_event(now, who, &event, rng)?;
        self.take(now, who, What::Said { cid, frame, sealed });
        if let Some(person) = self.people.get_mut(who) {
            person.cid = cid;
            person.unacknowledged += 1;
            person.said = person.said.saturating_add(1);
        }
        Ok(())
    }

    /// The same number again: acknowledged again, or about to be; never doubled.
    fn say_again(&mut self, who: usize, cid: u64) -> Result<(), ErrorCode> {
        let on_its_way = self
            .pending
            .iter()
            .any(|pending| pending.who == who && pending.is_said(cid));
        if on_its_way {
            return Ok(());
        }
        let acked = self
            .people
            .get(who)
            .and_then(|person| person.acks.iter().find(|acked| acked.cid == cid).copied())
            .ok_or(ErrorCode::OutOfOrder)?;
        self.tell(
            who,
            &ServerMessage::Ack {
                cid,
                n: acked.n,
                at: acked.at,
                sealed: acked.sealed,
            },
        );
        Ok(())
    }

    #[expect(clippy::unnecessary_wraps, reason = "one shape for every message")]
    fn typing(&mut self, who: usize, on: bool) -> Result<(), ErrorCode> {
        if let Some(participant) = self.people.get(who).map(|person| person.id) {
            let frame = to_frame(&ServerMessage::Typing { participant, on });
            self.tell_others(Some(who), &frame);
        }
        Ok(())
    }

    fn mark(&mut self, who: usize, delivered: u64, read: u64) -> Result<(), ErrorCode> {
        if delivered > self.durable || read > delivered {
            return Err(ErrorCode::OutOfOrder);
        }
        let person = self.people.get_mut(who).ok_or(ErrorCode::Internal)?;
        if delivered <= person.delivered && read <= person.read {
            return Ok(());
        }
        person.delivered = person.delivered.max(delivered);
        person.read = person.read.max(read);
        let marks = ServerMessage::Marks {
            participant: person.id,
            delivered: person.delivered,
            read: person.read,
        };
        self.tell_others(Some(who), &to_frame(&marks));
        Ok(())
    }

    /// An agent asks another in, or hands the session on.
    fn ask(
        &mut self,
        now: Millis,
        who: usize,
        to: Option<StaffId>,
        handover: bool,
        rng: &mut impl CryptoRng,
    ) -> Result<(), ErrorCode> {
        let person = self.people.get(who).ok_or(ErrorCode::Internal)?;
        let (Some(by), participant) = (person.staff, person.id) else {
            return Err(ErrorCode::NotPermitted);
        };
        if to == Some(by) || self.agents().any(|agent| to.is_some() && agent.staff == to) {
            return Err(ErrorCode::AlreadyTaken);
        }
        let by_name = person.name.clone();
        let n = self.last + 1;
        let event = ChatEvent::Asked {
            n,
            at: now,
            to,
            handover,
        };
        self.seal_event(now, who, &event, rng)?;
        let frame = to_frame(&ServerMessage::Asked {
            n,
            at: now,
            participant,
            handover,
        });
        self.take(now, who, What::Asked { frame });
        self.asks.retain(|ask| ask.by != by);
        self.asks.push(Ask {
            to,
            by,
            by_name,
            handover,
        });
        self.board.changed = true;
        Ok(())
    }

    fn leave_by_order(
        &mut self,
        now: Millis,
        who: usize,
        rng: &mut impl CryptoRng,
    ) -> Result<(), ErrorCode> {
        let person = self.people.get(who).ok_or(ErrorCode::Internal)?;
        let another_stays = self
            .people
            .iter()
            .enumerate()
            .any(|(index, other)| index != who && other.is_agent() && other.stage == Stage::In);
        if !person.is_agent() || !another_stays {
            return Err(ErrorCode::NotPermitted);
        }
        self.leave(now, who, LeaveReason::Left, rng)
    }
}
