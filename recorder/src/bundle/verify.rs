//! Checks a bundle by itself: no server, no key but the public ones in it. What it starts from is
//! the recorder's key, whose fingerprint the reader compares with one that they were given.

use std::collections::BTreeSet;
use std::io::Read;

use proto::dsse::{Document, Envelope};
use proto::{Hash32, StaffId};
use seal::manifest::Manifest;

use super::bagit::{INFO, read_info};
use super::unpack::{self, Bag};
use super::{BundleStatement, Keys, names, words};
use crate::inspect::{Finding, Trust, statement};
use crate::log::checkpoint::{Checkpoint, origin};
use crate::log::{LogEvent, ProvenEntry, What};
use crate::terminal::escape;
use crate::transcript::{self, Heading};
use crate::vault::placement::Placement;
use crate::vault::{MANIFEST, PLACEMENT};

/// What was checked, and what was found.
#[derive(Debug, Default)]
pub struct Report {
    /// One line for each thing that is as it should be.
    pub good: Vec<String>,
    /// One line for each that is not, with its place.
    pub wrong: Vec<String>,
    /// What the bundle itself says could not be opened.
    pub damage: Vec<String>,
    /// SHA-256 of the recorder's public key: everything rests on it.
    pub recorder: Option<Hash32>,
}

impl Report {
    /// Whether everything is as it should be.
    pub fn is_good(&self) -> bool {
        self.wrong.is_empty()
    }

    fn say(&mut self, wrong: Vec<String>, good: impl Into<String>) {
        if wrong.is_empty() {
            self.good.push(good.into());
        } else {
            self.wrong.extend(wrong);
        }
    }
}

/// Checks a bundle. With `expected`, the recorder's key must have that fingerprint.
pub async fn bundle(from: impl Read, expected: Option<Hash32>) -> Report {
    let mut report = Report::default();
    let bag = match unpack::read(from) {
        Ok(bag) => bag,
        Err(why) => {
            report.wrong.push(format!("bundle: {why}"));
            return report;
        }
    };
    report.say(
        unpack::check(&bag),
        format!("bag: {} files, every checksum is right", bag.payload.len()),
    );
    match contents(&bag, expected, &mut report).await {
        Ok(()) => {}
        Err(why) => report.wrong.push(why),
    }
    report
}

async fn contents(bag: &Bag, expected: Option<Hash32>, report: &mut Report) -> Result<(), String> {
    let keys: Keys = json(bag, names::KEYS)?;
    let fingerprint = keys.recorder.fingerprint();
    report.recorder = Some(fingerprint);
    if expected.is_some_and(|expected| expected != fingerprint) {
        return Err(format!(
            "{}: the recorder's key has the fingerprint {fingerprint}, which is not the one that was given",
            names::KEYS
        ));
    }
    let trust = Trust {
        recorder: keys.recorder,
        root: keys.root,
        nodes: keys.nodes.clone(),
        sealing: keys.sealing.clone(),
    };
    let (manifest_envelope, manifest): (_, Manifest) = signed(bag, MANIFEST)?;
    let (placement_envelope, placement): (_, Placement) = signed(bag, PLACEMENT)?;
    let mut findings = statement::manifest(
        &manifest_envelope,
        &manifest,
        keys.tenant,
        manifest.recording,
        &trust,
        true,
    );
    findings.extend(statement::placement(
        &placement_envelope,
        &placement,
        &manifest_envelope,
        &manifest,
        &trust,
    ));
    report.say(
        texts(&findings),
        "manifest and placement: signed by a certified node and by the recorder; every recipient is known",
    );

    let damage: Vec<String> = json(bag, names::DAMAGE)?;
    let (keys_wrong, data_keys) = words::keys(json(bag, names::DATA_KEYS)?, &manifest);
    report.say(
        keys_wrong,
        "data keys: every one is the one that the manifest commits to",
    );
    let words = words::open(bag, &manifest, &placement, data_keys).await?;
    report.say(
        words.undeclared(&damage),
        format!(
            "sealed parts: {} in {} tracks, each hash, chain and root is right",
            words.parts,
            manifest.tracks.len()
        ),
    );
    report
        .good
        .push(format!("ending: {}", transcript::ending(&manifest.ending)));
    report.say(
        words.compare(bag, &lines(bag, names::LINES)?)?,
        format!(
            "transcript: {} lines, each word for word what its sealed part holds",
            words.lines.len()
        ),
    );
    let (wrong, statement) = statement_fits(bag, &keys, &manifest)?;
    report.say(
        wrong,
        "bundle: payload and description signed by the recorder, for this case",
    );
    if let Some(statement) = &statement {
        let heading = Heading {
            client: &keys.client,
            case: statement.case,
            reference: read_info(info(bag), names::REFERENCE).unwrap_or_default(),
            opened: statement.made,
            damage: &damage,
        };
        report.say(
            words::page(&words, &manifest, &heading, bag),
            "page: shows these words and no others",
        );
    }
    report.damage = damage;
    report.say(
        custody(bag, &keys, &manifest, statement.as_ref())?,
        "custody: every entry stands in the signed log, the approvals and the opening among them",
    );
    report.say(
        notices(bag, &manifest),
        "notices: the bytes that people agreed to",
    );
    Ok(())
}

/// The recorder's statement, if it is the recorder's, and what is wrong with it.
fn statement_fits(
    bag: &Bag,
    keys: &Keys,
    manifest: &Manifest,
) -> Result<(Vec<String>, Option<BundleStatement>), String> {
    let bytes = bag
        .tags
        .get(names::STATEMENT)
        .ok_or_else(|| format!("{}: is not there", names::STATEMENT))?;
    let envelope: Envelope =
        serde_json::from_slice(bytes).map_err(|_| format!("{}: is malformed", names::STATEMENT))?;
    let statement = match envelope.verify::<BundleStatement>(&keys.recorder) {
        Err(e) => return Ok((vec![format!("{}: {e}", names::STATEMENT)], None)),
        Ok(statement) => statement,
    };
    let mut wrong = Vec::new();
    let hash = |name| bag.tags.get(name).map(|bytes| Hash32::of(bytes));
    if hash("manifest-sha256.txt") != Some(statement.payload)
        || statement.recording != manifest.recording
        || statement.tenant != manifest.tenant
    {
        wrong.push(format!("{}: is of another payload", names::STATEMENT));
    }
    if hash(INFO) != Some(statement.info) {
        wrong.push(format!("{INFO}: is not the one that the recorder signed"));
    }
    for (label, right) in [
        (names::CASE, statement.case.to_string()),
        (names::FINGERPRINT, keys.recorder.fingerprint().to_string()),
    ] {
        if read_info(info(bag), label) != Some(&right) {
            wrong.push(format!("{INFO}: {label} is not {right}"));
        }
    }
    Ok((wrong, Some(statement)))
}

fn info(bag: &Bag) -> &str {
    let bytes = bag.tags.get(INFO).map(AsRef::as_ref).unwrap_or_default();
    core::str::from_utf8(bytes).unwrap_or_default()
}

/// Every entry is in the signed tree; the opening is announced, after enough approvals.
fn custody(
    bag: &Bag,
    keys: &Keys,
    manifest: &Manifest,
    statement: Option<&BundleStatement>,
) -> Result<Vec<String>, String> {
    let note = bag
        .payload
        .get(names::CHECKPOINT)
        .and_then(|b| core::str::from_utf8(b).ok())
        .ok_or_else(|| format!("{}: is not there", names::CHECKPOINT))?;
    let checkpoint = Checkpoint::verify(note, &origin(keys.tenant), &keys.recorder)
        .map_err(|e| format!("{}: {e}", names::CHECKPOINT))?;
    let mut wrong = Vec::new();
    let mut events: Vec<LogEvent> = Vec::new();
    let mut next = 0;
    for (entry, number) in lines::<ProvenEntry>(bag, names::CUSTODY)?
        .iter()
        .zip(1_u64..)
    {
        let place = format!("{}, line {number}", names::CUSTODY);
        if entry.index < next {
            wrong.push(format!("{place}: stands in the wrong order"));
        }
        next = entry.index + 1;
        match entry.verify(&checkpoint) {
            Some(event) => events.push(event),
            None => wrong.push(format!("{place}: does not stand in the signed log")),
        }
    }
    let mut approved: BTreeSet<StaffId> = BTreeSet::new();
    let mut announced = false;
    for event in &events {
        match &event.what {
            // The signed log holds the reference as it was when the case was opened.
            What::CaseOpened {
                case, reference, ..
            } if statement.is_some_and(|s| s.case == *case)
                && read_info(info(bag), names::REFERENCE) != Some(&escape(reference)) =>
            {
                wrong.push(format!("{INFO}: the reference is not the case's"));
            }
            What::CaseApproved { case, officer } if statement.is_some_and(|s| s.case == *case) => {
                approved.insert(*officer);
            }
            What::Opening {
                recording,
                officers,
                ..
            } if statement.is_some_and(|s| s.opening == event.id) => {
                announced = *recording == manifest.recording;
                let missing = officers.iter().any(|o| !approved.contains(o));
                if missing || officers.len() < 2 {
                    wrong.push(format!(
                        "{}: it was opened without the approvals of two officers",
                        names::CUSTODY
                    ));
                }
            }
            _ => {}
        }
    }
    if !announced {
        wrong.push(format!("{}: the opening is not in the log", names::CUSTODY));
    }
    Ok(wrong)
}

fn notices(bag: &Bag, manifest: &Manifest) -> Vec<String> {
    let agreed = manifest.participants.iter().map(|p| p.consent.notice);
    let hashes: BTreeSet<Hash32> = agreed.chain([manifest.policy.notice]).collect();
    hashes
        .into_iter()
        .filter_map(|hash| {
            let name = format!("notice-{hash}.json");
            match bag.payload.get(&name) {
                Some(bytes) if Hash32::of(bytes) == hash => None,
                Some(_) => Some(format!("{name}: was altered")),
                None => Some(format!("{name}: is not there")),
            }
        })
        .collect()
}

fn texts(findings: &[Finding]) -> Vec<String> {
    findings.iter().map(ToString::to_string).collect()
}

fn json<T: serde::de::DeserializeOwned>(bag: &Bag, name: &str) -> Result<T, String> {
    let bytes = bag
        .payload
        .get(name)
        .ok_or_else(|| format!("{name}: is not there"))?;
    serde_json::from_slice(bytes).map_err(|_| format!("{name}: is malformed"))
}

fn lines<T: serde::de::DeserializeOwned>(bag: &Bag, name: &str) -> Result<Vec<T>, String> {
    let bytes = bag
        .payload
        .get(name)
        .ok_or_else(|| format!("{name}: is not there"))?;
    bytes
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .zip(1_u64..)
        .map(|(line, number)| {
            serde_json::from_slice(line).map_err(|_| format!("{name}, line {number}: is malformed"))
        })
        .collect()
}

fn signed<D: Document>(bag: &Bag, name: &str) -> Result<(Envelope, D), String> {
    let envelope: Envelope = json(bag, name)?;
    let document = envelope
        .payload_unverified()
        .map_err(|e| format!("{name}: {e}"))?;
    Ok((envelope, document))
}
