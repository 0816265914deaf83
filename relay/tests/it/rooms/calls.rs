//! Calls in a room: who may, who is rung, what flows.

mod connected;
mod offers;
mod recorded;
mod withdrawn;

use proto::call::{
    CallEvent, CallOver, CallView, OverReason, Refusal, Sdp, SendSlot, SourceState, Standing,
    TakeSlot,
};
use proto::notice::Modality;
use proto::wire::{ClientMessage, ServerMessage};
use proto::{ErrorCode, Hash32, Millis, ParticipantId, RecordingId, StaffId};
use relay::media::order::{Captured, Cause, Gate, News, Order};
use relay::room::agreeing::Consented;
use relay::room::effect::SocketId;
use relay::room::state::Command;

use super::joins::{Done, Visited};
use super::model::NOW;
use super::stays::{accept, come, durable};
use crate::world::rng;

const VISITOR: SocketId = 1;
const AGENT: SocketId = 10;

/// A visitor and an agent in a session, recorded or not.
struct Talk {
    visited: Visited,
    agent: ParticipantId,
    staff: StaffId,
    now: Millis,
    /// Offers that the worker has not answered yet: whose, and their numbers.
    asked: Vec<(ParticipantId, u64)>,
}

impl Talk {
    fn new(recorded: bool, agreed: &[Modality]) -> Self {
        let recording = recorded.then(|| RecordingId::random(&mut rng()));
        let mut visited = Visited::new(recording, agreed);
        visited.join(VISITOR);
        durable(&mut visited);
        let staff = StaffId::random(&mut rng());
        let agent = accept(&mut visited, staff);
        come(&mut visited, staff, agent, AGENT);
        durable(&mut visited);
        Self {
            visited,
            agent,
            staff,
            now: NOW,
            asked: Vec::new(),
        }
    }

    /// Both have agreed to sound, and are in a call.
    fn in_call(recorded: bool) -> Self {
        let mut talk = Self::new(recorded, &[Modality::Chat, Modality::Audio]);
        talk.agree(AGENT, Modality::Audio);
        talk.says(VISITOR, ClientMessage::Call { again: false });
        talk.says(AGENT, ClientMessage::Call { again: false });
        talk
    }

    /// Both are connected, and send sound.
    fn talking(recorded: bool) -> Self {
        let mut talk = Self::in_call(recorded);
        for who in [VISITOR, AGENT] {
            talk.offers(who, &[Modality::Audio]);
            talk.connects(who);
        }
        talk
    }

    fn connects(&mut self, socket: SocketId) -> Done {
        let peer = self.who(socket);
        self.does(Command::Media(News::Connected { peer }))
    }

    fn is_lost(&mut self, socket: SocketId) -> Done {
        let peer = self.who(socket);
        self.does(Command::Media(News::Lost { peer }))
    }

    fn who(&self, socket: SocketId) -> ParticipantId {
        if socket == VISITOR {
            self.visited.visitor
        } else {
            self.agent
        }
    }

    /// A message, and all that becomes durable because of it.
    fn says(&mut self, socket: SocketId, message: ClientMessage) -> Done {
        self.does(Command::From(socket, message))
    }

    fn does(&mut self, command: Command) -> Done {
        self.visited.room.handle(self.now, command, &mut rng());
        self.rest()
    }

    fn rest(&mut self) -> Done {
        let mut done = self.visited.done();
        loop {
            self.visited.room.durable(self.now);
            let more = self.visited.done();
            let last = more.appended.is_empty();
            done.frames.extend(more.frames);
            done.closed.extend(more.closed);
            done.appended.extend(more.appended);
            done.orders.extend(more.orders);
            done.consents.extend(more.consents);
            if last {
                let offers = done.orders.iter().filter_map(|order| match order {
                    Order::Offer { peer, number, .. } => Some((*peer, *number)),
                    _ => None,
                });
                self.asked.extend(offers);
                return done;
            }
        }
    }

    fn passes(&mut self, ms: i64) -> Done {
        self.now = self.now.plus(ms);
        self.visited.room.tick(self.now, &mut rng());
        self.rest()
    }

    fn agree(&mut self, socket: SocketId, modality: Modality) -> Done {
        let notice = Hash32::ZERO;
        let asked = self.says(socket, ClientMessage::Agree { modality, notice });
        assert_eq!(asked.consents, [(self.who(socket), modality, true)]);
        assert!(asked.appended.is_empty(), "before the row was kept");
        self.kept(socket, modality, true, Ok(None))
    }

    fn kept(
        &mut self,
        socket: SocketId,
        modality: Modality,
        given: bool,
        kept: Result<Option<proto::dsse::Envelope>, ErrorCode>,
    ) -> Done {
        self.does(Command::Consented(Box::new(Consented {
            participant: self.who(socket),
            modality,
            given,
            kept,
        })))
    }

    /// Offers these sources, and takes all that the other may send; it is answered.
    fn offers(&mut self, socket: SocketId, kinds: &[Modality]) -> Done {
        let asked = self.says(socket, offer(kinds, &[]));
        assert!(
            matches!(asked.orders.as_slice(), [Order::Offer { .. }]),
            "{asked:?}"
        );
        self.answered(socket)
    }

    /// The oldest offer of theirs is answered.
    fn answered(&mut self, socket: SocketId) -> Done {
        self.answers(socket, Ok("v=0".to_owned()))
    }

    fn answers(&mut self, socket: SocketId, answer: Result<String, ErrorCode>) -> Done {
        let whose = self.who(socket);
        let place = self.asked.iter().position(|(peer, _)| *peer == whose);
        let (peer, number) = self.asked.remove(place.expect("an offer"));
        self.does(Command::Media(News::Answer {
            peer,
            number,
            answer,
        }))
    }

    fn view(&mut self) -> CallView {
        let seen = self.says(VISITOR, ClientMessage::Call { again: true });
        view(&seen).unwrap_or_else(|| panic!("{seen:?}"))
    }

    fn captured(&mut self, track: u32, batch: &[u8]) -> Done {
        self.does(Command::Media(News::Captured(Captured {
            call: 1,
            track,
            batch: batch.to_vec().into(),
            gaps: Vec::new(),
            whole_until: self.now,
        })))
    }
}

fn offer(kinds: &[Modality], takes: &[TakeSlot]) -> ClientMessage {
    let send = |(mid, kind): (usize, &Modality)| SendSlot {
        mid: mid.to_string(),
        kind: *kind,
    };
    ClientMessage::Offer {
        offer: 1,
        sdp: Sdp("v=0".to_owned()),
        sends: kinds.iter().enumerate().map(send).collect(),
        takes: takes.to_vec(),
    }
}

fn view(done: &Done) -> Option<CallView> {
    let call = |(_, frame): &(SocketId, ServerMessage)| match frame {
        ServerMessage::Call { call, .. } => call.clone(),
        _ => None,
    };
    done.frames.iter().rev().find_map(call)
}

fn over(done: &Done) -> Option<CallOver> {
    done.frames.iter().find_map(|(_, frame)| match frame {
        ServerMessage::Call { over, .. } => *over,
        _ => None,
    })
}

#[track_caller]
fn refused(done: &Done) -> ErrorCode {
    let code = |(_, frame): &(SocketId, ServerMessage)| match frame {
        ServerMessage::Error { code, .. } => Some(*code),
        _ => None,
    };
    let found = done.frames.iter().find_map(code);
    found.unwrap_or_else(|| panic!("{done:?}"))
}

fn noted(done: &Done) -> Vec<CallEvent> {
    let to_agent = |(to, frame): &(SocketId, ServerMessage)| match frame {
        ServerMessage::Noted { what, .. } if *to == AGENT => Some(*what),
        _ => None,
    };
    done.frames.iter().filter_map(to_agent).collect()
}

fn gates(done: &Done) -> Vec<(u32, Gate)> {
    let gate = |order: &Order| match order {
        Order::Gate { track, gate } => Some((*track, *gate)),
        _ => None,
    };
    done.orders.iter().filter_map(gate).collect()
}

fn standing(view: &CallView, who: ParticipantId) -> Standing {
    let found = view.people.iter().find(|person| person.participant == who);
    found.unwrap().standing
}

fn state(view: &CallView, who: ParticipantId, kind: Modality) -> SourceState {
    let person = view.people.iter().find(|person| person.participant == who);
    let source = person.unwrap().sources.iter().find(|s| s.kind == kind);
    source.unwrap().state
}

#[test]
fn nobody_calls_who_has_not_agreed_to_sound_and_agreeing_is_kept_before_it_holds() {
    let mut talk = Talk::new(true, &[Modality::Chat]);
    let call = ClientMessage::Call { again: false };
    assert_eq!(
        refused(&talk.says(VISITOR, call.clone())),
        ErrorCode::AgreementNeeded
    );
    let notice = Hash32::of(b"another notice");
    let agree = |modality, notice| ClientMessage::Agree { modality, notice };
    assert_eq!(
        refused(&talk.says(VISITOR, agree(Modality::Audio, notice))),
        ErrorCode::NoticeOutdated
    );
    // What could not be written does not hold.
    talk.says(VISITOR, agree(Modality::Audio, Hash32::ZERO));
    let failed = talk.kept(VISITOR, Modality::Audio, true, Err(ErrorCode::Overloaded));
    assert_eq!(refused(&failed), ErrorCode::Overloaded);
    assert_eq!(
        refused(&talk.says(VISITOR, call.clone())),
        ErrorCode::AgreementNeeded
    );
    let done = talk.agree(VISITOR, Modality::Audio);
    let modality = Modality::Audio;
    assert_eq!(noted(&done), [CallEvent::Agreed { modality }]);
    assert!(done.frames.iter().any(|(to, frame)| *to == VISITOR
        && matches!(frame, ServerMessage::Agreed { modalities, .. }
            if *modalities == [Modality::Chat, Modality::Audio])));
    let rung = talk.says(VISITOR, call);
    assert_eq!(noted(&rung), [CallEvent::Rang {}]);
    let seen = view(&rung).unwrap();
    assert_eq!(standing(&seen, talk.visited.visitor), Standing::In);
    assert_eq!(standing(&seen, talk.agent), Standing::Ringing);
}

#[test]
fn a_call_to_nobody_is_refused() {
    let recording = Some(RecordingId::random(&mut rng()));
    let mut visited = Visited::new(recording, &[Modality::Chat, Modality::Audio]);
    visited.join(VISITOR);
    durable(&mut visited);
    let call = ClientMessage::Call { again: false };
    let done = visited.handle(Command::From(VISITOR, call));
    assert_eq!(refused(&done), ErrorCode::NobodyThere);
}

#[test]
fn a_call_that_is_not_taken_says_why_to_both() {
    for (reason, due) in [
        (Refusal::Declined, OverReason::Declined),
        (Refusal::Busy, OverReason::Busy),
        (Refusal::NoPermission, OverReason::NoPermission),
        (Refusal::NoDevice, OverReason::NoDevice),
    ] {
        let mut talk = Talk::new(true, &[Modality::Chat, Modality::Audio]);
        talk.says(VISITOR, ClientMessage::Call { again: false });
        let done = talk.says(AGENT, ClientMessage::Decline { reason });
        let told = over(&done).unwrap();
        assert_eq!((told.reason, told.lasted_ms), (due, 0));
        assert_eq!(told.by, Some(talk.agent));
        assert_eq!(
            refused(&talk.says(AGENT, ClientMessage::HangUp {})),
            ErrorCode::CallMissing
        );
    }
    let mut talk = Talk::new(true, &[Modality::Chat, Modality::Audio]);
    talk.says(VISITOR, ClientMessage::Call { again: false });
    assert!(over(&talk.passes(44_999)).is_none());
    let told = over(&talk.passes(1)).unwrap();
    assert_eq!(told.reason, OverReason::NoAnswer);
}

#[test]
fn a_source_flows_once_everyone_in_the_call_has_agreed_to_its_kind() {
    let mut talk = Talk::talking(true);
    talk.agree(AGENT, Modality::Video);
    let done = talk.offers(AGENT, &[Modality::Audio, Modality::Video]);
    let kind = Modality::Video;
    assert_eq!(noted(&done), [CallEvent::Added { kind }]);
    let [(camera, Gate::Closed(Cause::Unagreed))] = gates(&done)[..] else {
        panic!("{done:?}");
    };
    assert_eq!(
        state(&view(&done).unwrap(), talk.agent, kind),
        SourceState::Unagreed
    );
    // The visitor must not send a camera either.
    let refusal = talk.says(VISITOR, offer(&[Modality::Audio, Modality::Video], &[]));
    assert_eq!(refused(&refusal), ErrorCode::AgreementNeeded);
    let agreed = talk.agree(VISITOR, Modality::Video);
    assert_eq!(gates(&agreed), [(camera, Gate::Open)]);
    // Taken back, it stops before anything is written.
    let withdraw = ClientMessage::Withdraw { modality: kind };
    talk.visited
        .room
        .handle(talk.now, Command::From(VISITOR, withdraw), &mut rng());
    let done = talk.visited.done();
    assert_eq!(gates(&done), [(camera, Gate::Closed(Cause::Unagreed))]);
    assert_eq!(done.consents, [(talk.visited.visitor, kind, false)]);
}

#[test]
fn nothing_flows_before_the_other_is_there_or_after_they_are_gone() {
    let mut talk = Talk::new(true, &[Modality::Chat, Modality::Audio]);
    talk.agree(AGENT, Modality::Audio);
    talk.says(VISITOR, ClientMessage::Call { again: false });
    let done = talk.offers(VISITOR, &[Modality::Audio]);
    let [(microphone, Gate::Closed(Cause::Away))] = gates(&done)[..] else {
        panic!("{done:?}");
    };
    let done = talk.says(AGENT, ClientMessage::Call { again: false });
    assert_eq!(gates(&done), [(microphone, Gate::Open)]);
    talk.connects(VISITOR);
    let peer = talk.agent;
    let done = talk.does(Command::Media(News::Lost { peer }));
    assert_eq!(gates(&done), [(microphone, Gate::Closed(Cause::Away))]);
    assert_eq!(standing(&view(&done).unwrap(), peer), Standing::Away);
    let done = talk.does(Command::Media(News::Connected { peer }));
    assert_eq!(gates(&done), [(microphone, Gate::Open)]);
    talk.does(Command::Media(News::Lost { peer }));
    let told = over(&talk.passes(30_000)).unwrap();
    assert_eq!(told.reason, OverReason::Gone);
}

#[test]
fn who_withdraws_their_consent_to_sound_leaves_the_call() {
    let mut talk = Talk::talking(true);
    let withdraw = ClientMessage::Withdraw {
        modality: Modality::Audio,
    };
    let done = talk.says(VISITOR, withdraw);
    assert_eq!(over(&done).unwrap().reason, OverReason::Withdrawn);
    assert!(
        done.orders
            .iter()
            .any(|order| matches!(order, Order::Close))
    );
    let again = talk.says(VISITOR, ClientMessage::Call { again: false });
    assert_eq!(refused(&again), ErrorCode::AgreementNeeded);
    let chat = ClientMessage::Withdraw {
        modality: Modality::Chat,
    };
    assert_eq!(refused(&talk.says(AGENT, chat)), ErrorCode::ModalityRefused);
}

#[test]
fn an_offer_takes_what_others_send_and_a_track_stays_whatever_comes_and_goes() {
    let mut talk = Talk::talking(true);
    let microphone = talk.view().people[0].sources[0].track;
    let takes = [TakeSlot {
        mid: "7".to_owned(),
        participant: talk.visited.visitor,
        kind: Modality::Audio,
    }];
    let done = talk.says(AGENT, offer(&[Modality::Audio], &takes));
    let [Order::Offer { takes, .. }] = done.orders.as_slice() else {
        panic!("{done:?}");
    };
    assert_eq!(
        takes.iter().map(|t| t.track).collect::<Vec<_>>(),
        [microphone]
    );
    // One at a time.
    let early = talk.says(AGENT, offer(&[], &[]));
    assert_eq!(refused(&early), ErrorCode::RateLimited);
    talk.answered(AGENT);
    let kind = Modality::Audio;
    assert_eq!(
        noted(&talk.offers(VISITOR, &[])),
        [CallEvent::Removed { kind }]
    );
    talk.offers(VISITOR, &[kind]);
    assert_eq!(talk.view().people[0].sources[0].track, microphone);
    for bad in [
        offer(&[Modality::Chat], &[]),
        offer(&[kind, kind], &[]),
        ClientMessage::Offer {
            offer: 1,
            sdp: Sdp("x".repeat(proto::call::SDP_MAX + 1)),
            sends: vec![],
            takes: vec![],
        },
    ] {
        assert_eq!(refused(&talk.says(VISITOR, bad)), ErrorCode::SdpRefused);
    }
}

#[test]
fn a_call_goes_on_with_the_colleague_whom_the_session_is_handed_to() {
    let mut talk = Talk::talking(true);
    let (mia, jon) = (talk.agent, StaffId::random(&mut rng()));
    talk.says(AGENT, ClientMessage::Transfer { to: Some(jon) });
    let jons = accept(&mut talk.visited, jon);
    let mut came = come(&mut talk.visited, jon, jons, 11);
    let rest = talk.rest();
    came.frames.extend(rest.frames);
    came.orders.extend(rest.orders);
    assert!(over(&came).is_none(), "{came:?}");
    let seen = view(&came).unwrap();
    assert_eq!(standing(&seen, mia), Standing::Left);
    assert_eq!(standing(&seen, jons), Standing::Ringing);
    let dropped = |order: &Order| matches!(order, Order::Drop { peer } if *peer == mia);
    assert!(came.orders.iter().any(dropped), "{came:?}");
    talk.agent = jons;
    let call = ClientMessage::Call { again: false };
    assert_eq!(
        refused(&talk.says(11, call.clone())),
        ErrorCode::AgreementNeeded
    );
    let notice = Hash32::ZERO;
    let modality = Modality::Audio;
    talk.says(11, ClientMessage::Agree { modality, notice });
    talk.kept(11, modality, true, Ok(None));
    let joined = talk.says(11, call);
    assert_eq!(standing(&view(&joined).unwrap(), jons), Standing::In);
    assert!(gates(&joined).iter().any(|(_, gate)| *gate == Gate::Open));
}
