//! One call on its worker: who is in it, what flows, what is captured, and what its room is told.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use proto::{ParticipantId, TrackNo};
use seal::media::Codec;
use tokio::sync::mpsc::{self, error::TrySendError};

use super::demux::PeerKey;
use super::order::{Gate, News};
use super::peer::Packet;
use super::pictures::begins_key_picture;
use super::sfu::{Arrival, Sfu, Turned};
use super::tap::{Source, Tap};

/// News that wait for a room. Batches are at most twice a second and track, or large.
const WAITING: usize = 1_024;

/// What a room is told, in order, without waiting for it.
pub struct Outbox {
    news: mpsc::Sender<News>,
    waiting: VecDeque<News>,
    stuck: Option<Instant>,
    patience: Duration,
}

/// How an outbox stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outgoing {
    /// All is told.
    Empty,
    /// Something waits.
    Waiting,
    /// The room is gone, or has taken nothing for too long.
    Failed,
}

impl Outbox {
    fn new(news: mpsc::Sender<News>, patience: Duration) -> Self {
        Self {
            news,
            waiting: VecDeque::new(),
            stuck: None,
            patience,
        }
    }

    /// Tells it as soon as the room has a place for it.
    pub fn tell(&mut self, news: News) {
        self.waiting.push_back(news);
    }

    /// Hands over what the room takes.
    pub fn hand_over(&mut self, now: Instant) -> Outgoing {
        while let Some(next) = self.waiting.pop_front() {
            match self.news.try_send(next) {
                Ok(()) => self.stuck = None,
                Err(TrySendError::Closed(_)) => return Outgoing::Failed,
                Err(TrySendError::Full(next)) => {
                    self.waiting.push_front(next);
                    let stuck = *self.stuck.get_or_insert(now);
                    let long = now.saturating_duration_since(stuck) >= self.patience;
                    return if long || self.waiting.len() > WAITING {
                        Outgoing::Failed
                    } else {
                        Outgoing::Waiting
                    };
                }
            }
        }
        Outgoing::Empty
    }

    /// The last word, if there is a place for it; the end of the channel says it too.
    pub fn fail(self) {
        let _ = self.news.try_send(News::Failed);
    }
}

/// One call.
pub struct Call {
    /// Who gets what.
    pub sfu: Sfu,
    /// Everyone's connection, also one that is lost, until they are dropped or have another.
    pub peers: BTreeMap<ParticipantId, PeerKey>,
    /// Those who hold, and receive nothing.
    pub holding: BTreeSet<ParticipantId>,
    /// What the room is told.
    pub outbox: Outbox,
    key: u64,
    recorded: bool,
    /// How far 1970 is from the beginning of the steady clock. Looked up once: in a record no time
    /// goes back.
    epoch: i64,
    taps: BTreeMap<TrackNo, Tap>,
}

impl Call {
    /// Nobody is in it yet. `epoch`: microseconds from 1970 to the beginning of the steady clock,
    /// whose microseconds all times here are. The room may leave news untaken for `patience`.
    pub fn new(
        key: u64,
        recorded: bool,
        epoch: i64,
        news: mpsc::Sender<News>,
        patience: Duration,
    ) -> Self {
        Self {
            sfu: Sfu::new(recorded),
            peers: BTreeMap::new(),
            holding: BTreeSet::new(),
            outbox: Outbox::new(news, patience),
            key,
            recorded,
            epoch,
            taps: BTreeMap::new(),
        }
    }

    /// Microseconds since 1970.
    fn recorded_at(&self, at: i64) -> i64 {
        self.epoch.saturating_add(at)
    }

    /// Opens or closes a gate; says whether it opened.
    pub fn turn(&mut self, track: TrackNo, gate: Gate, at: i64) -> bool {
        let turned = self.sfu.turn(track, gate);
        let at = self.recorded_at(at);
        // Before its first packet a track has nothing to pause.
        let tap = self.taps.get_mut(&track);
        match (turned, tap) {
            (Turned::Closed(cause), Some(tap)) => tap.pause(at, cause),
            (Turned::Opened, Some(tap)) => tap.resume(at),
            _ => {}
        }
        turned == Turned::Opened
    }

    /// A packet of an open track has passed. `false`: its sender is to go.
    pub fn passed(&mut self, peer: PeerKey, packet: &Packet, at: i64) -> bool {
        if packet.codec != Codec::Opus {
            let arrival = Arrival {
                ssrc: packet.ssrc,
                seq: packet.seq,
                key: begins_key_picture(packet.codec, &packet.payload),
            };
            self.sfu.came(packet.track, arrival, at);
        }
        self.capture(peer, packet, at)
    }

    /// Copies it for the record.
    fn capture(&mut self, peer: PeerKey, packet: &Packet, at: i64) -> bool {
        if !self.recorded {
            return true;
        }
        let track = packet.track;
        let at = self.recorded_at(at);
        let tap = self
            .taps
            .entry(track)
            .or_insert_with(|| Tap::new(self.key, track));
        let source = Source {
            peer,
            ssrc: packet.ssrc,
            codec: packet.codec,
        };
        tap.packet(
            source,
            at,
            packet.seq,
            packet.time,
            packet.marker,
            &packet.payload,
        );
        // A full batch does not wait.
        if let Some(captured) = tap.full() {
            self.outbox.tell(News::Captured(captured));
        }
        !tap.is_restless()
    }

    /// Copies a sender report's mapping, while its track is open.
    pub fn report(&mut self, peer: PeerKey, track: TrackNo, at: i64, ntp: u64, time: u32) {
        let at = self.recorded_at(at);
        if self.sfu.viewers(track, peer).is_some()
            && let Some(tap) = self.taps.get_mut(&track)
        {
            tap.report(peer, at, ntp, time);
        }
    }

    /// Tells what is due at `at`, or all that was captured.
    pub fn hand_over(&mut self, at: i64, all: bool) {
        let at = self.recorded_at(at);
        for tap in self.taps.values_mut() {
            while let Some(captured) = tap.take(at, all) {
                self.outbox.tell(News::Captured(captured));
            }
        }
    }
}
