//! Who gets what: the tracks of one call, their gates, and who receives them. Pure.

use std::collections::BTreeMap;

use proto::TrackNo;
use proto::notice::Modality;

use super::demux::PeerKey;
use super::order::{Cause, Gate};

/// A track is asked for a key frame at most this often, in microseconds: one serves all who ask.
const BETWEEN_ASKING: i64 = 500_000;
/// What is recorded has a key picture this often, in microseconds: a film is sought from one to the next.
const BETWEEN_KEYS: i64 = 10_000_000;
/// The engine asks again for packets that are missing among so many, and for none before.
const HOLE: u64 = 100;

/// One track.
#[derive(Default)]
struct Track {
    kind: Option<Modality>,
    sender: Option<PeerKey>,
    /// None to begin with: nothing flows until the room says so.
    gate: Option<Gate>,
    viewers: Vec<PeerKey>,
    /// When a key frame was last asked for, in microseconds.
    asked: Option<i64>,
    /// When one last came.
    key: Option<i64>,
    /// The highest number that came since the gate opened, of which SSRC, and when.
    last: Option<(u32, u64, i64)>,
    /// Somebody waits for a key frame that could not be asked for yet.
    wanted: bool,
}

/// What a gate's change means for the record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turned {
    /// It is as it was.
    Not,
    /// It opens.
    Opened,
    /// It closes, or is closed for another reason than before.
    Closed(Cause),
}

/// A picture's packet.
#[derive(Debug, Clone, Copy)]
pub struct Arrival {
    /// Of which source.
    pub ssrc: u32,
    /// Extended by its roll-overs.
    pub seq: u64,
    /// Whether a key picture begins with it.
    pub key: bool,
}

/// All tracks of one call.
#[derive(Default)]
pub struct Sfu {
    recorded: bool,
    tracks: BTreeMap<TrackNo, Track>,
}

impl Sfu {
    /// No tracks yet. `recorded`: key frames are wanted now and then by themselves.
    pub fn new(recorded: bool) -> Self {
        Self {
            recorded,
            ..Self::default()
        }
    }

    /// What `peer` sends from now on, all of it. What it no longer sends has no open gate any more.
    pub fn sends(&mut self, peer: PeerKey, sources: &[(TrackNo, Modality)]) {
        for (number, track) in &mut self.tracks {
            if track.sender == Some(peer) && !sources.iter().any(|(n, _)| n == number) {
                track.sender = None;
                track.gate = None;
            }
        }
        for (number, kind) in sources {
            let track = self.tracks.entry(*number).or_default();
            track.kind = Some(*kind);
            if track.sender != Some(peer) {
                track.sender = Some(peer);
                track.wanted = true;
            }
        }
    }

    /// What `peer` receives from now on, all of it.
    pub fn takes(&mut self, peer: PeerKey, tracks: &[TrackNo]) {
        for (number, track) in &mut self.tracks {
            if !tracks.contains(number) {
                track.viewers.retain(|viewer| *viewer != peer);
            }
        }
        for number in tracks {
            let track = self.tracks.entry(*number).or_default();
            if !track.viewers.contains(&peer) {
                track.viewers.push(peer);
                track.wanted = true;
            }
        }
    }

    /// `peer` is gone. What it sent stays its own, until another connection goes on with it.
    pub fn leave(&mut self, peer: PeerKey) {
        for track in self.tracks.values_mut() {
            track.viewers.retain(|viewer| *viewer != peer);
        }
    }

    /// What `old` sent is from now on for `new` to send, or to leave out.
    pub fn goes_on(&mut self, old: PeerKey, new: PeerKey) {
        for track in self.tracks.values_mut() {
            if track.sender == Some(old) {
                track.sender = Some(new);
                track.wanted = true;
            }
        }
    }

    /// Opens or closes a track's gate.
    pub fn turn(&mut self, track: TrackNo, gate: Gate) -> Turned {
        let track = self.tracks.entry(track).or_default();
        let before = track.gate.replace(gate);
        match gate {
            _ if before == Some(gate) => Turned::Not,
            Gate::Closed(cause) => Turned::Closed(cause),
            Gate::Open => {
                track.wanted = true;
                track.last = None;
                Turned::Opened
            }
        }
    }

    /// Whether media of `track` from `peer` flows: then those who receive it.
    pub fn viewers(&self, track: TrackNo, peer: PeerKey) -> Option<&[PeerKey]> {
        let track = self.tracks.get(&track)?;
        let flows = track.gate == Some(Gate::Open) && track.sender == Some(peer);
        flows.then_some(track.viewers.as_slice())
    }

    /// A packet of the pictures of `track` has come at `at`. Behind a hole that will not be filled only a
    /// key frame helps, and nobody has to find that out first.
    pub fn came(&mut self, track: TrackNo, arrival: Arrival, at: i64) {
        let Some(track) = self.tracks.get_mut(&track) else {
            return;
        };
        let before = track.last.filter(|(ssrc, _, _)| *ssrc == arrival.ssrc);
        if arrival.key {
            track.key = Some(at);
        } else if let Some((_, highest, _)) = before {
            track.wanted |= arrival.seq > highest + HOLE;
        }
        if before.is_none_or(|(_, highest, _)| arrival.seq > highest) {
            track.last = Some((arrival.ssrc, arrival.seq, at));
        }
    }

    /// A viewer's connection is up, or it has asked: `track` needs a key frame.
    pub fn want(&mut self, track: TrackNo) {
        if let Some(track) = self.tracks.get_mut(&track) {
            track.wanted = true;
        }
    }

    /// All that `peer` sends or receives needs a key frame.
    pub fn want_all_of(&mut self, peer: PeerKey) {
        for track in self.tracks.values_mut() {
            track.wanted |= track.sender == Some(peer) || track.viewers.contains(&peer);
        }
    }

    /// Who is to be asked for a key frame of what just now (`at` in microseconds).
    pub fn ask(&mut self, at: i64) -> Vec<(PeerKey, TrackNo)> {
        let mut asked = Vec::new();
        for (number, track) in &mut self.tracks {
            let pictures = !matches!(track.kind, None | Some(Modality::Audio));
            let open = track.gate == Some(Gate::Open);
            let lately = track.asked.is_some_and(|asked| at - asked < BETWEEN_ASKING);
            // Whoever sends nothing just now is not asked again and again.
            let newest = track.asked.max(track.key);
            let flows = track.last.is_some_and(|(_, _, last)| Some(last) > newest);
            let old = newest.is_some_and(|newest| at - newest >= BETWEEN_KEYS);
            let wanted = track.wanted || (self.recorded && flows && old);
            if let (true, Some(sender)) = (wanted && open && pictures && !lately, track.sender) {
                track.wanted = false;
                track.asked = Some(at);
                asked.push((sender, *number));
            }
        }
        asked
    }
}
