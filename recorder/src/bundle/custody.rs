//! What the signed log says of a bundle: that this is the recording that came into the vault, for
//! whom it was opened, and by whom. The bundle's own statements are compared with it.

use std::collections::BTreeSet;

use proto::{CaseId, Hash32, Millis, StaffId};
use seal::manifest::Manifest;
use seal::merkle;

use super::bagit::{INFO, read_info};
use super::unpack::Bag;
use super::verify::{Pins, info, lines};
use super::{BundleStatement, Keys, names};
use crate::inspect::Trust;
use crate::keys::shares::THRESHOLD_MIN;
use crate::log::checkpoint::{Checkpoint, origin};
use crate::log::{LogEvent, ProvenEntry, What};
use crate::terminal::escape;
use crate::vault::MANIFEST;

/// What is compared with the log.
pub(super) struct Claims<'a> {
    pub(super) keys: &'a Keys,
    pub(super) trust: &'a Trust,
    pub(super) manifest: &'a Manifest,
    /// SHA-256 of the manifest's payload.
    pub(super) sha256: Hash32,
    /// If it is the recorder's.
    pub(super) statement: Option<&'a BundleStatement>,
}

/// What was found.
pub(super) struct Found {
    pub(super) wrong: Vec<String>,
    pub(super) checkpoint: Checkpoint,
    /// What a checkpoint that the reader gave says of it.
    pub(super) pinned: Option<String>,
}

/// Every entry stands in the signed tree, and together they say what the bundle says.
pub(super) fn check(bag: &Bag, claims: &Claims<'_>, pins: &Pins) -> Result<Found, String> {
    let note = bag
        .payload
        .get(names::CHECKPOINT)
        .and_then(|b| core::str::from_utf8(b).ok())
        .ok_or_else(|| format!("{}: is not there", names::CHECKPOINT))?;
    let (origin, recorder) = (origin(claims.keys.tenant), &claims.keys.recorder);
    let checkpoint = Checkpoint::verify(note, &origin, recorder)
        .map_err(|e| format!("{}: {e}", names::CHECKPOINT))?;
    let mut story = Story::default();
    let mut last = None;
    let entries = lines::<ProvenEntry>(bag, names::CUSTODY)?;
    for (entry, number) in entries.iter().zip(1_u64..) {
        let place = format!("{}, line {number}", names::CUSTODY);
        if last.is_some_and(|last| entry.index <= last) {
            story.say(format!("{place}: stands in the wrong order"));
        }
        last = Some(entry.index);
        match entry.verify(&checkpoint) {
            Some(event) => story.take(bag, claims, entry.index, &event),
            None => story.say(format!("{place}: does not stand in the signed log")),
        }
    }
    let kept = story.kept;
    let mut wrong = story.end();
    let pinned = match tree(bag, &checkpoint) {
        Err(why) => {
            wrong.push(why);
            None
        }
        Ok(leaves) => match &pins.checkpoint {
            None => None,
            Some(note) => match Checkpoint::verify(note, &origin, recorder) {
                Err(e) => {
                    wrong.push(format!("the checkpoint that was given: {e}"));
                    None
                }
                Ok(old) if !continues(&leaves, &old) => {
                    wrong.push(format!(
                        "{}: does not continue the checkpoint of {} entries that was given: the log was changed since, or is another",
                        names::CHECKPOINT,
                        old.size
                    ));
                    None
                }
                Ok(old) => Some(old),
            },
        },
    };
    let pinned = pinned.map(|old| {
        let word = match kept {
            Some(index) if index < old.size => "was in it: nobody has replaced it since",
            _ => "is younger: it says nothing of this recording",
        };
        format!(
            "log: continues the checkpoint of {} entries that was given; the recording {word}",
            old.size
        )
    });
    Ok(Found {
        wrong,
        checkpoint,
        pinned,
    })
}

/// The leaves of the checkpoint's tree.
fn tree(bag: &Bag, checkpoint: &Checkpoint) -> Result<Vec<Hash32>, String> {
    let bytes = bag
        .payload
        .get(names::LEAVES)
        .ok_or_else(|| format!("{}: is not there", names::LEAVES))?;
    let (leaves, rest) = bytes.as_chunks::<32>();
    let leaves: Vec<Hash32> = leaves.iter().copied().map(Hash32).collect();
    let same = leaves.len() as u64 == checkpoint.size && merkle::root(&leaves) == checkpoint.root;
    if same && rest.is_empty() {
        Ok(leaves)
    } else {
        let what = "is not the tree of the signed checkpoint";
        Err(format!("{}: {what}", names::LEAVES))
    }
}

fn continues(leaves: &[Hash32], old: &Checkpoint) -> bool {
    let size = usize::try_from(old.size).unwrap_or(usize::MAX);
    let first = leaves.get(..size);
    first.is_some_and(|first| merkle::root(first) == old.root)
}

/// What the entries have said so far, in their order.
#[derive(Default)]
struct Story {
    wrong: Vec<String>,
    root: bool,
    /// Where the entry stands that says which manifest came into the vault.
    kept: Option<u64>,
    case: Option<Opened>,
    approved: BTreeSet<StaffId>,
    closed: bool,
    announced: bool,
}

/// A case, as the log says that it was opened.
struct Opened {
    covers: bool,
    expires: Millis,
}

impl Story {
    fn say(&mut self, what: impl Into<String>) {
        self.wrong.push(what.into());
    }

    fn custody(&mut self, what: &str) {
        self.say(format!("{}: {what}", names::CUSTODY));
    }

    fn take(&mut self, bag: &Bag, claims: &Claims<'_>, index: u64, event: &LogEvent) {
        let manifest = claims.manifest;
        let this = |case: CaseId| claims.statement.is_some_and(|s| s.case == case);
        match &event.what {
            What::TenantMade { root } => {
                self.root = true;
                if *root != claims.keys.root.fingerprint() {
                    self.say(format!(
                        "{}: the root is not the one that the client was made with",
                        names::KEYS
                    ));
                }
            }
            What::RecordingKept {
                recording,
                manifest: kept,
                ..
            } if *recording == manifest.recording => {
                self.kept = Some(index);
                if *kept != claims.sha256 {
                    self.say(format!(
                        "{MANIFEST}: is not the one that the log says came into the vault"
                    ));
                }
            }
            What::CaseOpened {
                case,
                reference,
                recordings,
                expires,
                ..
            } if this(*case) => {
                self.case = Some(Opened {
                    covers: recordings.contains(&manifest.recording),
                    expires: *expires,
                });
                // The signed log holds the reference as it was when the case was opened.
                if read_info(info(bag), names::REFERENCE) != Some(&escape(reference)) {
                    self.say(format!("{INFO}: the reference is not the case's"));
                }
            }
            What::CaseApproved { case, officer } if this(*case) => {
                self.approved.insert(*officer);
            }
            What::CaseClosed { case } if this(*case) => self.closed = true,
            What::Opening {
                case,
                recording,
                officers,
                ..
            } if claims.statement.is_some_and(|s| s.opening == event.id) => {
                self.announced = *recording == manifest.recording;
                if !this(*case) {
                    self.custody("the opening is of another case");
                }
                self.opening(officers, needed(claims), event.at);
            }
            _ => {}
        }
    }

    /// What must stand in the log before an opening does.
    fn opening(&mut self, officers: &[StaffId], needed: u8, at: Millis) {
        if self.kept.is_none() {
            self.custody("the log does not say that this recording came into the vault");
        }
        if !self.root {
            self.custody("the log does not say with which root the client was made");
        }
        match self.case.as_ref().map(|case| (case.covers, case.expires)) {
            None => self.custody("the log does not say that the case was opened"),
            Some((false, _)) => self.custody("the case does not cover this recording"),
            Some((true, expires)) if expires <= at => {
                self.custody("the case was past its last day at the opening");
            }
            Some(_) => {}
        }
        if self.closed {
            self.custody("the case was closed before the opening");
        }
        let distinct: BTreeSet<&StaffId> = officers.iter().collect();
        let all = distinct.iter().all(|o| self.approved.contains(o));
        if !all || distinct.len() < usize::from(needed) {
            let needed = match needed {
                2 => "two".to_owned(),
                more => more.to_string(),
            };
            self.custody(&format!(
                "it was opened without the approvals of {needed} officers"
            ));
        }
    }

    fn end(mut self) -> Vec<String> {
        if !self.announced {
            self.custody("the opening is not in the log");
        }
        self.wrong
    }
}

/// As many officers as the sealing key that asks the most, by the root's word.
fn needed(claims: &Claims<'_>) -> u8 {
    let epochs = claims.manifest.tracks.iter().flat_map(|t| &t.epochs);
    let keys: BTreeSet<_> = epochs.map(|epoch| epoch.sealing_key).collect();
    let threshold = |key| claims.trust.sealing_key(claims.keys.tenant, key);
    let asked = keys.into_iter().filter_map(threshold);
    asked.map(|key| key.threshold).fold(THRESHOLD_MIN, u8::max)
}
