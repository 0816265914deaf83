//! Identifiers and numbers that name things. All identifiers are random UUIDs (version 4): an id
//! tells neither when nor in what order something was made.

use core::fmt;
use core::str::FromStr;

use rand_core::Rng;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::bytes::ParseError;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// A fresh id from `rng`.
            pub fn random(rng: &mut impl Rng) -> Self {
                let mut bytes = [0; 16];
                rng.fill_bytes(&mut bytes);
                Self(uuid::Builder::from_random_bytes(bytes).into_uuid())
            }

            /// The id's sixteen bytes, as sealed formats bind them.
            pub fn as_bytes(&self) -> &[u8; 16] {
                self.0.as_bytes()
            }

            /// The id with these sixteen bytes.
            pub fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(Uuid::from_bytes(bytes))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl FromStr for $name {
            type Err = ParseError;

            fn from_str(text: &str) -> Result<Self, ParseError> {
                Uuid::try_parse(text).map(Self).map_err(|_| ParseError($what))
            }
        }
    };
}

id!(
    /// A client business: one tenant, the controller of its visitors' data.
    TenantId, "tenant id");
id!(
    /// A page, or group of pages, of a tenant that carries the widget.
    SiteId, "site id");
id!(
    /// One conversation, from agreement to end.
    SessionId, "session id");
id!(
    /// One person in one session. Never the same in two sessions.
    ParticipantId, "participant id");
id!(
    /// The sealed record of one session.
    RecordingId, "recording id");
id!(
    /// An agent or an officer of a tenant.
    StaffId, "staff id");
id!(
    /// A legal case under which recordings are opened.
    CaseId, "case id");
id!(
    /// A sealing key of a tenant.
    KeyId, "key id");
id!(
    /// A relay node.
    NodeId, "node id");
id!(
    /// A relay's event on its way to the log: imported once, however often it is read.
    EventId, "event id");

/// Milliseconds since 1970-01-01T00:00:00Z.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Millis(pub i64);

impl Millis {
    /// This time rounded down to whole seconds: the precision that may stand outside the seal.
    #[must_use]
    pub fn whole_seconds(self) -> Self {
        Self(self.0.div_euclid(1000) * 1000)
    }

    /// `ms` milliseconds later.
    #[must_use]
    pub fn plus(self, ms: i64) -> Self {
        Self(self.0.saturating_add(ms))
    }
}

/// A track within a recording: one per chat sender, one per media source. Counted from 1.
pub type TrackNo = u32;

/// An epoch within a track: the life of one data key. Counted from 1.
pub type EpochNo = u32;
