//! Someone in a call, and what they send.

use proto::call::Standing;
use proto::notice::Modality;
use proto::{Millis, TrackNo};

use crate::media::order::{Cause, Gate};

/// For so long a call rings.
const RING_MS: i64 = 45_000;
/// For so long someone is waited for whose connection broke, or never came up.
pub(super) const AWAY_MS: i64 = 30_000;

/// How far a caller's connection to the worker is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Link {
    /// It has not been up since they came in.
    New,
    /// It is up.
    Up,
    /// It was.
    Down,
}

/// Someone who is, was or is to be in a call.
#[derive(Debug)]
pub(super) struct Caller {
    pub(super) who: usize,
    pub(super) standing: Standing,
    pub(super) link: Link,
    /// For so long they are rung, or waited for.
    pub(super) until: Millis,
    pub(super) held: bool,
    pub(super) sources: Vec<Source>,
    /// Offers that wait for their answers, the last one last.
    pub(super) offered: Vec<Offered>,
}

/// An offer that waits for its answer.
#[derive(Debug)]
pub(super) struct Offered {
    /// By the call's own count.
    pub(super) number: u64,
    /// By its client's.
    pub(super) offer: u32,
    /// What it makes of the sources. `None` makes nothing of them: it was made before they left and
    /// came back.
    pub(super) sources: Option<Vec<(Modality, TrackNo)>>,
}

/// One thing that a caller sends.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) kind: Modality,
    pub(super) track: TrackNo,
    pub(super) muted: bool,
    /// As the worker was last told.
    pub(super) gate: Option<Gate>,
    /// It has flowed, and does not since then.
    pub(super) closed_since: Option<(Millis, Cause)>,
}

impl Caller {
    pub(super) fn new(who: usize, standing: Standing, now: Millis) -> Self {
        Self {
            who,
            standing,
            link: match standing {
                Standing::Away => Link::Down,
                _ => Link::New,
            },
            until: match standing {
                Standing::Ringing => now.plus(RING_MS),
                _ => now.plus(AWAY_MS),
            },
            held: false,
            sources: Vec::new(),
            offered: Vec::new(),
        }
    }

    /// With a connection or without.
    pub(super) fn is_in(&self) -> bool {
        matches!(self.standing, Standing::In | Standing::Away)
    }

    /// In it from now on, and to be connected soon.
    pub(super) fn comes(&mut self, now: Millis) {
        self.standing = Standing::In;
        self.link = Link::New;
        self.until = now.plus(AWAY_MS);
    }

    pub(super) fn is_awaited(&self) -> bool {
        match self.standing {
            Standing::Ringing | Standing::Away => true,
            Standing::In => self.link == Link::New,
            _ => false,
        }
    }

    pub(super) fn is_or_will_be_in(&self) -> bool {
        self.is_in() || self.standing == Standing::Ringing
    }

    /// The offer that counts and waits for its answer.
    pub(super) fn offer(&self) -> Option<&Vec<(Modality, TrackNo)>> {
        self.offered.last()?.sources.as_ref()
    }

    /// The offer whose answer has come.
    pub(super) fn answered(&mut self, number: u64) -> Option<Offered> {
        let place = self.offered.iter().position(|o| o.number == number)?;
        Some(self.offered.remove(place))
    }

    /// Whether that offer leaves `track` out.
    pub(super) fn takes_away(&self, track: TrackNo) -> bool {
        let left_out = |offer: &Vec<(Modality, TrackNo)>| offer.iter().all(|(_, t)| *t != track);
        self.offer().is_some_and(left_out)
    }
}

impl Source {
    pub(super) fn new(kind: Modality, track: TrackNo) -> Self {
        Self {
            kind,
            track,
            muted: false,
            gate: None,
            closed_since: None,
        }
    }
}
