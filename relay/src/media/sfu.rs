//! Who gets what: the tracks of one call, their gates, and who receives them. Pure.

use std::collections::BTreeMap;

use proto::TrackNo;
use proto::notice::Modality;

use super::demux::PeerKey;
use super::order::{Cause, Gate};

/// A track is asked for a key frame at most this often, in microseconds: one serves all who ask.
const BETWEEN_ASKING: i64 = 500_000;

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

/// All tracks of one call.
#[derive(Default)]
pub struct Sfu {
    tracks: BTreeMap<TrackNo, Track>,
}

impl Sfu {
    /// What `peer` sends from now on, all of it.
    pub fn sends(&mut self, peer: PeerKey, sources: &[(TrackNo, Modality)]) {
        for (number, track) in &mut self.tracks {
            if track.sender == Some(peer) && !sources.iter().any(|(n, _)| n == number) {
                track.sender = None;
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

    /// `peer` is gone.
    pub fn leave(&mut self, peer: PeerKey) {
        self.sends(peer, &[]);
        self.takes(peer, &[]);
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

    /// A viewer's connection is up, or it has asked: `track` needs a key frame.
    pub fn want(&mut self, track: TrackNo) {
        if let Some(track) = self.tracks.get_mut(&track) {
            track.wanted = true;
        }
    }

    /// All that `peer` receives needs a key frame.
    pub fn want_all_of(&mut self, peer: PeerKey) {
        let received = self.tracks.values_mut();
        for track in received.filter(|track| track.viewers.contains(&peer)) {
            track.wanted = true;
        }
    }

    /// Who is to be asked for a key frame of what just now (`at` in microseconds).
    pub fn ask(&mut self, at: i64) -> Vec<(PeerKey, TrackNo)> {
        let mut asked = Vec::new();
        for (number, track) in &mut self.tracks {
            let pictures = !matches!(track.kind, None | Some(Modality::Audio));
            let open = track.gate == Some(Gate::Open);
            let lately = track.asked.is_some_and(|asked| at - asked < BETWEEN_ASKING);
            if let (true, Some(sender)) =
                (track.wanted && open && pictures && !lately, track.sender)
            {
                track.wanted = false;
                track.asked = Some(at);
                asked.push((sender, *number));
            }
        }
        asked
    }
}
