//! Checks a kept recording without any key: signatures, hashes, chains, roots, the ending.
//!
//! - [`trust`]: whose word counts.
//! - [`statement`]: what can be said of manifest and placement by themselves.
//! - [`walk`]: every part of a track, in order, up to the first damage.

pub mod ack;
pub mod source;
pub mod statement;
pub mod trust;
pub mod walk;

use core::fmt;

use proto::{EpochNo, TrackNo};
use seal::manifest::Place;

pub use source::Source;
pub use trust::Trust;

/// Something that is not as it should be, with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Where.
    pub place: Spot,
    /// What.
    pub what: String,
}

/// Where a [`Finding`] is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Spot {
    /// The manifest.
    Manifest,
    /// The placement.
    Placement,
    /// One epoch of a track.
    Epoch(TrackNo, EpochNo),
    /// One part.
    Part(Place),
    /// A file, by its generated name.
    File(String),
}

impl Finding {
    /// About the manifest.
    pub fn manifest(what: impl Into<String>) -> Self {
        Self {
            place: Spot::Manifest,
            what: what.into(),
        }
    }

    /// About the placement.
    pub fn placement(what: impl Into<String>) -> Self {
        Self {
            place: Spot::Placement,
            what: what.into(),
        }
    }

    /// About an epoch.
    pub fn epoch(track: TrackNo, epoch: EpochNo, what: impl Into<String>) -> Self {
        Self {
            place: Spot::Epoch(track, epoch),
            what: what.into(),
        }
    }

    /// About a part.
    pub fn part(place: Place, what: impl Into<String>) -> Self {
        Self {
            place: Spot::Part(place),
            what: what.into(),
        }
    }

    /// About a file.
    pub fn file(name: &str, what: impl Into<String>) -> Self {
        Self {
            place: Spot::File(name.to_owned()),
            what: what.into(),
        }
    }
}

impl fmt::Display for Spot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Manifest => f.write_str("manifest"),
            Self::Placement => f.write_str("placement"),
            Self::Epoch(track, epoch) => write!(f, "track {track}, epoch {epoch}"),
            Self::Part(Place { track, epoch, seq }) => {
                write!(f, "track {track}, epoch {epoch}, part {seq}")
            }
            Self::File(name) => f.write_str(name),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.what)
    }
}
