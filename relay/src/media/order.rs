//! What a room and its worker say to each other: [`Order`]s go down, [`News`] comes up.

use core::fmt;

use proto::notice::Modality;
use proto::{ErrorCode, Millis, ParticipantId, TrackNo};
use zeroize::Zeroizing;

/// Why a gate is closed; the record says so.
pub use seal::media::PauseCause as Cause;

/// The name of a media section (`a=mid`) within one offer.
pub type MidName = String;

/// What a room asks of its worker. Orders are carried out one after another, as they were given.
pub enum Order {
    /// A participant's SDP offer: their first, a changed one, an ICE restart, or that of a new
    /// connection (told by its certificate), which replaces the old one. Answered by one
    /// [`News::Answer`].
    Offer {
        /// Whose.
        peer: ParticipantId,
        /// Its answer has the same number.
        number: u64,
        /// The offer.
        sdp: String,
        /// Which section carries which of their own sources. What is left out is taken away.
        sends: Vec<Send>,
        /// Which section is to receive which track. What is left out is no longer sent to them.
        takes: Vec<Take>,
    },
    /// Opens or closes a track's gate. Every gate is closed to begin with; while it is, nothing
    /// of the track is forwarded and nothing is captured. May come before its source does.
    Gate {
        /// Which track.
        track: TrackNo,
        /// Whether media flows.
        gate: Gate,
    },
    /// Whether a participant receives what they take: not while they hold. So to begin with, and
    /// for whichever connection they have, until they are dropped. No matter to the record.
    Hears {
        /// Who.
        peer: ParticipantId,
        /// Whether they do.
        on: bool,
    },
    /// A participant leaves the call: their connection is closed, their sources are gone.
    Drop {
        /// Who.
        peer: ParticipantId,
    },
    /// The call is over: everyone is dropped, what was captured is handed over, and
    /// [`News::Closed`] is the last word.
    Close,
}

/// One of a participant's own sources in an offer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Send {
    /// Its media section.
    pub mid: MidName,
    /// Audio, video or screen.
    pub kind: Modality,
    /// Its track.
    pub track: TrackNo,
}

/// Something that a participant is to receive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Take {
    /// The media section that receives it.
    pub mid: MidName,
    /// Which track.
    pub track: TrackNo,
}

/// Whether media of a track flows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gate {
    /// It is forwarded, and captured if the session is recorded.
    Open,
    /// It is dropped on arrival, for this reason.
    Closed(Cause),
}

/// What a worker tells a room. A channel that ends without [`News::Closed`] has failed.
pub enum News {
    /// The answer to an offer.
    Answer {
        /// To whom.
        peer: ParticipantId,
        /// As in the order.
        number: u64,
        /// The SDP, or why there is none; then nothing has changed.
        answer: Result<String, ErrorCode>,
    },
    /// A participant's connection is up: media can flow. Said anew of each new connection.
    Connected {
        /// Whose.
        peer: ParticipantId,
    },
    /// A connection has failed, or nothing was heard on it for too long. It is closed; a fresh
    /// offer makes another.
    Lost {
        /// Whose.
        peer: ParticipantId,
    },
    /// What was captured of one track since the last time. Recorded sessions only.
    Captured(Captured),
    /// After [`Order::Close`], when all that was captured has been handed over.
    Closed,
    /// Capture broke down: the room did not take what was captured, or the worker is gone. The
    /// room is closed, as if ordered.
    Failed,
    /// The same of a call that had been ordered to close: its last word is not all that was captured.
    Unfinished,
    /// An order could not be given, so the call cannot be what the room says it is. It is still
    /// there: ordered to close, it hands over what was captured.
    Disobeyed,
}

/// A stretch of one track, and what is known to be missing from it.
pub struct Captured {
    /// Of which call: stream numbers in the batch begin anew with each.
    pub call: u64,
    /// Which track.
    pub track: TrackNo,
    /// A media batch (`seal::media`), as it is sealed.
    pub batch: Zeroizing<Vec<u8>>,
    /// Stretches in which packets never arrived; they are in the batch too, exactly.
    pub gaps: Vec<Gap>,
    /// Whatever had arrived by then is in this batch or an earlier one, or in their gaps.
    pub whole_until: Millis,
}

/// A stretch in which packets never arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gap {
    /// When the last packet before it arrived.
    pub from: Millis,
    /// When the first one after it arrived.
    pub to: Millis,
    /// How many are missing.
    pub packets: u32,
}

// An SDP names addresses, and a batch is what was said: neither is shown.

impl fmt::Debug for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Offer {
                peer, sends, takes, ..
            } => f
                .debug_struct("Offer")
                .field("peer", peer)
                .field("sends", sends)
                .field("takes", takes)
                .finish_non_exhaustive(),
            Self::Gate { track, gate } => write!(f, "Gate({track}, {gate:?})"),
            Self::Hears { peer, on } => write!(f, "Hears({peer}, {on})"),
            Self::Drop { peer } => write!(f, "Drop({peer})"),
            Self::Close => f.write_str("Close"),
        }
    }
}

impl fmt::Debug for News {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Answer {
                peer,
                number,
                answer,
            } => {
                let outcome = answer.as_ref().map(|_| "…");
                write!(f, "Answer({peer}, {number}, {outcome:?})")
            }
            Self::Connected { peer } => write!(f, "Connected({peer})"),
            Self::Lost { peer } => write!(f, "Lost({peer})"),
            Self::Captured(captured) => captured.fmt(f),
            Self::Closed => f.write_str("Closed"),
            Self::Failed => f.write_str("Failed"),
            Self::Unfinished => f.write_str("Unfinished"),
            Self::Disobeyed => f.write_str("Disobeyed"),
        }
    }
}

impl fmt::Debug for Captured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Captured")
            .field("track", &self.track)
            .field("gaps", &self.gaps)
            .finish_non_exhaustive()
    }
}
