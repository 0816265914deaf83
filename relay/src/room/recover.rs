//! A room made anew after a restart, from rows and spool, without any key.

use std::sync::Arc;

use proto::event::Role;
use proto::notice::Modality;
use proto::{ErrorCode, Millis};
use seal::part::PartKind;
use seal::spool::{Record, RecoveredRecording};
use seal::{Part, TrackSealer};

use super::capture::MediaTrack;
use super::facts::{Facts, House, SealTarget};
use super::person::{Participant, Stage};
use super::state::{BELIEVED_MS, Room};

/// What is known of a session that had not ended.
#[derive(Debug)]
pub struct Unfinished {
    /// Its facts.
    pub facts: Facts,
    /// Everyone who was admitted; agents under their names, visitors under none. Those who left
    /// for good say so.
    pub people: Vec<Participant>,
    /// What the spool has of it.
    pub recording: RecoveredRecording,
    /// Its parts with their bytes, in order.
    pub parts: Vec<Part>,
    /// For the keys of new epochs; `None` if there is none just now.
    pub target: Option<Arc<SealTarget>>,
    /// What the spool is to hear with the next append.
    pub owed: Vec<Record>,
}

impl Room {
    /// The room as it was when its last append became durable. Everyone is away until they return.
    pub fn recover(
        house: Arc<House>,
        now: Millis,
        unfinished: Unfinished,
    ) -> Result<Self, ErrorCode> {
        let Unfinished {
            facts,
            mut people,
            recording,
            parts,
            target,
            owed,
        } = unfinished;
        let mut room = Self::empty(house, facts, target);
        room.believed_until = now.plus(BELIEVED_MS);
        people.sort_by_key(|person| person.track);
        room.next_track = people
            .iter()
            .map(|person| person.track + 1)
            .max()
            .unwrap_or(1);
        for mut person in people {
            // Who has no track had not joined, and their join token is gone.
            let Some(track) = recording.tracks.get(&person.track) else {
                continue;
            };
            person.sealer = Some(TrackSealer::resume(track));
            // Rows follow the spool, and may not have caught up.
            let left = person.stage == Stage::Left || recording.left.contains_key(&person.id);
            person.stage = if left { Stage::Left } else { Stage::In };
            person.gone_since = now;
            room.answered |= person.role == Role::Agent;
            for epoch in &track.epochs {
                room.history.push_epoch(&epoch.epoch);
                room.epochs += 1;
            }
            room.people.push(person);
        }
        for (number, track) in &recording.tracks {
            room.next_track = room.next_track.max(number + 1);
            if track.id.modality != Modality::Chat {
                room.media.push(MediaTrack {
                    number: *number,
                    participant: track.id.participant,
                    kind: track.id.modality,
                    sealer: Some(TrackSealer::resume(track)),
                    ratcheted: now,
                    call: None,
                    flowed: None,
                    whole_until: now,
                });
            }
        }
        if room
            .people
            .first()
            .is_none_or(|person| person.role != Role::Visitor)
        {
            return Err(ErrorCode::Internal);
        }
        for (place, part) in recording.parts.iter().zip(parts) {
            if part.header.kind == PartKind::Data {
                room.history.push_part(place.n, part);
            }
        }
        room.last = recording.last;
        room.durable = room.last;
        room.gaps = recording.gaps.into();
        room.owed = owed;
        // No key of before is left: every track begins a new epoch with its next event.
        room.roster = 1;
        room.began = true;
        room.board.changed = true;
        room.settle(now);
        Ok(room)
    }
}
