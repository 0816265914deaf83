//! One value of every message and body, made of fixed ids and times.

mod bodies;

use proto::bytes::{Hash32, PublicKey};
use proto::call::{
    CallEvent, CallPerson, CallSource, CallView, OverReason, Refusal, Sdp, SendSlot, SourceState,
    Standing, TakeSlot,
};
use proto::event::{ChatEvent, LeaveReason, Role};
use proto::notice::Modality;
use proto::wire::{
    ClientMessage, Hello, KeyWrap, Limits, Person, SealedAt, SealedPart, ServerMessage,
};
use proto::{
    ErrorCode, Millis, ParticipantId, RecordingId, SessionId, SiteId, StaffId, TenantId, Token,
};
use serde::{Serialize, de::DeserializeOwned};

use crate::golden::Golden;

const AT: Millis = Millis(1_800_000_000_123);

/// Bodies that are read by clients of other versions too: they may grow.
pub(crate) const OPEN: &[&str] = &["problem"];

fn golden<T: Serialize + DeserializeOwned>(name: &'static str, value: &T) -> Golden {
    Golden {
        name,
        written: serde_json::to_string(value).unwrap(),
        reads_back: |text| {
            let value: T = serde_json::from_str(text).ok()?;
            serde_json::to_string(&value).ok()
        },
    }
}

pub(crate) fn all() -> Vec<Golden> {
    let mut all = Vec::new();
    all.extend(hellos());
    all.extend(client_messages());
    all.extend(server_messages());
    all.extend(chat_events());
    all.extend(bodies::gate_bodies());
    all.extend(bodies::desk_bodies());
    all
}

fn token(byte: u8) -> Token {
    PublicKey([byte; 32]).to_string().parse().unwrap()
}

fn id(byte: u8) -> [u8; 16] {
    let mut bytes = [byte; 16];
    bytes[6] = 0x40 | (byte & 0x0f);
    bytes[8] = 0x80 | (byte & 0x3f);
    bytes
}

fn session() -> SessionId {
    SessionId::from_bytes(id(0x51))
}
fn site() -> SiteId {
    SiteId::from_bytes(id(0x17))
}
fn visitor() -> ParticipantId {
    ParticipantId::from_bytes(id(0xa1))
}
fn agent() -> ParticipantId {
    ParticipantId::from_bytes(id(0xa2))
}
fn staff() -> StaffId {
    StaffId::from_bytes(id(0x5a))
}

fn hellos() -> Vec<Golden> {
    let values = [
        Hello::Join {
            site: site(),
            token: token(1),
            name: Some("Blue Heron".to_owned()),
        },
        Hello::Resume {
            site: site(),
            token: token(2),
            name: "Blue Heron".to_owned(),
            have: 7,
        },
    ];
    values
        .iter()
        .map(|value| {
            let name = match value {
                Hello::Join { .. } => "hello.join",
                Hello::Resume { .. } => "hello.resume",
            };
            golden(name, value)
        })
        .collect()
}

fn client_messages() -> Vec<Golden> {
    let values = [
        ClientMessage::Say {
            cid: 3,
            text: "My card was declined.".to_owned(),
        },
        ClientMessage::Typing { on: true },
        ClientMessage::Mark {
            delivered: 9,
            read: 8,
        },
        ClientMessage::Invite { to: staff() },
        ClientMessage::Transfer { to: None },
        ClientMessage::Leave {},
        ClientMessage::End {},
        ClientMessage::Agree {
            modality: Modality::Video,
            notice: Hash32::of(b"a notice"),
        },
        ClientMessage::Withdraw {
            modality: Modality::Video,
        },
        ClientMessage::Call { again: false },
        ClientMessage::Decline {
            reason: Refusal::Busy,
        },
        ClientMessage::HangUp {},
        ClientMessage::Offer {
            offer: 2,
            sdp: Sdp("v=0\r\n…".to_owned()),
            sends: vec![SendSlot {
                mid: "0".to_owned(),
                kind: Modality::Audio,
            }],
            takes: vec![TakeSlot {
                mid: "3".to_owned(),
                participant: agent(),
                kind: Modality::Video,
            }],
        },
        ClientMessage::Mute {
            kind: Modality::Audio,
            on: true,
        },
        ClientMessage::Hold { on: true },
    ];
    values
        .iter()
        .map(|value| {
            // A new message does not compile here until it has a golden file.
            let name = match value {
                ClientMessage::Say { .. } => "client.say",
                ClientMessage::Typing { .. } => "client.typing",
                ClientMessage::Mark { .. } => "client.mark",
                ClientMessage::Invite { .. } => "client.invite",
                ClientMessage::Transfer { .. } => "client.transfer",
                ClientMessage::Leave {} => "client.leave",
                ClientMessage::End {} => "client.end",
                ClientMessage::Agree { .. } => "client.agree",
                ClientMessage::Withdraw { .. } => "client.withdraw",
                ClientMessage::Call { .. } => "client.call",
                ClientMessage::Decline { .. } => "client.decline",
                ClientMessage::HangUp {} => "client.hang_up",
                ClientMessage::Offer { .. } => "client.offer",
                ClientMessage::Mute { .. } => "client.mute",
                ClientMessage::Hold { .. } => "client.hold",
            };
            golden(name, value)
        })
        .collect()
}

fn person(participant: ParticipantId, role: Role, name: &str, track: u32) -> Person {
    Person {
        participant,
        role,
        name: name.to_owned(),
        track,
        online: true,
        delivered: 7,
        read: 6,
    }
}

fn welcome() -> ServerMessage {
    ServerMessage::Welcome {
        tenant: TenantId::from_bytes(id(0x7e)),
        session: session(),
        recording: Some(RecordingId::from_bytes(id(0x4e))),
        participant: visitor(),
        name: "Blue Heron".to_owned(),
        track: 1,
        resume: token(3),
        modalities: vec![Modality::Chat],
        offered: vec![Modality::Chat, Modality::Audio],
        people: vec![
            person(visitor(), Role::Visitor, "Blue Heron", 1),
            person(agent(), Role::Agent, "Mia", 2),
        ],
        last: 9,
        limits: Limits {
            text_bytes: 4_096,
            per_minute: 60,
            unacknowledged: 16,
            unanswered: 20,
        },
        answered: true,
        now: AT,
    }
}

fn sealed() -> ServerMessage {
    ServerMessage::Sealed {
        wraps: vec![KeyWrap {
            track: 1,
            epoch: 2,
            wrap: vec![0x2a; 80],
        }],
        parts: vec![SealedPart {
            track: 1,
            epoch: 2,
            step: 0,
            seq: 5,
            prev: Hash32::of(b"the part before"),
            data: vec![0x28; 48],
        }],
        more: false,
    }
}

fn call() -> ServerMessage {
    let source = |kind, track, state| CallSource { kind, track, state };
    ServerMessage::Call {
        call: Some(CallView {
            since: AT,
            by: visitor(),
            people: vec![
                CallPerson {
                    participant: visitor(),
                    standing: Standing::In,
                    held: false,
                    sources: vec![
                        source(Modality::Audio, 3, SourceState::Live),
                        source(Modality::Video, 4, SourceState::Unagreed),
                    ],
                },
                CallPerson {
                    participant: agent(),
                    standing: Standing::Ringing,
                    held: false,
                    sources: vec![],
                },
            ],
        }),
        over: None,
    }
}

fn server_messages() -> Vec<Golden> {
    let values = [
        welcome(),
        sealed(),
        call(),
        ServerMessage::Answer {
            offer: 2,
            sdp: Sdp("v=0\r\n…".to_owned()),
        },
        ServerMessage::Noted {
            n: 7,
            at: AT,
            participant: agent(),
            what: CallEvent::Muted {
                kind: Modality::Audio,
                on: true,
            },
        },
        ServerMessage::Agreed {
            modalities: vec![Modality::Chat, Modality::Audio],
            receipt: None,
        },
        ServerMessage::Joined {
            n: Some(3),
            at: AT,
            person: person(agent(), Role::Agent, "Mia", 2),
        },
        ServerMessage::Left {
            n: 8,
            at: AT,
            participant: agent(),
            reason: LeaveReason::Transferred,
        },
        ServerMessage::Presence {
            participant: visitor(),
            online: false,
        },
        ServerMessage::Asked {
            n: 6,
            at: AT,
            participant: agent(),
            handover: true,
        },
        ServerMessage::Said {
            n: 4,
            at: AT,
            participant: agent(),
            cid: 1,
            text: "Hello, how can I help?".to_owned(),
        },
        ServerMessage::Ack {
            cid: 3,
            n: 5,
            at: AT,
            sealed: Some(SealedAt {
                track: 1,
                epoch: 2,
                seq: 5,
                head: Hash32::of(b"the part itself"),
            }),
        },
        ServerMessage::Marks {
            participant: agent(),
            delivered: 5,
            read: 5,
        },
        ServerMessage::Typing {
            participant: agent(),
            on: true,
        },
        ServerMessage::Waiting {
            since: AT,
            ahead: 2,
        },
        ServerMessage::Ended {
            n: 10,
            at: AT,
            by: Some(agent()),
            keep_min: Some(AT.whole_seconds().plus(15_552_000_000)),
            keep_max: Some(AT.whole_seconds().plus(63_072_000_000)),
        },
        ServerMessage::Error {
            code: ErrorCode::RateLimited,
            message: ErrorCode::RateLimited.message().to_owned(),
            cid: Some(12),
            offer: None,
            retry_ms: Some(850),
        },
    ];
    values
        .iter()
        .map(|value| golden(server_name(value), value))
        .collect()
}

fn server_name(value: &ServerMessage) -> &'static str {
    match value {
        ServerMessage::Welcome { .. } => "server.welcome",
        ServerMessage::Sealed { .. } => "server.sealed",
        ServerMessage::Joined { .. } => "server.joined",
        ServerMessage::Left { .. } => "server.left",
        ServerMessage::Presence { .. } => "server.presence",
        ServerMessage::Asked { .. } => "server.asked",
        ServerMessage::Said { .. } => "server.said",
        ServerMessage::Ack { .. } => "server.ack",
        ServerMessage::Marks { .. } => "server.marks",
        ServerMessage::Typing { .. } => "server.typing",
        ServerMessage::Waiting { .. } => "server.waiting",
        ServerMessage::Ended { .. } => "server.ended",
        ServerMessage::Error { .. } => "server.error",
        ServerMessage::Call { .. } => "server.call",
        ServerMessage::Answer { .. } => "server.answer",
        ServerMessage::Noted { .. } => "server.noted",
        ServerMessage::Agreed { .. } => "server.agreed",
    }
}

fn chat_events() -> Vec<Golden> {
    let values = [
        ChatEvent::Joined {
            n: 1,
            at: AT,
            participant: visitor(),
            role: Role::Visitor,
            name: "Blue Heron".to_owned(),
        },
        ChatEvent::Said {
            n: 5,
            at: AT,
            cid: 3,
            text: "My card was declined.".to_owned(),
        },
        ChatEvent::Left {
            n: 8,
            at: AT,
            reason: LeaveReason::Transferred,
        },
        ChatEvent::Asked {
            n: 6,
            at: AT,
            to: Some(staff()),
            handover: true,
        },
        ChatEvent::Noted {
            n: 9,
            at: AT,
            what: CallEvent::CallOver {
                reason: OverReason::HungUp,
                lasted_ms: 61_000,
            },
        },
        ChatEvent::Ended { n: 10, at: AT },
    ];
    values
        .iter()
        .map(|value| {
            let name = match value {
                ChatEvent::Joined { .. } => "event.joined",
                ChatEvent::Said { .. } => "event.said",
                ChatEvent::Left { .. } => "event.left",
                ChatEvent::Asked { .. } => "event.asked",
                ChatEvent::Noted { .. } => "event.noted",
                ChatEvent::Ended { .. } => "event.ended",
            };
            golden(name, value)
        })
        .collect()
}
