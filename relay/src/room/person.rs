//! One participant as the room holds them.

use std::collections::VecDeque;

use proto::event::Role;
use proto::wire::{Person, SealedAt};
use proto::{Millis, ParticipantId, PublicKey, StaffId, TrackNo};
use seal::manifest;
use seal::spool::Record;
use seal::track::TrackSealer;

use super::agreeing::Change;
use super::effect::SocketId;
use super::pace::Pace;

/// Someone who may be, is, or was in the session.
pub struct Participant {
    /// Who.
    pub id: ParticipantId,
    /// As what.
    pub role: Role,
    /// Which agent.
    pub staff: Option<StaffId>,
    /// Their chat track.
    pub track: TrackNo,
    /// X25519: live wraps are made to it.
    pub key: PublicKey,
    /// What they agreed to, durably.
    pub consent: manifest::Consent,
    /// The name that the others see; empty where a restarted relay has not heard it again.
    pub name: String,
    /// How far they are.
    pub stage: Stage,
    /// Whether their welcome arrived: they have sent something since, or came back with its token.
    pub(super) heard: bool,
    /// Their socket.
    pub(super) socket: Option<SocketId>,
    /// Since when there is none.
    pub(super) gone_since: Millis,
    /// Their track; `None` where nothing is recorded, and after the end.
    pub(super) sealer: Option<TrackSealer>,
    /// The roster that the track's current key is wrapped to; 0: none.
    pub(super) sealed_to: u32,
    /// How many epochs the room had made when keys were wrapped to this newcomer.
    pub(super) has_keys_until: u32,
    /// Made ahead at the gate: goes to the spool with the first event.
    pub(super) prepared: Vec<Record>,
    /// Highest number of theirs that was taken.
    pub(super) cid: u64,
    /// The last that were acknowledged, to be acknowledged again.
    pub(super) acks: VecDeque<Acked>,
    /// Taken and not acknowledged yet.
    pub(super) unacknowledged: u32,
    /// Said so far.
    pub(super) said: u32,
    /// How fast they may say more, on whichever connection.
    pub(super) pace: Option<Pace>,
    /// The same for messages about calls.
    pub(super) call_pace: Option<Pace>,
    /// What they have agreed to and withdrawn since, as far as it is not done.
    pub(super) changes: VecDeque<Change>,
    /// How often they have agreed to something since.
    pub(super) agreed: u32,
    pub(super) delivered: u64,
    pub(super) read: u64,
}

/// How far a participant is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// May join.
    Admitted,
    /// Joined, with a socket or without.
    In,
    /// Left for good.
    Left,
}

/// A message that was acknowledged.
#[derive(Debug, Clone, Copy)]
pub(super) struct Acked {
    pub(super) cid: u64,
    pub(super) n: u64,
    pub(super) at: Millis,
    pub(super) sealed: Option<SealedAt>,
}

impl Participant {
    /// Someone who has agreed and may join.
    pub fn admitted(
        id: ParticipantId,
        role: Role,
        staff: Option<StaffId>,
        track: TrackNo,
        key: PublicKey,
        consent: manifest::Consent,
        name: String,
    ) -> Self {
        Self {
            id,
            role,
            staff,
            track,
            key,
            consent,
            name,
            stage: Stage::Admitted,
            heard: false,
            socket: None,
            gone_since: Millis(0),
            sealer: None,
            sealed_to: 0,
            has_keys_until: 0,
            prepared: Vec::new(),
            cid: 0,
            acks: VecDeque::new(),
            unacknowledged: 0,
            said: 0,
            pace: None,
            call_pace: None,
            changes: VecDeque::new(),
            agreed: 0,
            delivered: 0,
            read: 0,
        }
    }

    pub(super) fn is_agent(&self) -> bool {
        self.role == Role::Agent
    }

    pub(super) fn on_the_wire(&self) -> Person {
        Person {
            participant: self.id,
            role: self.role,
            name: self.name.clone(),
            track: self.track,
            online: self.socket.is_some(),
            delivered: self.delivered,
            read: self.read,
        }
    }
}

impl core::fmt::Debug for Participant {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Participant({}, {:?})", self.id, self.stage)
    }
}
