//! Out for good: sealed, told, and known after a restart that can read no part. And a relay that
//! stops.

use std::sync::Arc;

use proto::event::{ChatEvent, LeaveReason};
use proto::{ErrorCode, EventId, Millis};
use rand_core::CryptoRng;
use seal::spool::{Event, EventKind, Record};

use super::durable::What;
use super::effect::{Change, Effect, SocketId};
use super::facts::House;
use super::person::Stage;
use super::state::{Phase, Room};

impl Room {
    /// Out of the chat from here on: the last event on their track.
    pub(super) fn leave(
        &mut self,
        now: Millis,
        who: usize,
        reason: LeaveReason,
        rng: &mut impl CryptoRng,
    ) -> Result<(), ErrorCode> {
        self.leaves_call(now, who, rng)?;
        self.note_last(now, who, rng)?;
        let event = ChatEvent::Left {
            n: self.last + 1,
            at: now,
            reason,
        };
        self.note_leaving(now, who, rng);
        // The track ends with the session: until then newcomers may need its keys.
        self.seal_event(now, who, &event, rng)?;
        self.take(now, who, What::Left { reason });
        self.roster += 1;
        // Who was about to be let in is not: they would hear what comes after they left.
        let coming = self.attaching.extract_if(.., |other| other.who == who);
        let coming: Vec<SocketId> = coming.map(|other| other.socket).collect();
        for socket in coming {
            self.effects.push_back(Effect::Close(socket, None));
        }
        if let Some(person) = self.people.get_mut(who) {
            person.stage = Stage::Left;
            if let Some(staff) = person.staff {
                self.asks.retain(|ask| ask.by != staff);
            }
        }
        self.board.changed = true;
        Ok(())
    }

    /// The leaving is durable and told: their socket goes.
    pub(super) fn has_left(&mut self, who: usize, at: Millis) {
        let Some(person) = self.people.get_mut(who) else {
            return;
        };
        if let Some(socket) = person.socket.take() {
            self.effects.push_back(Effect::Close(socket, None));
        }
        self.effects
            .push_back(Effect::Keep(Change::Left(person.id, at.whole_seconds())));
        if self.facts.recording.is_none() {
            self.note(EventKind::AgentLeft, Some(who));
        }
    }

    /// For the tenant's log, and for a restart, which cannot read the sealed part: durable with it,
    /// and before it.
    fn note_leaving(&mut self, now: Millis, who: usize, rng: &mut impl CryptoRng) {
        if let (Some(_), Some(person)) = (self.facts.recording, self.people.get(who)) {
            self.outbox.push(Record::Event(Event {
                id: EventId::random(rng),
                tenant: self.facts.tenant,
                at: now.whole_seconds(),
                kind: EventKind::AgentLeft,
                session: Some(self.facts.session),
                staff: person.staff,
                participant: Some(person.id),
                key: None,
                count: None,
            }));
        }
    }

    /// The relay stops: what is in flight becomes durable, then everyone is told.
    pub(super) fn shut_down(&mut self, now: Millis) {
        if matches!(self.phase, Phase::Finished) {
            return;
        }
        self.stopping = Some(now);
        if self.is_stalled() {
            self.let_go(now);
            return;
        }
        // It comes back by itself: what was captured until now is kept.
        self.break_off_call(now);
        self.phase = match self.phase {
            // Its end is kept first.
            Phase::Ending => Phase::Ending,
            _ => Phase::Stopping,
        };
        self.house = Arc::new(House {
            after_end_ms: 0,
            ..(*self.house).clone()
        });
    }
}
