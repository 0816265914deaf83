//! A room's call: who is in it, what they send, and whether it flows. Pure, like the room.
//!
//! - Media of a kind flows only while everyone who is in the call has agreed to it, its sender has
//!   neither muted it nor put the others on hold, and somebody is there to hear it.
//! - A source's track lives as long as the session: whoever comes back goes on with it.

use proto::call::{CallEvent, CallOver, OverReason, Refusal, Standing};
use proto::event::ChatEvent;
use proto::notice::Modality;
use proto::wire::{ClientMessage, ServerMessage};
use proto::{ErrorCode, Millis};
use rand_core::CryptoRng;

use super::caller::{AWAY_MS, Caller, Link};
use super::durable::What;
use super::effect::Effect;
use super::frame::{Regarding, error_frame, to_frame};
use super::person::Stage;
use super::state::{Phase, Room};
use crate::media::order::{Gate, Order};

/// For so long a batch may be on its way to the disk before what must be recorded stops.
const BEHIND_MS: i64 = 2_000;

/// A call that rings or runs.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) since: Millis,
    pub(super) by: usize,
    /// Since when at least two are in it.
    talk_since: Option<Millis>,
    /// How many offers were made in it.
    pub(super) offers: u64,
    pub(super) callers: Vec<Caller>,
}

impl Call {
    pub(super) fn caller(&mut self, who: usize) -> Option<&mut Caller> {
        self.callers.iter_mut().find(|caller| caller.who == who)
    }

    pub(super) fn inside(&self) -> impl Iterator<Item = &Caller> {
        self.callers.iter().filter(|caller| caller.is_in())
    }

    /// Those whose time runs. Who calls need not be connected before somebody answers.
    fn awaited(&self) -> impl Iterator<Item = &Caller> {
        let talk = self.inside().count() > 1;
        let runs = move |c: &&Caller| c.is_awaited() && (talk || c.standing != Standing::In);
        self.callers.iter().filter(runs)
    }
}

impl Room {
    /// Their place in the call, if it is such a one.
    pub(super) fn caller(
        &mut self,
        who: usize,
        fits: impl Fn(&Caller) -> bool,
    ) -> Result<&mut Caller, ErrorCode> {
        let caller = self.call.as_mut().and_then(|call| call.caller(who));
        caller.filter(|c| fits(c)).ok_or(ErrorCode::CallMissing)
    }

    /// What a participant sends about a call they are in, or would be.
    pub(super) fn call_message(
        &mut self,
        now: Millis,
        who: usize,
        message: ClientMessage,
        rng: &mut impl CryptoRng,
    ) -> Result<(), ErrorCode> {
        match message {
            ClientMessage::Call { again } => self.call(now, who, again, rng),
            ClientMessage::Decline { reason } => self.decline(now, who, reason, rng),
            ClientMessage::HangUp {} => self.hang_up(now, who, OverReason::HungUp, rng),
            ClientMessage::Offer {
                offer,
                sdp,
                sends,
                takes,
            } => self.offer(who, offer, sdp.0, &sends, &takes),
            ClientMessage::Mute { kind, on } => self.mute(now, who, kind, on, rng),
            ClientMessage::Hold { on } => self.hold(now, who, on, rng),
            _ => Err(ErrorCode::Malformed),
        }
    }

    fn call(
        &mut self,
        now: Millis,
        who: usize,
        again: bool,
        rng: &mut impl CryptoRng,
    ) -> Result<(), ErrorCode> {
        if self.ending.is_some() {
            return Err(ErrorCode::SessionEnded);
        }
        if !self.has_agreed(who, Modality::Audio) {
            return Err(ErrorCode::AgreementNeeded);
        }
        if self.facts.recording.is_some() {
            self.keys_are_fresh(now)?;
        }
        match &self.call {
            None => self.begin_call(now, who, again, rng),
            Some(_) => self.join_call(now, who, rng),
        }
    }

    fn begin_call(
        &mut self,
        now: Millis,
        who: usize,
        again: bool,
        rng: &mut impl CryptoRng,
    ) -> Result<(), ErrorCode> {
        let is_here = |who: usize| self.people.get(who).is_some_and(|p| p.stage == Stage::In);
        // Who had not agreed to sound was in no call that could go on.
        let was_in_it = |who: usize| !again || self.has_agreed(who, Modality::Audio);
        let others: Vec<usize> = (0..self.people.len())
            .filter(|other| *other != who && is_here(*other) && was_in_it(*other))
            .collect();
        if others.is_empty() {
            return Err(ErrorCode::NobodyThere);
        }
        let standing = if again {
            Standing::Away
        } else {
            Standing::Ringing
        };
        let what = if again {
            CallEvent::JoinedCall {}
        } else {
            CallEvent::Rang {}
        };
        self.noted(now, who, what, rng)?;
        let mut callers = vec![Caller::new(who, Standing::In, now)];
        callers.extend(
            others
                .into_iter()
                .map(|other| Caller::new(other, standing, now)),
        );
        self.call = Some(Call {
            since: now,
            by: who,
            talk_since: None,
            offers: 0,
            callers,
        });
        self.call_changed = true;
        Ok(())
    }

    fn join_call(
        &mut self,
        now: Millis,
        who: usize,
        rng: &mut impl CryptoRng,
    ) -> Result<(), ErrorCode> {
        let Some(call) = &self.call else {
            return Err(ErrorCode::CallMissing);
        };
        let was = call.callers.iter().find(|caller| caller.who == who);
        if was.is_some_and(|caller| caller.standing == Standing::In) {
            self.call_changed = true;
            return Ok(());
        }
        // A newcomer is asked before media flows to them, or from them.
        let live = call
            .inside()
            .flat_map(|caller| &caller.sources)
            .filter(|source| source.gate == Some(Gate::Open))
            .map(|source| source.kind);
        if live.into_iter().any(|kind| !self.has_agreed(who, kind)) {
            return Err(ErrorCode::AgreementNeeded);
        }
        self.noted(now, who, CallEvent::JoinedCall {}, rng)?;
        let Some(call) = &mut self.call else {
            return Err(ErrorCode::CallMissing);
        };
        match call.caller(who) {
            Some(caller) => caller.comes(now),
            None => call.callers.push(Caller::new(who, Standing::In, now)),
        }
        if call.inside().count() > 1 && call.talk_since.is_none() {
            call.talk_since = Some(now);
            // Who has called may have waited long for this.
            for caller in call.callers.iter_mut().filter(|c| c.link == Link::New) {
                caller.until = caller.until.max(now.plus(AWAY_MS));
            }
        }
        self.regate(now);
        Ok(())
    }

    /// Who comes into a session in which a call runs is rung: invited, or handed it.
    pub(super) fn ring_newcomer(&mut self, now: Millis, who: usize) {
        let Some(call) = &mut self.call else { return };
        if call.caller(who).is_none() {
            call.callers.push(Caller::new(who, Standing::Ringing, now));
            self.call_changed = true;
        }
    }

    fn decline(
        &mut self,
        now: Millis,
        who: usize,
        reason: Refusal,
        rng: &mut impl CryptoRng,
    ) -> Result<(), ErrorCode> {
        self.caller(who, |caller| caller.standing == Standing::Ringing)?;
        self.noted(now, who, CallEvent::Declined { reason }, rng)?;
        self.out_of_call(now, who, reason.into(), reason.into(), rng)
    }

    /// Out of the call, and with nobody left to talk to it is over.
    pub(super) fn hang_up(
        &mut self,
        now: Millis,
        who: usize,
        reason: OverReason,
        rng: &mut impl CryptoRng,
    ) -> Result<(), ErrorCode> {
        self.caller(who, Caller::is_or_will_be_in)?;
        self.noted(now, who, CallEvent::LeftCall {}, rng)?;
        self.out_of_call(now, who, Standing::Left, reason, rng)
    }

    /// The worker will not have them: who was never connected is out, and told why.
    pub(super) fn not_carried(
        &mut self,
        now: Millis,
        who: usize,
        rng: &mut impl CryptoRng,
    ) -> Result<(), ErrorCode> {
        if self
            .caller(who, |c| c.is_in() && c.link == Link::New)
            .is_err()
        {
            return Ok(());
        }
        let reason = OverReason::MediaUnavailable;
        self.out_of_call(now, who, Standing::Left, reason, rng)
    }

    /// Someone who leaves the session leaves its call, and no word of it is needed.
    pub(super) fn leaves_call(
        &mut self,
        now: Millis,
        who: usize,
        rng: &mut impl CryptoRng,
    ) -> Result<(), ErrorCode> {
        if self.caller(who, Caller::is_or_will_be_in).is_ok() {
            self.out_of_call(now, who, Standing::Left, OverReason::Gone, rng)?;
        }
        Ok(())
    }

    fn out_of_call(
        &mut self,
        now: Millis,
        who: usize,
        standing: Standing,
        reason: OverReason,
        rng: &mut impl CryptoRng,
    ) -> Result<(), ErrorCode> {
        let peer = self.people.get(who).map(|person| person.id);
        let Some(call) = &mut self.call else {
            return Ok(());
        };
        let mut gone = Vec::new();
        if let Some(caller) = call.caller(who) {
            caller.standing = standing;
            caller.held = false;
            gone = core::mem::take(&mut caller.sources);
            // They are still answered, and make nothing of anything.
            for offer in &mut caller.offered {
                offer.sources = None;
            }
        }
        for source in gone {
            self.goes(now, &source);
        }
        // Whoever only listened, too.
        if let Some(peer) = peer {
            self.order(Order::Drop { peer });
        }
        let left = |call: &Call| call.callers.iter().filter(|c| c.is_or_will_be_in()).count();
        if self.call.as_ref().is_some_and(|call| left(call) < 2) {
            return self.over(now, reason, Some(who), rng);
        }
        self.regate(now);
        Ok(())
    }

    /// The call is over, for everyone.
    pub(super) fn over(
        &mut self,
        now: Millis,
        reason: OverReason,
        by: Option<usize>,
        rng: &mut impl CryptoRng,
    ) -> Result<(), ErrorCode> {
        let Some(call) = self.call.take() else {
            return Ok(());
        };
        let lasted_ms = call
            .talk_since
            .map_or(0, |since| now.0.saturating_sub(since.0).max(0));
        for source in call.callers.iter().flat_map(|caller| &caller.sources) {
            self.goes(now, source);
        }
        self.tell_grown_gaps();
        for caller in &call.callers {
            for offered in &caller.offered {
                // The worker says no more of this call.
                let about = Regarding::offer(offered.offer);
                self.frame_to(caller.who, error_frame(ErrorCode::CallMissing, about, None));
            }
        }
        self.close_media();
        let over = CallOver {
            reason,
            by: by.and_then(|by| self.people.get(by)).map(|by| by.id),
            lasted_ms,
        };
        let frame = to_frame(&ServerMessage::Call {
            call: None,
            over: Some(over),
        });
        self.tell_others(None, &frame);
        self.call_changed = false;
        if self.phase != Phase::Open {
            return Ok(());
        }
        let what = CallEvent::CallOver { reason, lasted_ms };
        self.noted(now, by.unwrap_or(call.by), what, rng)
    }

    fn mute(
        &mut self,
        now: Millis,
        who: usize,
        kind: Modality,
        on: bool,
        rng: &mut impl CryptoRng,
    ) -> Result<(), ErrorCode> {
        let mut sources = self.caller(who, Caller::is_in)?.sources.iter_mut();
        let source = sources.find(|source| source.kind == kind);
        let source = source.ok_or(ErrorCode::CallMissing)?;
        if source.muted == on {
            return Ok(());
        }
        // Nothing of it passes from here on, whatever becomes of the word about it.
        source.muted = on;
        self.regate(now);
        self.noted(now, who, CallEvent::Muted { kind, on }, rng)
    }

    fn hold(
        &mut self,
        now: Millis,
        who: usize,
        on: bool,
        rng: &mut impl CryptoRng,
    ) -> Result<(), ErrorCode> {
        let peer = self.people.get(who).ok_or(ErrorCode::Internal)?.id;
        let caller = self.caller(who, Caller::is_in)?;
        if caller.held == on {
            return Ok(());
        }
        caller.held = on;
        self.order(Order::Hears { peer, on: !on });
        self.regate(now);
        self.noted(now, who, CallEvent::Held { on }, rng)
    }

    /// Their connection is up, or is not.
    pub(super) fn connection(&mut self, now: Millis, who: usize, up: bool) {
        let Ok(caller) = self.caller(who, Caller::is_in) else {
            return;
        };
        caller.link = match (caller.link, up) {
            (_, true) => Link::Up,
            (Link::New, false) => Link::New,
            _ => Link::Down,
        };
        match (caller.standing, up) {
            (Standing::Away, true) => caller.standing = Standing::In,
            (Standing::In, false) => {
                caller.standing = Standing::Away;
                caller.until = now.plus(AWAY_MS);
            }
            _ => return,
        }
        let call = self.call.as_mut();
        if let Some(call) = call.filter(|call| call.inside().count() > 1) {
            call.talk_since.get_or_insert(now);
        }
        self.regate(now);
    }

    /// When time passing would change the call.
    pub(super) fn call_deadline(&self) -> Option<Millis> {
        let call = self.call.as_ref()?;
        let behind = self
            .in_flight
            .filter(|_| self.facts.recording.is_some())
            .map(|append| append.since.plus(BEHIND_MS));
        let due = call.awaited().map(|caller| caller.until);
        let mute = call
            .inside()
            .filter_map(|caller| self.unheard_until(caller));
        due.chain(mute).chain(behind).min()
    }

    /// Who is connected and has no socket can neither withdraw nor be signed out: not for long.
    fn unheard_until(&self, caller: &Caller) -> Option<Millis> {
        let person = self.people.get(caller.who)?;
        let unheard = caller.standing == Standing::In && self.is_away(person);
        unheard.then(|| person.gone_since.plus(AWAY_MS))
    }

    /// Nobody answered, somebody was never connected or did not come back, or the record falls behind.
    pub(super) fn tick_call(
        &mut self,
        now: Millis,
        rng: &mut impl CryptoRng,
    ) -> Result<(), ErrorCode> {
        let late = |since: Millis| now >= since.plus(BEHIND_MS);
        if self.facts.recording.is_some() && self.in_flight.is_some_and(|a| late(a.since)) {
            return self.over(now, OverReason::RecordingUnavailable, None, rng);
        }
        let Some(call) = &self.call else {
            return Ok(());
        };
        let unheard = |caller: &&Caller| self.unheard_until(caller).is_some_and(|at| now >= at);
        let due = call.awaited().filter(|caller| now >= caller.until);
        let due: Vec<(usize, Standing, OverReason)> = due
            .map(|caller| match (caller.standing, caller.link) {
                (Standing::Ringing, _) => (caller.who, Standing::NoAnswer, OverReason::NoAnswer),
                (_, Link::New) => (caller.who, Standing::Left, OverReason::MediaUnavailable),
                _ => (caller.who, Standing::Left, OverReason::Gone),
            })
            .chain(
                call.inside()
                    .filter(unheard)
                    .map(|caller| (caller.who, Standing::Left, OverReason::Gone)),
            )
            .collect();
        for (who, standing, reason) in due {
            self.out_of_call(now, who, standing, reason, rng)?;
        }
        Ok(())
    }

    /// Something that has a place in the conversation.
    pub(super) fn noted(
        &mut self,
        now: Millis,
        who: usize,
        what: CallEvent,
        rng: &mut impl CryptoRng,
    ) -> Result<(), ErrorCode> {
        let n = self.last + 1;
        let event = ChatEvent::Noted { n, at: now, what };
        self.seal_event(now, who, &event, rng)?;
        let participant = self.people.get(who).ok_or(ErrorCode::Internal)?.id;
        let frame = to_frame(&ServerMessage::Noted {
            n,
            at: now,
            participant,
            what,
        });
        self.take(now, who, What::Noted { frame, what });
        Ok(())
    }

    /// The call is over without a word: nothing can be written of it now, or it goes on with the
    /// next relay. What its sources did not send stands in the record.
    pub(super) fn break_off_call(&mut self, now: Millis) {
        if let Some(call) = self.call.take() {
            for source in call.callers.iter().flat_map(|caller| &caller.sources) {
                self.goes(now, source);
            }
            self.tell_grown_gaps();
        }
        self.close_media();
    }

    /// To the worker; the driver says if there is none.
    pub(super) fn order(&mut self, order: Order) {
        self.media_open |= matches!(order, Order::Offer { .. });
        self.effects.push_back(Effect::Media(Box::new(order)));
    }
}
