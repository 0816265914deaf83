//! What the transparency log says: a closed list of events, each with ids only, as canonical JSON.
//!
//! A leaf is SHA-256(salt ‖ event). The salt keeps an event from being guessed from its leaf, and
//! lets the event's row be erased while the tree stands.

use proto::{CaseId, Hash32, KeyId, Millis, NodeId, RecordingId, SiteId, StaffId};
use rand_core::CryptoRng;
use serde::{Deserialize, Serialize};

/// One entry. Its `Debug` shows no more than what kind it is: a case may name people.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogEvent {
    /// The event's own id: the same again is one entry.
    pub id: String,
    /// When.
    pub at: Millis,
    /// What happened.
    #[serde(flatten)]
    pub what: What,
}

/// What happened.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum What {
    /// The tenant was made; its root is pinned from here on.
    TenantMade {
        /// SHA-256 of the root's public key.
        root: Hash32,
    },
    /// An officer was added.
    OfficerAdded {
        /// Who.
        officer: StaffId,
        /// SHA-256 of the officer's public key.
        key: Hash32,
    },
    /// A sealing key was installed.
    SealingKeyInstalled {
        /// Which.
        key: KeyId,
        /// The calendar quarter.
        quarter: String,
        /// SHA-256 of its public half.
        public_key: Hash32,
        /// k.
        threshold: u8,
        /// Who holds a share.
        officers: Vec<StaffId>,
        /// SHA-256 of the public key that each one's share is sealed to, in the same order.
        #[serde(default)]
        holders: Vec<Hash32>,
    },
    /// The shares of a sealing key were made anew.
    SharesReplaced {
        /// Of which key.
        key: KeyId,
        /// Who opened it.
        by: Vec<StaffId>,
        /// Who holds a share now.
        officers: Vec<StaffId>,
        /// SHA-256 of the public key that each one's share is sealed to, in the same order.
        #[serde(default)]
        holders: Vec<Hash32>,
    },
    /// The intake key of a generation took over; the one before was destroyed.
    IntakeRotated {
        /// The new one.
        generation: u32,
        /// How many wraps of this tenant were sealed anew.
        rewrapped: u64,
    },
    /// A notice was published.
    NoticePublished {
        /// On which site.
        site: SiteId,
        /// Its address.
        notice: Hash32,
    },
    /// The rows were taken as the log though they do not continue what was signed: a backup was
    /// restored.
    LogAdopted {
        /// So many entries stood in them.
        entries: u64,
        /// The root over these.
        root: Hash32,
        /// So many entries had been signed before, as far as the recorder knew.
        signed: Option<u64>,
        /// The root over those.
        signed_root: Option<Hash32>,
    },
    /// An officer signed in at the console.
    OfficerSignedIn {
        /// Who.
        officer: StaffId,
    },
    /// Wrong names or passwords at the console, by whomever: one entry for an hour.
    SignInsRefused {
        /// The first of them.
        since: Millis,
        /// How many.
        times: u64,
    },
    /// A wrong passphrase was given for an officer's key.
    PassphraseRefused {
        /// Whose.
        officer: StaffId,
    },
    /// A recording came into the vault.
    RecordingKept {
        /// Which.
        recording: RecordingId,
        /// SHA-256 of the manifest's payload.
        manifest: Hash32,
        /// `clean`, `abandoned`, `expired` or `truncated`.
        ending: String,
        /// What the intake's checks found wrong; empty is good.
        findings: Vec<String>,
    },
    /// A recording was refused by the intake's checks and put aside.
    RecordingRefused {
        /// Which.
        recording: RecordingId,
        /// The first thing that was wrong.
        reason: String,
    },
    /// A case was opened.
    CaseOpened {
        /// Which.
        case: CaseId,
        /// Who asks.
        authority: String,
        /// Their reference.
        reference: String,
        /// The legal basis.
        basis: String,
        /// What it covers.
        recordings: Vec<RecordingId>,
        /// Good until.
        expires: Millis,
        /// By which officer; `None` from the command line.
        by: Option<StaffId>,
    },
    /// An officer approved a case, having unlocked their share.
    CaseApproved {
        /// Which.
        case: CaseId,
        /// Who.
        officer: StaffId,
    },
    /// A case was closed.
    CaseClosed {
        /// Which.
        case: CaseId,
    },
    /// A recording is about to be opened. Stands in a signed checkpoint before the first byte.
    Opening {
        /// Under which case.
        case: CaseId,
        /// Which.
        recording: RecordingId,
        /// Who unlocked their shares for it.
        officers: Vec<StaffId>,
        /// `export`, `open` or `play`.
        purpose: String,
    },
    /// It was opened and handed out.
    Opened {
        /// Under which case.
        case: CaseId,
        /// Which.
        recording: RecordingId,
        /// The entry that announced it.
        opening: String,
        /// SHA-256 of what was handed out.
        sha256: Hash32,
        /// How many places were damaged.
        damaged: u64,
    },
    /// It was to be opened, and was not.
    OpeningFailed {
        /// Under which case.
        case: CaseId,
        /// Which.
        recording: RecordingId,
        /// The entry that announced it.
        opening: String,
        /// Why.
        reason: String,
    },
    /// A relay node says so, through the spool.
    Relay {
        /// Which node, where its spool's folder says so.
        node: Option<NodeId>,
        /// What happened there, in the relay's words; ids only.
        event: serde_json::Value,
    },
}

impl core::fmt::Debug for LogEvent {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "LogEvent({}, {})", self.kind(), self.id)
    }
}

/// An event ready to be appended.
pub struct Sealed {
    /// Random.
    pub salt: [u8; 32],
    /// The canonical JSON bytes.
    pub bytes: Vec<u8>,
    /// SHA-256(salt ‖ bytes): the log's entry.
    pub entry: Hash32,
}

impl LogEvent {
    /// The name of what happened.
    pub fn kind(&self) -> String {
        self.value()
            .get("kind")
            .and_then(|kind| kind.as_str())
            .unwrap_or_default()
            .to_owned()
    }

    /// What it is about: the case, and each recording. It is found again by each.
    pub fn subjects(&self) -> Vec<String> {
        match &self.what {
            What::RecordingKept { recording, .. } | What::RecordingRefused { recording, .. } => {
                vec![recording.to_string()]
            }
            What::CaseOpened {
                case, recordings, ..
            } => {
                let recordings = recordings.iter().map(ToString::to_string);
                recordings.chain([case.to_string()]).collect()
            }
            What::CaseApproved { case, .. } | What::CaseClosed { case } => vec![case.to_string()],
            What::Opening {
                case, recording, ..
            }
            | What::Opened {
                case, recording, ..
            }
            | What::OpeningFailed {
                case, recording, ..
            } => vec![case.to_string(), recording.to_string()],
            What::TenantMade { .. }
            | What::OfficerAdded { .. }
            | What::SealingKeyInstalled { .. }
            | What::SharesReplaced { .. }
            | What::IntakeRotated { .. }
            | What::NoticePublished { .. }
            | What::LogAdopted { .. }
            | What::OfficerSignedIn { .. }
            | What::SignInsRefused { .. }
            | What::PassphraseRefused { .. }
            | What::Relay { .. } => Vec::new(),
        }
    }

    /// Canonical JSON (RFC 8785 for what stands in events: sorted names, whole numbers) and a
    /// fresh salt.
    pub fn seal(&self, rng: &mut impl CryptoRng) -> Sealed {
        let mut salt = [0; 32];
        rng.fill_bytes(&mut salt);
        let bytes = self.value().to_string().into_bytes();
        let entry = entry(&salt, &bytes);
        Sealed { salt, bytes, entry }
    }

    fn value(&self) -> serde_json::Value {
        sorted(serde_json::to_value(self).unwrap_or_default())
    }
}

/// The same value with every object's names in order.
fn sorted(value: serde_json::Value) -> serde_json::Value {
    match value {
        serde_json::Value::Object(map) => {
            let names: std::collections::BTreeMap<_, _> = map.into_iter().collect();
            names
                .into_iter()
                .map(|(name, value)| (name, sorted(value)))
                .collect()
        }
        serde_json::Value::Array(items) => items.into_iter().map(sorted).collect(),
        other => other,
    }
}

/// The log's entry for an event: what the Merkle leaf is made of.
pub fn entry(salt: &[u8; 32], event: &[u8]) -> Hash32 {
    Hash32::of_all(&[salt, event])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::system;

    #[test]
    fn an_events_text_is_canonical_and_reads_back() {
        let event = LogEvent {
            id: "x".into(),
            at: Millis(5),
            what: What::CaseApproved {
                case: CaseId::random(&mut system()),
                officer: StaffId::random(&mut system()),
            },
        };
        let sealed = event.seal(&mut system());
        let text = String::from_utf8(sealed.bytes.clone()).unwrap();
        assert!(text.starts_with(r#"{"at":5,"case":""#), "{text}");
        assert_eq!(event.kind(), "case_approved");
        assert_eq!(
            serde_json::from_slice::<LogEvent>(&sealed.bytes).unwrap(),
            event
        );
        assert_eq!(entry(&sealed.salt, &sealed.bytes), sealed.entry);
    }
}
