//! Plays the recordings to one end of a call: what is due when, and from where a receiver can begin.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::Result;
use proto::notice::Modality;
use tokio::time::Instant;

use super::peer::Peer;
use super::recorded::Recorded;

/// A packet that was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sent {
    /// When.
    pub at: Instant,
    /// Of which source.
    pub kind: Modality,
    /// Its number in the recording that is played.
    pub number: usize,
}

/// What a caller has sent, and how far its recordings are played: it goes on over reconnects.
#[derive(Default)]
pub struct Played {
    /// Of each source: when its first packet was due, and the number of the next.
    clocks: BTreeMap<Modality, (Instant, usize)>,
    /// When RTP times began: they follow the clock, also where the recording leaps.
    origin: Option<Instant>,
    /// Everything, in order.
    pub sent: Vec<Sent>,
}

/// [`Played`], shared with who looks at it.
pub type Log = Arc<Mutex<Played>>;

/// What of [`Played`] can be looked at while it goes on.
pub fn played(log: &Log) -> MutexGuard<'_, Played> {
    log.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Recorded sound and pictures, and how far they are played.
pub struct Player {
    sound: Recorded,
    pictures: Recorded,
    log: Log,
}

impl Player {
    /// Plays on from where `log` stands.
    pub fn new(log: Log) -> Result<Self> {
        Ok(Self {
            sound: Recorded::sound()?,
            pictures: Recorded::pictures()?,
            log,
        })
    }

    /// When the next packet of these sources is to be sent.
    pub fn due(&self, kinds: &[Modality]) -> Option<Instant> {
        let played = played(&self.log);
        let next = kinds.iter().filter_map(|kind| {
            let (began, number) = *played.clocks.get(kind)?;
            Some(began + self.recorded(*kind).packet(number)?.after)
        });
        next.min()
    }

    /// Sends one packet that is due: the engine is drained after each. Of a `muted` source time
    /// passes, and nothing is sent.
    pub fn send(&self, kinds: &[Modality], peer: &mut Peer, muted: impl Fn(Modality) -> bool) {
        let now = Instant::now();
        for kind in kinds.iter().copied() {
            let clock = played(&self.log).clocks.get(&kind).copied();
            let Some((began, number)) = clock else {
                continue;
            };
            let Some(packet) = self.recorded(kind).packet(number) else {
                continue;
            };
            let due = began + packet.after;
            if due > now {
                continue;
            }
            let origin = *played(&self.log).origin.get_or_insert(due);
            let time = self
                .recorded(kind)
                .time(due.saturating_duration_since(origin));
            let went = !muted(kind) && peer.send(kind, &packet, time);
            let mut played = played(&self.log);
            played.clocks.insert(kind, (began, number + 1));
            if went {
                played.sent.push(Sent {
                    at: now,
                    kind,
                    number,
                });
                return;
            }
        }
    }

    /// Goes on from now, and from where a receiver can begin. What would have been sent meanwhile
    /// is not sent later.
    pub fn go_on(&self, kinds: &[Modality]) {
        let now = Instant::now();
        let mut played = played(&self.log);
        for kind in kinds {
            let (_, number) = played.clocks.get(kind).copied().unwrap_or((now, 0));
            let number = self.recorded(*kind).beginning(number);
            let due = self.recorded(*kind).packet(number);
            let began = now.checked_sub(due.map(|packet| packet.after).unwrap_or_default());
            played.clocks.insert(*kind, (began.unwrap_or(now), number));
        }
    }

    fn recorded(&self, kind: Modality) -> &Recorded {
        if kind == Modality::Audio {
            &self.sound
        } else {
            &self.pictures
        }
    }
}
