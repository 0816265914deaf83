//! What a room keeps in memory for those who return: sealed parts and the wraps that open them, or,
//! where nothing is recorded, the frames themselves. Bounded; the oldest goes first.

use std::collections::{HashMap, HashSet, VecDeque};

use proto::ParticipantId;
use proto::wire::KeyWrap;
use seal::Part;
use seal::spool::{Epoch, TrackWrap};
use tokio_tungstenite::tungstenite::Utf8Bytes;

use super::backlog::Backlog;

/// Parts and frames in the order of their `n`.
#[derive(Debug)]
pub(super) struct History {
    parts: VecDeque<(u64, Part)>,
    frames: VecDeque<(u64, Utf8Bytes)>,
    wraps: HashMap<ParticipantId, Vec<KeyWrap>>,
    bytes: usize,
    most: usize,
}

impl History {
    pub(super) fn new(most: usize) -> Self {
        Self {
            parts: VecDeque::new(),
            frames: VecDeque::new(),
            wraps: HashMap::new(),
            bytes: 0,
            most,
        }
    }

    pub(super) fn push_part(&mut self, n: u64, part: Part) {
        self.bytes += part.bytes.len();
        self.parts.push_back((n, part));
        while self.bytes > self.most
            && let Some((_, old)) = self.parts.pop_front()
        {
            self.bytes -= old.bytes.len();
        }
    }

    pub(super) fn push_frame(&mut self, n: u64, frame: Utf8Bytes) {
        self.bytes += frame.len();
        self.frames.push_back((n, frame));
        while self.bytes > self.most
            && let Some((_, old)) = self.frames.pop_front()
        {
            self.bytes -= old.len();
        }
    }

    pub(super) fn push_epoch(&mut self, epoch: &Epoch) {
        for live in &epoch.live {
            self.wraps
                .entry(live.participant)
                .or_default()
                .push(KeyWrap {
                    track: epoch.track,
                    epoch: epoch.epoch,
                    wrap: live.wrap.clone(),
                });
        }
    }

    pub(super) fn push_wraps(&mut self, wraps: &[TrackWrap]) {
        for wrap in wraps {
            self.wraps
                .entry(wrap.participant)
                .or_default()
                .push(KeyWrap {
                    track: wrap.track,
                    epoch: wrap.epoch,
                    wrap: wrap.wrap.clone(),
                });
        }
    }

    /// The parts with `have < n <= until`, and this participant's wraps for them.
    pub(super) fn backlog(&self, participant: ParticipantId, have: u64, until: u64) -> Backlog {
        let first = self.parts.partition_point(|(n, _)| *n <= have);
        let parts: VecDeque<Part> = self
            .parts
            .range(first..)
            .take_while(|(n, _)| *n <= until)
            .map(|(_, part)| part.clone())
            .collect();
        let needed: HashSet<(u32, u32)> = parts
            .iter()
            .map(|part| (part.header.track, part.header.epoch))
            .collect();
        let wraps = self
            .wraps
            .get(&participant)
            .into_iter()
            .flatten()
            .filter(|wrap| needed.contains(&(wrap.track, wrap.epoch)))
            .cloned()
            .collect();
        Backlog::new(wraps, parts)
    }

    /// The frames with `n > have`, where nothing is recorded.
    pub(super) fn frames_after(&self, have: u64) -> impl Iterator<Item = &Utf8Bytes> {
        let first = self.frames.partition_point(|(n, _)| *n <= have);
        self.frames.range(first..).map(|(_, frame)| frame)
    }
}
