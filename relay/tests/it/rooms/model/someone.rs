//! Someone in a room, as their browser remembers the conversation.

use std::collections::BTreeMap;

use proto::consent::RecordingChoice;
use proto::event::{ChatEvent, Role};
use proto::notice::Modality;
use proto::{Hash32, ParticipantId, PublicKey, StaffId};
use relay::room::effect::SocketId;
use relay::room::facts::Facts;
use relay::room::person::Participant;
use seal::manifest;

use super::NOW;
use crate::world::browser::{Opener, x25519_pair};
use crate::world::rng;

/// Someone, as their browser remembers the conversation.
pub(super) struct Someone {
    pub(super) id: ParticipantId,
    pub(super) staff: Option<StaffId>,
    pub(super) track: u32,
    pub(super) key: PublicKey,
    pub(super) consent: manifest::Consent,
    pub(super) opener: Opener,
    /// Has had a welcome, and with it a token to come back with; or has outlived the relay.
    pub(super) returns: bool,
    pub(super) socket: Option<SocketId>,
    pub(super) welcomed: bool,
    /// What was seen at each place.
    pub(super) seen: BTreeMap<u64, String>,
    /// Own messages, by number.
    pub(super) said: BTreeMap<u64, String>,
    pub(super) acknowledged: BTreeMap<u64, u64>,
    pub(super) cid: u64,
    pub(super) cid_at_restart: u64,
}

impl Someone {
    /// The last place without a gap.
    pub(super) fn have(&self) -> u64 {
        let places = 1..=u64::MAX;
        places.take_while(|n| self.seen.contains_key(n)).count() as u64
    }

    pub(super) fn sees(&mut self, n: u64, what: String, on_disk: u64) {
        assert!(n <= on_disk, "{n} was shown before it was durable");
        let before = self.seen.insert(n, what);
        assert!(before.is_none(), "{n} was shown twice");
    }

    pub(super) fn opened(&mut self, track: u32, event: &ChatEvent, on_disk: u64) {
        let n = event.n();
        assert!(n <= on_disk);
        let what = match event {
            ChatEvent::Said { cid, text, .. } => {
                if track == self.track {
                    self.acknowledged.insert(*cid, n);
                }
                text.clone()
            }
            ChatEvent::Joined { .. } => "joined".to_owned(),
            ChatEvent::Asked { .. } => "asked".to_owned(),
            other => panic!("{other:?}"),
        };
        let before = self.seen.insert(n, what.clone());
        assert!(before.is_none_or(|before| before == what));
    }
}

pub(crate) fn consent() -> manifest::Consent {
    manifest::Consent {
        notice: Hash32::ZERO,
        modalities: vec![Modality::Chat],
        recording: RecordingChoice::Acknowledged,
        at: NOW,
    }
}

pub(super) fn someone(facts: &Facts, staff: Option<StaffId>, track: u32) -> Someone {
    let (private, key) = x25519_pair();
    let id = ParticipantId::random(&mut rng());
    Someone {
        id,
        staff,
        track,
        key,
        consent: consent(),
        opener: Opener::new(facts.tenant, facts.recording.unwrap(), id, private),
        returns: false,
        socket: None,
        welcomed: false,
        seen: BTreeMap::new(),
        said: BTreeMap::new(),
        acknowledged: BTreeMap::new(),
        cid: 0,
        cid_at_restart: 0,
    }
}

pub(super) fn participant(person: &Someone) -> Participant {
    let (role, name) = match person.staff {
        Some(_) => (Role::Agent, "MIA".to_owned()),
        None => (Role::Visitor, String::new()),
    };
    Participant::admitted(
        person.id,
        role,
        person.staff,
        person.track,
        person.key,
        person.consent.clone(),
        name,
    )
}
