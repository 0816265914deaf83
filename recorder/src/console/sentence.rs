//! A log entry as a sentence that can be read aloud, and what it points to.

use proto::{CaseId, Hash32};
use store::LogEntry;

use super::names::Names;
use super::shown::{When, count, short};
use crate::clock::shown;
use crate::log::What;

/// An entry as a table shows it.
pub(super) struct Shown {
    pub(super) index: u64,
    pub(super) at: When,
    pub(super) text: String,
    /// What it is about, and where that stands.
    pub(super) about: Option<(&'static str, String)>,
    pub(super) leaf: String,
    /// The exact bytes that the leaf was made of; `None` once erased.
    pub(super) event: Option<String>,
}

impl Shown {
    pub(super) fn of(entry: &LogEntry, names: &Names, now: proto::Millis) -> Self {
        let event = crate::log::read(entry);
        let (text, about) = match (&event, &entry.event) {
            (Some(event), _) => (of(&event.what, names), about(&event.what)),
            (None, None) => ("Erased. Its leaf stands in the tree.".to_owned(), None),
            (None, Some(_)) => (
                format!(
                    "An entry of a kind that this version does not know: {}.",
                    entry.kind
                ),
                None,
            ),
        };
        Self {
            index: entry.index,
            at: When::new(entry.at, now),
            text,
            about,
            leaf: entry.leaf.to_string(),
            event: entry
                .event
                .as_ref()
                .map(|(_, bytes)| String::from_utf8_lossy(bytes).into_owned()),
        }
    }
}

fn case_of(what: &What) -> Option<CaseId> {
    match what {
        What::CaseOpened { case, .. }
        | What::CaseApproved { case, .. }
        | What::CaseClosed { case }
        | What::Opening { case, .. }
        | What::Opened { case, .. }
        | What::OpeningFailed { case, .. } => Some(*case),
        _ => None,
    }
}

fn about(what: &What) -> Option<(&'static str, String)> {
    if let Some(case) = case_of(what) {
        return Some(("Case", format!("/cases/{case}")));
    }
    match what {
        What::RecordingKept { recording, .. } => {
            Some(("Recording", format!("/recordings/{recording}")))
        }
        What::OfficerAdded { .. }
        | What::SealingKeyInstalled { .. }
        | What::SharesReplaced { .. } => Some(("Keys", "/keys".to_owned())),
        _ => None,
    }
}

/// How the keys begin that shares were sealed to; an earlier version did not say.
fn keys_of(holders: &[Hash32]) -> String {
    let begin: Vec<String> = holders.iter().map(short).collect();
    match begin.as_slice() {
        [] => String::new(),
        all => format!(" (fingerprints beginning {})", all.join(", ")),
    }
}

#[expect(clippy::too_many_lines, reason = "one sentence for each event")]
fn of(what: &What, names: &Names) -> String {
    match what {
        What::TenantMade { root } => {
            format!(
                "The client was made, with a root key whose fingerprint begins {}.",
                short(root)
            )
        }
        What::OfficerAdded { officer, key } => format!(
            "{} became an officer, with a key whose fingerprint begins {}.",
            names.staff(*officer),
            short(key)
        ),
        What::SealingKeyInstalled {
            quarter,
            threshold,
            officers,
            holders,
            ..
        } => format!(
            "The sealing key of {quarter} was installed: {threshold} of {} open together. Shares went to {}{}.",
            count(officers.len(), "officer"),
            names.all(officers),
            keys_of(holders)
        ),
        What::SharesReplaced {
            by,
            officers,
            holders,
            ..
        } => format!(
            "{} had the shares of a sealing key made anew, for {}{}.",
            names.all(by),
            names.all(officers),
            keys_of(holders)
        ),
        What::IntakeRotated {
            generation,
            rewrapped,
        } => format!("Intake key {generation} took over; {rewrapped} wraps were sealed anew."),
        What::LogAdopted {
            entries, signed, ..
        } => match signed {
            Some(signed) => format!(
                "The log was taken up again at {entries} entries, though {signed} had been signed: a backup was restored. Entries may be lost."
            ),
            None => format!(
                "The log was taken up at {entries} entries by a recorder that knew nothing of it."
            ),
        },
        What::OfficerSignedIn { officer } => {
            format!("{} signed in at the console.", names.staff(*officer))
        }
        What::SignInsRefused { since, times } => format!(
            "{} refused at the console since {}: a wrong name or password.",
            if *times == 1 {
                "One sign-in was".to_owned()
            } else {
                format!("{times} sign-ins were")
            },
            shown(*since)
        ),
        What::PassphraseRefused { officer } => format!(
            "A wrong passphrase was given for the key of {}.",
            names.staff(*officer)
        ),
        What::NoticePublished { site, notice } => format!(
            "A notice was published on {}; its hash begins {}.",
            names.site(*site),
            short(notice)
        ),
        What::RecordingKept {
            recording,
            ending,
            findings,
            ..
        } => {
            let found = match findings.as_slice() {
                [] => String::new(),
                [one] => format!(" Found wrong: {one}."),
                [one, ..] => format!(
                    " Found wrong in {} places, the first: {one}.",
                    findings.len()
                ),
            };
            format!(
                "Recording {} came into the vault, {ending}.{found}",
                short(recording)
            )
        }
        What::RecordingRefused { recording, reason } => {
            format!(
                "Recording {} was set aside and not kept: {reason}.",
                short(recording)
            )
        }
        What::CaseOpened {
            authority,
            reference,
            recordings,
            by,
            ..
        } => format!(
            "{} opened a case for {authority}, reference {reference}, over {}.",
            by.map_or_else(|| "The operator".to_owned(), |by| names.staff(by)),
            count(recordings.len(), "recording")
        ),
        What::CaseApproved { officer, .. } => {
            format!("{} agreed and unlocked their share.", names.staff(*officer))
        }
        What::CaseClosed { .. } => "The case was closed.".to_owned(),
        What::Opening {
            recording,
            officers,
            purpose,
            ..
        } => format!(
            "Recording {} is about to be opened ({purpose}), by the shares of {}.",
            short(recording),
            names.all(officers)
        ),
        What::Opened {
            recording,
            sha256,
            damaged,
            ..
        } => {
            let damage = match damaged {
                0 => String::new(),
                n => format!(
                    " Damaged in {}.",
                    count(usize::try_from(*n).unwrap_or(usize::MAX), "place")
                ),
            };
            format!(
                "Recording {} was opened and handed out; SHA-256 of the bundle, or of the words that were shown: {sha256}.{damage}",
                short(recording)
            )
        }
        What::OpeningFailed {
            recording, reason, ..
        } => format!("Recording {} was not opened: {reason}.", short(recording)),
        What::Relay { event, .. } => {
            let kind = event
                .get("kind")
                .and_then(|kind| kind.as_str())
                .unwrap_or("something");
            format!("A relay says: {}.", kind.replace('_', " "))
        }
    }
}
