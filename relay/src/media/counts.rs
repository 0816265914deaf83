//! What a worker counts, and hands to the metrics now and then: adding one costs an addition.

use crate::telemetry::counted;

/// Why a datagram or packet went nowhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// Neither STUN nor DTLS nor RTP.
    Unreadable,
    /// A STUN request for nobody.
    UnknownName,
    /// From an address that nobody has proved.
    UnknownAddress,
    /// A STUN request that does not prove itself.
    Unproved,
    /// Its peer sends more than is taken.
    TooFast,
    /// Of one SSRC more than a connection may use.
    TooManySources,
    /// Its number on the connection is far behind the others.
    TooLate,
    /// Its track's gate is closed.
    GateClosed,
    /// It is longer than what can be sent on.
    TooLong,
    /// Its section carries no source.
    Unasked,
    /// A viewer does not know its codec, or it came too late for them.
    Unwanted,
    /// The system takes no more to send.
    SendQueueFull,
}

const NAMES: [(Why, &str); 12] = [
    (Why::Unreadable, "unreadable"),
    (Why::UnknownName, "unknown_name"),
    (Why::UnknownAddress, "unknown_address"),
    (Why::Unproved, "unproved"),
    (Why::TooFast, "too_fast"),
    (Why::TooManySources, "too_many_sources"),
    (Why::TooLate, "too_late"),
    (Why::GateClosed, "gate_closed"),
    (Why::TooLong, "too_long"),
    (Why::Unasked, "unasked"),
    (Why::Unwanted, "unwanted"),
    (Why::SendQueueFull, "send_queue_full"),
];

/// Counts since they were last handed over.
#[derive(Default)]
pub struct Counts {
    /// Datagrams that came.
    pub received: u64,
    /// Datagrams that went.
    pub sent: u64,
    dropped: [u64; NAMES.len()],
}

impl Counts {
    /// One more that went nowhere.
    pub fn drop(&mut self, why: Why) {
        let at = NAMES.iter().position(|(known, _)| *known == why);
        if let Some(count) = at.and_then(|at| self.dropped.get_mut(at)) {
            *count += 1;
        }
    }

    /// Adds them to the metrics, and begins anew.
    pub fn hand_over(&mut self) {
        let counts = std::mem::take(self);
        metrics::counter!(counted::MEDIA_PACKETS, "direction" => "in").increment(counts.received);
        metrics::counter!(counted::MEDIA_PACKETS, "direction" => "out").increment(counts.sent);
        for ((_, reason), count) in NAMES.iter().zip(counts.dropped) {
            if count > 0 {
                metrics::counter!(counted::MEDIA_DROPPED, "reason" => *reason).increment(count);
            }
        }
    }
}
