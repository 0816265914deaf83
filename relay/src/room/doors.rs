//! Who comes, comes back, goes, and is asked in.

use proto::consent::RecordingChoice;
use proto::event::{ChatEvent, LeaveReason, Role};
use proto::notice::Modality;
use proto::wire::ServerMessage;
use proto::{ErrorCode, Millis, StaffId};
use rand_core::CryptoRng;
use seal::manifest;
use seal::spool::EventKind;

use super::durable::What;
use super::effect::{Change, Effect, SocketId, Summary};
use super::frame::to_frame;
use super::person::{Participant, Stage};
use super::pseudonym::pseudonym;
use super::state::{Admitted, Attaching, Claim, Claimed, Join, Phase, Resume, Room, Taken};

impl Room {
    /// An agent wants in: the first come, those who are asked, those who are in already.
    pub fn claim(&mut self, now: Millis, claim: &Claim) -> Result<Claimed, ErrorCode> {
        if !self.is_open() || !self.began {
            return Err(self.closed_reason());
        }
        let summary = self.summary();
        if !summary.agents.contains(&claim.staff) && summary.offer_to(claim.staff).is_none() {
            return Err(ErrorCode::AlreadyTaken);
        }
        if self.facts.recording.is_some() && claim.recording != RecordingChoice::Acknowledged {
            return Err(ErrorCode::RecordingRequired);
        }
        self.keys_are_fresh(now)?;
        self.has_room(now)?;
        self.taken.retain(|taken| taken.staff != claim.staff);
        self.taken.push(Taken {
            staff: claim.staff,
            until: now.plus(self.house.join_ms),
        });
        let track = self.next_track;
        self.next_track += 1;
        self.claims.push((track, now.plus(self.house.join_ms)));
        self.board.changed = true;
        self.settle(now);
        Ok(Claimed {
            site: self.facts.site,
            track,
            consent: manifest::Consent {
                notice: self.facts.notice,
                // To more than reading and writing they agree when they take a call.
                modalities: vec![Modality::Chat],
                recording: claim.recording,
                at: now.whole_seconds(),
            },
        })
    }

    /// Whether one more may come, those counted who are about to.
    fn has_room(&mut self, now: Millis) -> Result<(), ErrorCode> {
        self.claims.retain(|(_, until)| now < *until);
        if self.people.len() + self.claims.len() >= self.house.people {
            return Err(ErrorCode::Overloaded);
        }
        Ok(())
    }

    /// The agent's acknowledgement is durable: they may join.
    pub fn admit(
        &mut self,
        now: Millis,
        admitted: Admitted,
        rng: &mut impl CryptoRng,
    ) -> Result<(), ErrorCode> {
        if !self.is_open() {
            return Err(self.closed_reason());
        }
        self.claims.retain(|(track, _)| *track != admitted.track);
        self.has_room(now)?;
        self.people.push(Participant::admitted(
            admitted.participant,
            Role::Agent,
            Some(admitted.staff),
            admitted.track,
            admitted.key,
            admitted.consent,
            admitted.name,
        ));
        let done = self.prepare(now, self.people.len() - 1, rng);
        self.settle(now);
        done
    }

    pub(super) fn join(&mut self, now: Millis, join: Join, rng: &mut impl CryptoRng) {
        let socket = join.socket;
        if let Err(code) = self.try_join(now, join, rng) {
            self.effects.push_back(Effect::Close(socket, Some(code)));
            self.unsound(now, code);
        }
    }

    fn try_join(
        &mut self,
        now: Millis,
        join: Join,
        rng: &mut impl CryptoRng,
    ) -> Result<(), ErrorCode> {
        if !self.is_open() {
            return Err(self.closed_reason());
        }
        let socket = join.socket;
        let who = self
            .index_of(join.participant)
            .ok_or(ErrorCode::TokenInvalid)?;
        let roster = self.roster + 1;
        let fresh = self.keys_are_fresh(now);
        let person = self.people.get_mut(who).ok_or(ErrorCode::Internal)?;
        if person.staff != join.staff {
            return Err(ErrorCode::TokenInvalid);
        }
        match person.stage {
            Stage::Admitted => fresh?,
            // The welcome may have been lost with its socket: nobody has shown that it was not.
            Stage::In if !person.heard => {
                self.come_back(
                    now,
                    Attaching {
                        who,
                        socket,
                        have: 0,
                        after: self.last,
                        resume: join.resume,
                        first: false,
                        heard_again: false,
                    },
                );
                return Ok(());
            }
            Stage::In | Stage::Left => return Err(ErrorCode::TokenUsed),
        }
        if person.role == Role::Visitor {
            person.name = join.name.unwrap_or_else(|| pseudonym(rng));
        }
        person.stage = Stage::In;
        person.gone_since = now;
        let (participant, role, staff) = (person.id, person.role, person.staff);
        let name = person.name.clone();
        self.roster = roster;
        if !self.began {
            self.began = true;
            self.begin();
            if self.facts.recording.is_none() {
                self.note(EventKind::UnrecordedBegan, None);
            }
        }
        self.catch_up(who, rng)?;
        let event = ChatEvent::Joined {
            n: self.last + 1,
            at: now,
            participant,
            role,
            name,
        };
        self.seal_event(now, who, &event, rng)?;
        self.take(now, who, What::Joined);
        self.attaching.push(Attaching {
            who,
            socket,
            have: 0,
            after: self.last,
            resume: join.resume,
            first: true,
            heard_again: false,
        });
        self.board.changed = true;
        if let Some(staff) = staff {
            self.agent_came(now, who, staff, rng)?;
        }
        Ok(())
    }

    /// The first agent answers; a handover is complete; whoever was here as the same agent goes.
    fn agent_came(
        &mut self,
        now: Millis,
        who: usize,
        staff: StaffId,
        rng: &mut impl CryptoRng,
    ) -> Result<(), ErrorCode> {
        self.taken.retain(|taken| taken.staff != staff);
        self.note(EventKind::AgentJoined, Some(who));
        self.ring_newcomer(now, who);
        if !self.answered {
            self.answered = true;
            self.effects
                .push_back(Effect::Keep(Change::Answered(now.whole_seconds())));
        }
        let taken_over: Vec<StaffId> = self
            .asks
            .extract_if(.., |ask| ask.to.is_none_or(|to| to == staff))
            .filter(|ask| ask.handover)
            .map(|ask| ask.by)
            .collect();
        for index in 0..self.people.len() {
            let Some(person) = self.people.get(index) else {
                break;
            };
            let (Some(other), Stage::In) = (person.staff, person.stage) else {
                continue;
            };
            if index == who {
                continue;
            }
            if other == staff {
                self.leave(now, index, LeaveReason::Left, rng)?;
            } else if taken_over.contains(&other) {
                self.leave(now, index, LeaveReason::Transferred, rng)?;
            }
        }
        Ok(())
    }

    pub(super) fn resume(&mut self, now: Millis, resume: Resume) {
        let socket = resume.socket;
        if let Err(code) = self.try_resume(now, resume) {
            self.effects.push_back(Effect::Close(socket, Some(code)));
        }
    }

    fn try_resume(&mut self, now: Millis, resume: Resume) -> Result<(), ErrorCode> {
        let closed = matches!(
            self.phase,
            Phase::Broken | Phase::Stopping | Phase::Finished
        );
        if closed || self.is_stalled() {
            return Err(self.closed_reason());
        }
        let who = self
            .index_of(resume.participant)
            .ok_or(ErrorCode::ResumeStale)?;
        let person = self.people.get_mut(who).ok_or(ErrorCode::Internal)?;
        if person.stage != Stage::In || person.staff != resume.staff {
            return Err(ErrorCode::ResumeStale);
        }
        let heard_again = person.name.is_empty();
        if heard_again {
            person.name = resume.name.unwrap_or_default();
            self.board.changed = true;
        }
        person.heard = true;
        let attaching = Attaching {
            who,
            socket: resume.socket,
            have: resume.have,
            after: self.last,
            resume: resume.resume,
            first: false,
            heard_again,
        };
        self.come_back(now, attaching);
        Ok(())
    }

    /// Someone who is in comes on another socket: an older one goes.
    fn come_back(&mut self, now: Millis, attaching: Attaching) {
        let who = attaching.who;
        let Some(person) = self.people.get_mut(who) else {
            return;
        };
        person.gone_since = now;
        let older = person.socket.take();
        let earlier = self.attaching.extract_if(.., |other| other.who == who);
        let superseded: Vec<SocketId> = older
            .into_iter()
            .chain(earlier.map(|other| other.socket))
            .collect();
        for socket in superseded {
            self.effects
                .push_back(Effect::Close(socket, Some(ErrorCode::Superseded)));
        }
        self.attaching.push(attaching);
    }

    /// Lets in everyone whose waiting is over: welcome, what was said, and from here on live.
    pub(super) fn attach_ready(&mut self, now: Millis) {
        let until = self.durable;
        let ready: Vec<Attaching> = self
            .attaching
            .extract_if(.., |attaching| attaching.after <= until)
            .collect();
        for attaching in ready {
            self.attach(now, attaching);
        }
    }

    fn attach(&mut self, now: Millis, attaching: Attaching) {
        let Attaching { who, socket, .. } = attaching;
        let joined_now = attaching.first;
        let in_it = |person: &&mut Participant| person.stage == Stage::In;
        let Some(person) = self.people.get_mut(who).filter(in_it) else {
            self.effects.push_back(Effect::Close(socket, None));
            return;
        };
        person.socket = Some(socket);
        let (participant, is_visitor) = (person.id, !person.is_agent());
        let name = person.name.clone();
        let track = person.track;
        let modalities = person.consent.modalities.clone();
        let shown = person.on_the_wire();
        self.board.changed |= is_visitor;

        let welcome = ServerMessage::Welcome {
            tenant: self.facts.tenant,
            session: self.facts.session,
            recording: self.facts.recording,
            participant,
            name,
            track,
            resume: attaching.resume,
            modalities,
            offered: self.facts.offered.clone(),
            people: self
                .people
                .iter()
                .filter(|person| person.stage != Stage::Admitted)
                .map(Participant::on_the_wire)
                .collect(),
            last: self.durable,
            limits: self.house.limits,
            answered: self.answered,
            now,
        };
        self.tell(who, &welcome);
        if self.facts.recording.is_some() {
            let backlog = self
                .history
                .backlog(participant, attaching.have, self.durable);
            self.effects
                .push_back(Effect::Backlog(socket, Box::new(backlog)));
        } else {
            for frame in self.history.frames_after(attaching.have) {
                self.effects.push_back(Effect::Frame(socket, frame.clone()));
            }
        }
        if attaching.heard_again {
            let joined = ServerMessage::Joined {
                n: None,
                at: now,
                person: shown,
            };
            self.tell_others(Some(who), &to_frame(&joined));
        } else if !joined_now {
            self.tell_presence(who, true);
        }
        if is_visitor && !self.answered {
            self.tell_waiting(who);
        }
        if let Some(call) = self.call_view() {
            let call = Some(call);
            self.tell(who, &ServerMessage::Call { call, over: None });
        }
        self.attached_after_end(who, now);
    }

    fn tell_presence(&mut self, who: usize, online: bool) {
        if let Some(participant) = self.people.get(who).map(|person| person.id) {
            let frame = to_frame(&ServerMessage::Presence {
                participant,
                online,
            });
            self.tell_others(Some(who), &frame);
        }
    }

    fn tell_waiting(&mut self, who: usize) {
        let waiting = ServerMessage::Waiting {
            since: self.facts.since,
            ahead: self.ahead,
        };
        self.tell(who, &waiting);
    }

    pub(super) fn queue_moved(&mut self, ahead: u32) {
        if self.ahead == ahead {
            return;
        }
        self.ahead = ahead;
        if !self.answered
            && self.phase == Phase::Open
            && let Some(who) = self.people.iter().position(|person| !person.is_agent())
        {
            self.tell_waiting(who);
        }
    }

    pub(super) fn gone(&mut self, now: Millis, socket: SocketId) {
        self.attaching
            .retain(|attaching| attaching.socket != socket);
        let Some(who) = self.person_of(socket) else {
            return;
        };
        if let Some(person) = self.people.get_mut(who) {
            person.socket = None;
            person.gone_since = now;
            self.board.changed |= !person.is_agent();
        }
        self.tell_presence(who, false);
    }

    /// Nobody is signed in any more as this agent: neither their socket nor their call goes on.
    pub(super) fn signed_out(
        &mut self,
        now: Millis,
        staff: StaffId,
        rng: &mut impl CryptoRng,
    ) -> Result<(), ErrorCode> {
        for who in 0..self.people.len() {
            let Some(person) = self.people.get(who) else {
                break;
            };
            if person.staff != Some(staff) || person.stage != Stage::In {
                continue;
            }
            if let Some(socket) = person.socket {
                self.effects
                    .push_back(Effect::Close(socket, Some(ErrorCode::SignInRequired)));
                self.gone(now, socket);
            }
            self.leaves_call(now, who, rng)?;
        }
        Ok(())
    }

    pub(super) fn show_on_board(&mut self) {
        let open = self.began && self.is_open();
        if open {
            self.board.shown = true;
            self.effects
                .push_back(Effect::Board(Box::new(self.summary())));
        } else if core::mem::take(&mut self.board.shown) {
            self.effects.push_back(Effect::OffBoard);
        }
    }

    fn summary(&self) -> Summary {
        let visitor = self.people.iter().find(|person| !person.is_agent());
        let agents: Vec<StaffId> = self.agents().filter_map(|agent| agent.staff).collect();
        Summary {
            session: self.facts.session,
            site: self.facts.site,
            site_name: self.facts.site_name.clone(),
            visitor: visitor
                .map(|person| person.name.clone())
                .unwrap_or_default(),
            online: visitor.is_some_and(|person| person.socket.is_some()),
            modalities: visitor
                .map(|person| person.consent.modalities.clone())
                .unwrap_or_default(),
            recorded: self.facts.recording.is_some(),
            since: self.facts.since,
            notice: self.facts.notice,
            minimum_days: self.facts.policy.minimum_days,
            maximum_days: self.facts.policy.maximum_days,
            waiting: agents.is_empty(),
            agents,
            asks: self.asks.clone(),
            taken: self.taken.iter().map(|taken| taken.staff).collect(),
        }
    }
}
