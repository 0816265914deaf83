//! A visitor alone with a room: the join token of a welcome that was lost is shown again, that of one
//! that arrived is dead; and what no consent covers is not taken.

use proto::consent::RecordingChoice;
use proto::event::Role;
use proto::notice::Modality;
use proto::wire::{ClientMessage, ServerMessage};
use proto::{ErrorCode, ParticipantId, RecordingId, StaffId, Token};
use relay::media::order::Order;
use relay::room::effect::{Effect, SocketId};
use relay::room::person::Participant;
use relay::room::recover::Unfinished;
use relay::room::state::{Command, Join, Resume, Room};
use seal::spool::{Record, RecoveredTrack};
use tempfile::TempDir;

use super::model::{NOW, consent, facts, house, open, target};
use crate::world::{rng, x25519};

/// A room and its visitor, who holds a join token.
pub(super) struct Visited {
    pub(super) room: Room,
    pub(super) visitor: ParticipantId,
    /// The token that every welcome of this join carries.
    resume: Token,
}

/// What a room did with one input.
#[derive(Debug, Default)]
pub(super) struct Done {
    pub(super) frames: Vec<(SocketId, ServerMessage)>,
    pub(super) closed: Vec<(SocketId, Option<ErrorCode>)>,
    pub(super) appended: Vec<Record>,
    pub(super) orders: Vec<Order>,
    pub(super) consents: Vec<(ParticipantId, Modality, bool)>,
}

impl Done {
    /// The welcome on `socket`.
    #[track_caller]
    pub(super) fn welcome(&self, socket: SocketId) -> &ServerMessage {
        let welcome = |(to, frame): &&(SocketId, ServerMessage)| {
            *to == socket && matches!(frame, ServerMessage::Welcome { .. })
        };
        let found = self.frames.iter().find(welcome);
        &found.unwrap_or_else(|| panic!("{self:?}")).1
    }
}

impl Visited {
    pub(super) fn new(recording: Option<RecordingId>, modalities: &[Modality]) -> Self {
        let visitor = ParticipantId::random(&mut rng());
        let mut agreed = consent();
        agreed.modalities = modalities.to_vec();
        if recording.is_none() {
            agreed.recording = RecordingChoice::Refused;
        }
        let mut facts = facts(recording);
        facts.modalities = modalities.to_vec();
        let target = recording.map(|_| target(facts.tenant));
        let key = x25519();
        let name = String::new();
        let person = Participant::admitted(visitor, Role::Visitor, None, 1, key, agreed, name);
        Self {
            room: Room::open(house(), facts, target, person, &mut rng()).unwrap(),
            visitor,
            resume: Token::random(&mut rng()),
        }
    }

    pub(super) fn handle(&mut self, command: Command) -> Done {
        self.room.handle(NOW, command, &mut rng());
        self.done()
    }

    pub(super) fn done(&mut self) -> Done {
        let mut done = Done::default();
        while let Some(effect) = self.room.poll() {
            match effect {
                Effect::Frame(socket, frame) => {
                    done.frames
                        .push((socket, serde_json::from_str(&frame).unwrap()));
                }
                Effect::Close(socket, code) => done.closed.push((socket, code)),
                Effect::Append(records) => done.appended.extend(records),
                Effect::Media(order) => done.orders.push(*order),
                Effect::Consent {
                    participant,
                    modality,
                    given,
                    ..
                } => done.consents.push((participant, modality, given)),
                _ => {}
            }
        }
        done
    }

    pub(super) fn join(&mut self, socket: SocketId) -> Done {
        let join = Join {
            participant: self.visitor,
            staff: None,
            name: Some("Robin".to_owned()),
            socket,
            resume: self.resume.clone(),
        };
        self.handle(Command::Join(Box::new(join)))
    }

    pub(super) fn resume(&mut self, socket: SocketId) -> Done {
        self.resume_as(socket, self.visitor, None)
    }

    pub(super) fn resume_as(
        &mut self,
        socket: SocketId,
        participant: ParticipantId,
        staff: Option<StaffId>,
    ) -> Done {
        let resume = Resume {
            participant,
            staff,
            name: Some("Robin".to_owned()),
            have: 0,
            socket,
            resume: Token::random(&mut rng()),
        };
        self.handle(Command::Resume(Box::new(resume)))
    }

    /// The relay died with `records` in its spool, and without a row of what they say.
    pub(super) fn restart(
        &mut self,
        records: &[Record],
        staff: impl Fn(ParticipantId) -> Option<StaffId>,
    ) {
        let folder = TempDir::new().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        let spool = open(&folder).0;
        runtime.block_on(spool.append(records)).unwrap();
        runtime.block_on(spool.close());
        let (spool, mut recovered) = open(&folder);
        let facts = self.room.facts().clone();
        let recording = recovered.recordings.remove(&facts.recording.unwrap());
        let recording = recording.unwrap();
        let places = recording.parts.iter();
        let parts = places.flat_map(|place| spool.read(place.at).unwrap());
        let parts = parts
            .filter_map(|record| match record {
                Record::Part(part) => Some(part),
                _ => None,
            })
            .collect();
        let chat = |track: &&RecoveredTrack| track.id.modality == Modality::Chat;
        let people = recording.tracks.values().filter(chat).map(|track| {
            let id = track.id.participant;
            Participant::admitted(
                id,
                track.id.role,
                staff(id),
                track.id.track,
                x25519(),
                consent(),
                String::new(),
            )
        });
        let unfinished = Unfinished {
            people: people.collect(),
            parts,
            recording,
            target: Some(target(facts.tenant)),
            facts,
            owed: Vec::new(),
        };
        self.room = Room::recover(house(), NOW, unfinished).unwrap();
        self.done();
    }
}

#[test]
fn a_join_token_whose_welcome_was_lost_lets_the_same_participant_in_again() {
    let mut visited = Visited::new(None, &[Modality::Chat]);
    let first = visited.join(1);
    let second = visited.join(2);
    assert_eq!(second.closed, [(1, Some(ErrorCode::Superseded))]);
    for (done, socket) in [(&first, 1), (&second, 2)] {
        let ServerMessage::Welcome {
            participant,
            resume,
            people,
            last,
            name,
            ..
        } = done.welcome(socket)
        else {
            unreachable!();
        };
        assert_eq!(*participant, visited.visitor);
        assert_eq!(*resume, visited.resume);
        // One who joined, once.
        assert_eq!((people.len(), *last, name.as_str()), (1, 1, "Robin"));
    }
    // Gone and not heard: it may be shown a third time.
    visited.handle(Command::Gone(2));
    visited.join(3).welcome(3);
}

#[test]
fn a_join_token_may_be_shown_again_before_the_joining_is_durable() {
    let mut visited = Visited::new(Some(RecordingId::random(&mut rng())), &[Modality::Chat]);
    let first = visited.join(1);
    assert!(!first.appended.is_empty() && first.frames.is_empty());
    let second = visited.join(2);
    assert_eq!(second.closed, [(1, Some(ErrorCode::Superseded))]);
    assert!(second.frames.is_empty(), "let in before it was durable");
    visited.room.durable(NOW);
    let done = visited.done();
    done.welcome(2);
    assert!(done.frames.iter().all(|(socket, _)| *socket == 2));
    assert!(done.appended.is_empty(), "something was recorded twice");
}

#[test]
fn a_join_token_is_dead_once_its_socket_has_sent_anything() {
    for message in [
        ClientMessage::Mark {
            delivered: 0,
            read: 0,
        },
        ClientMessage::Typing { on: true },
        ClientMessage::Say {
            cid: 1,
            text: String::new(),
        },
    ] {
        let mut visited = Visited::new(None, &[Modality::Chat]);
        visited.join(1);
        visited.handle(Command::From(1, message));
        let again = visited.join(2);
        assert_eq!(again.closed, [(2, Some(ErrorCode::TokenUsed))]);
        assert!(again.frames.is_empty(), "{again:?}");
        // Not even when that socket is gone.
        visited.handle(Command::Gone(1));
        assert_eq!(visited.join(3).closed, [(3, Some(ErrorCode::TokenUsed))]);
    }
}

#[test]
fn a_join_token_is_dead_once_the_welcomes_own_token_was_used() {
    let mut visited = Visited::new(None, &[Modality::Chat]);
    visited.join(1);
    visited.resume(2).welcome(2);
    assert_eq!(visited.join(3).closed, [(3, Some(ErrorCode::TokenUsed))]);
}

#[test]
fn a_visitor_who_joined_and_was_never_heard_of_again_ends_the_session_by_time() {
    let mut visited = Visited::new(Some(RecordingId::random(&mut rng())), &[Modality::Chat]);
    visited.join(1);
    visited.handle(Command::Gone(1));
    visited.room.durable(NOW);
    visited.done();
    let due = visited.room.deadline().unwrap();
    assert_eq!(due, NOW.plus(house().return_ms));
    visited.room.tick(due, &mut rng());
    let ends = |record: &Record| matches!(record, Record::End(_));
    assert!(visited.done().appended.iter().any(ends));
}

#[test]
fn what_no_consent_covers_is_refused_and_nothing_of_it_is_recorded() {
    let mut visited = Visited::new(Some(RecordingId::random(&mut rng())), &[Modality::Audio]);
    visited.join(1);
    visited.room.durable(NOW);
    visited.done().welcome(1);
    let said = visited.handle(Command::From(
        1,
        ClientMessage::Say {
            cid: 1,
            text: "not agreed to".to_owned(),
        },
    ));
    assert!(said.appended.is_empty(), "it was recorded");
    let [(1, ServerMessage::Error { code, cid, .. })] = said.frames.as_slice() else {
        panic!("{said:?}");
    };
    assert_eq!((*code, *cid), (ErrorCode::ConsentMissing, Some(1)));
    assert_eq!(visited.room.last(), 1);
}
