//! Checks a bundle by itself: no server, no key but the public ones in it. What it starts from is
//! the recorder's key, whose fingerprint the reader compares with one that they were given. Who
//! does not trust the recorder pins more ([`Pins`]).

use std::collections::BTreeSet;
use std::io::Read;

use proto::Hash32;
use proto::dsse::{Document, Envelope};
use seal::manifest::Manifest;

use super::bagit::{INFO, read_info};
use super::custody::{self, Claims};
use super::unpack::{self, Bag};
use super::words::{self, Words};
use super::{BundleStatement, Keys, names};
use crate::inspect::{Finding, Trust, statement};
use crate::log::checkpoint::Checkpoint;
use crate::terminal::count;
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
    /// SHA-256 of the root's public key that the bundle names.
    pub root: Option<Hash32>,
    /// The bundle's checkpoint: what a later bundle must continue.
    pub checkpoint: Option<Checkpoint>,
}

/// What the reader knows from elsewhere, and the bundle must agree with.
#[derive(Debug, Clone, Default)]
pub struct Pins {
    /// SHA-256 of the recorder's key.
    pub recorder: Option<Hash32>,
    /// SHA-256 of the client's root key: any of these.
    pub root: Option<Vec<Hash32>>,
    /// An earlier checkpoint of the client's log, as a signed note.
    pub checkpoint: Option<String>,
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
    let pins = Pins {
        recorder: expected,
        ..Pins::default()
    };
    pinned(from, &pins).await
}

/// Checks a bundle, and that it agrees with what the reader knows.
pub async fn pinned(from: impl Read, pins: &Pins) -> Report {
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
        format!(
            "bag: {}, every checksum is right",
            count(bag.payload.len(), "file")
        ),
    );
    match contents(&bag, pins, &mut report).await {
        Ok(()) => {}
        Err(why) => report.wrong.push(why),
    }
    report
}

async fn contents(bag: &Bag, pins: &Pins, report: &mut Report) -> Result<(), String> {
    let (keys, trust) = trusted(bag, pins, report)?;
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
            "sealed parts: {} in {}, each hash, chain and root is right",
            words.parts,
            count(manifest.tracks.len(), "track")
        ),
    );
    report
        .good
        .push(format!("ending: {}", transcript::ending(&manifest.ending)));
    let gaps = transcript::gaps(&manifest);
    report
        .good
        .extend(gaps.iter().map(|gap| format!("not recorded: {gap}")));
    report.say(
        words.compare(bag, &lines(bag, names::LINES)?)?,
        format!(
            "transcript: {}, each word for word what its sealed part holds",
            count(words.lines.len(), "line")
        ),
    );
    media(bag, &words, report);
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
            media: &words.media.described(),
        };
        report.say(
            words::page(&words, &manifest, &heading, bag),
            "page: shows these words and no others",
        );
    }
    report.damage = damage;
    let claims = Claims {
        keys: &keys,
        trust: &trust,
        manifest: &manifest,
        sha256: Hash32::of(&manifest_envelope.payload),
        statement: statement.as_ref(),
    };
    let found = custody::check(bag, &claims, pins)?;
    report.say(
        found.wrong,
        "custody: every entry stands in the signed log: this manifest, the case, the approvals and the opening among them",
    );
    report.good.extend(found.pinned);
    report.checkpoint = Some(found.checkpoint);
    report.say(
        notices(bag, &manifest),
        "notices: the bytes that people agreed to",
    );
    Ok(())
}

/// The files that play, if there are any.
fn media(bag: &Bag, words: &Words, report: &mut Report) {
    let files = words.media.files.len();
    if files + bag.media.len() > 0 {
        let good = format!(
            "media: {}, each byte for byte what its sealed parts give",
            count(files, "file")
        );
        report.say(words::media(words, bag), good);
    }
}

/// The keys in the bundle, if they are the ones that the reader knows.
fn trusted(bag: &Bag, pins: &Pins, report: &mut Report) -> Result<(Keys, Trust), String> {
    let keys: Keys = json(bag, names::KEYS)?;
    let fingerprint = keys.recorder.fingerprint();
    report.recorder = Some(fingerprint);
    if pins.recorder.is_some_and(|pinned| pinned != fingerprint) {
        return Err(format!(
            "{}: the recorder's key has the fingerprint {fingerprint}, which is not the one that was given",
            names::KEYS
        ));
    }
    let root = keys.root.fingerprint();
    report.root = Some(root);
    if pins.root.as_ref().is_some_and(|any| !any.contains(&root)) {
        return Err(format!(
            "{}: the client's root has the fingerprint {root}, which is not the one that was given",
            names::KEYS
        ));
    }
    let trust = Trust {
        recorder: keys.recorder,
        root: keys.root,
        nodes: keys.nodes.clone(),
        sealing: keys.sealing.clone(),
    };
    Ok((keys, trust))
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

pub(super) fn info(bag: &Bag) -> &str {
    let bytes = bag.tags.get(INFO).map(AsRef::as_ref).unwrap_or_default();
    core::str::from_utf8(bytes).unwrap_or_default()
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

pub(super) fn lines<T: serde::de::DeserializeOwned>(
    bag: &Bag,
    name: &str,
) -> Result<Vec<T>, String> {
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
