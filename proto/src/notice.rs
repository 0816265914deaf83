//! The notice that a visitor reads before anything else, addressed by the hash of its bytes.

use serde::{Deserialize, Serialize};

/// A way of talking. Each is consented to alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Modality {
    /// Text messages.
    Chat,
    /// Sound.
    Audio,
    /// Camera.
    Video,
    /// A shared screen.
    Screen,
}

impl Modality {
    /// Its name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Audio => "audio",
            Self::Video => "video",
            Self::Screen => "screen",
        }
    }
}

/// The legal basis of a purpose (GDPR Art. 6(1)).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// Art. 6(1)(a): asked for, given freely, can be withdrawn.
    Consent,
    /// Art. 6(1)(c): a statute demands it; acknowledged, not consented to.
    LegalObligation,
    /// Art. 6(1)(f).
    LegitimateInterest,
    /// Art. 6(1)(b).
    Contract,
}

/// What is done with what is said, and on what basis.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Purpose {
    /// Stable name: `conversation` or `recording`, or one of the tenant's own.
    pub id: String,
    /// One sentence to the visitor.
    pub text: String,
    /// On what basis.
    pub basis: Basis,
    /// The statute or contract that the basis rests on, in words; empty for consent.
    #[serde(default)]
    pub source: String,
    /// The modalities that it is about.
    pub modalities: Vec<Modality>,
}

/// Whether what is said is recorded, and for how long it is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordingPolicy {
    /// `required`: no recording, no conversation. `optional`: the visitor may refuse.
    pub mode: RecordingMode,
    /// Kept at least this many days after the session's end.
    pub minimum_days: u32,
    /// Destroyed at the latest this many days after the session's end.
    pub maximum_days: u32,
}

/// See [`RecordingPolicy::mode`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordingMode {
    /// Recorded, or no conversation.
    Required,
    /// "Talk without being recorded" is offered.
    Optional,
}

/// A notice in one language. Its address is SHA-256 of the exact JSON bytes that are served.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Notice {
    /// The tenant's own version label.
    pub version: String,
    /// BCP 47 language tag.
    pub language: String,
    /// The controller's name, as the visitor knows it.
    pub controller: String,
    /// Contact for data protection: an address that anyone may write to.
    pub contact: String,
    /// Where the full privacy policy stands.
    pub policy_url: String,
    /// Where a visitor who declines is sent.
    pub decline_url: String,
    /// That no name or address is needed, in one sentence.
    pub name_not_needed: String,
    /// Each purpose with its basis.
    pub purposes: Vec<Purpose>,
    /// Whether and how long.
    pub recording: RecordingPolicy,
    /// How long and why, in one sentence.
    pub retention_text: String,
    /// Who else receives it; "nobody else" is said, not left out.
    pub recipients: Vec<String>,
    /// Countries outside the region, with the safeguard; empty if none.
    pub transfers: Vec<String>,
    /// The person's rights, one sentence each.
    pub rights: Vec<String>,
    /// The supervisory authority to complain to.
    pub authority: String,
    /// Whether anything must be provided, and what happens otherwise.
    pub obligation: String,
}
