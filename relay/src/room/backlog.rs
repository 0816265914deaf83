//! Sealed parts on their way back to a participant, cut into frames as the socket takes them.

use std::collections::VecDeque;

use proto::wire::{KeyWrap, SealedPart, ServerMessage};
use seal::Part;
use tokio_tungstenite::tungstenite::Utf8Bytes;

use super::frame::to_frame;

/// A frame holds about so many bytes of parts.
const FRAME_BYTES: usize = 32 * 1024;
/// A frame holds at most so many wraps.
const FRAME_WRAPS: usize = 200;

/// What is to be handed back. Cheap to make: the parts share their bytes with the room.
#[derive(Debug, Default)]
pub struct Backlog {
    wraps: VecDeque<KeyWrap>,
    parts: VecDeque<Part>,
    done: bool,
}

impl Backlog {
    /// These parts, with the keys that they need.
    pub fn new(wraps: Vec<KeyWrap>, parts: VecDeque<Part>) -> Self {
        Self {
            wraps: wraps.into(),
            parts,
            done: false,
        }
    }

    /// The next frame: wraps first. There is always one with `more: false`, and it is the last.
    pub fn next_frame(&mut self) -> Option<Utf8Bytes> {
        if self.done {
            return None;
        }
        let wraps: Vec<KeyWrap> = self
            .wraps
            .drain(..self.wraps.len().min(FRAME_WRAPS))
            .collect();
        let mut parts = Vec::new();
        let mut bytes = 0;
        if self.wraps.is_empty() {
            while bytes < FRAME_BYTES
                && let Some(part) = self.parts.pop_front()
            {
                bytes += part.bytes.len();
                parts.push(on_the_wire(&part));
            }
        }
        let more = !self.wraps.is_empty() || !self.parts.is_empty();
        self.done = !more;
        Some(to_frame(&ServerMessage::Sealed { wraps, parts, more }))
    }
}

fn on_the_wire(part: &Part) -> SealedPart {
    SealedPart {
        track: part.header.track,
        epoch: part.header.epoch,
        step: part.header.step,
        seq: part.header.seq,
        prev: part.header.prev,
        data: part.bytes.to_vec(),
    }
}
