//! The words of a bundle, with no trust in whoever made it: every sealed part is opened with the
//! keys in the bundle, each of which the manifest commits to, and the transcript is compared with
//! what comes out.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use proto::{EpochNo, Hash32, TrackNo};
use seal::manifest::Manifest;
use sha2::{Digest as _, Sha256};

use super::unpack::Bag;
use super::{DataKey, names};
use crate::inspect::{Finding, Source};
use crate::media::{self, Rendition};
use crate::open::key::EpochKey;
use crate::open::part::{EpochKeys, NO_KEY};
use crate::retrieval::tracks;
use crate::transcript::{self, Heading, Line};
use crate::vault::placement::Placement;

/// The keys of each track.
pub type TrackKeys = BTreeMap<TrackNo, EpochKeys>;

/// The keys of a bundle that the manifest commits to, and what is wrong with the others.
pub fn keys(listed: Vec<DataKey>, manifest: &Manifest) -> (Vec<String>, TrackKeys) {
    let (mut wrong, mut keys) = (Vec::new(), TrackKeys::new());
    for data_key in listed {
        let (track, epoch) = (data_key.track, data_key.epoch);
        let mut say = |what: &str| {
            wrong.push(format!(
                "{}: track {track}, epoch {epoch}: {what}",
                names::DATA_KEYS
            ));
        };
        let Some(commitment) = commitment(manifest, track, epoch) else {
            say("is not in the manifest");
            continue;
        };
        let key = EpochKey::from_bundle(&data_key.key);
        let found = key
            .as_ref()
            .and_then(|key| key.commitment(manifest.tenant, manifest.recording, track, epoch));
        match key {
            Some(key) if found == Some(commitment) => {
                let before = keys.entry(track).or_default().insert(epoch, Ok(key));
                if before.is_some() {
                    say("is listed twice");
                }
            }
            _ => say("the key is not the one that the manifest commits to"),
        }
    }
    (wrong, keys)
}

fn commitment(manifest: &Manifest, track: TrackNo, epoch: EpochNo) -> Option<proto::Hash32> {
    let track = manifest.tracks.iter().find(|t| t.track == track)?;
    let epoch = track.epochs.iter().find(|e| e.epoch == epoch)?;
    Some(epoch.commitment)
}

/// What the sealed parts of a bundle hold. No `Debug`.
pub struct Words {
    /// So many parts are as they were sealed.
    pub parts: u64,
    /// What they hold, in order.
    pub lines: Vec<Line>,
    /// What there is to hear and to see, made a second time.
    pub media: Rendition,
    /// What is wrong, or does not open.
    found: Vec<Finding>,
}

/// Opens every sealed part.
pub async fn open(
    bag: &Bag,
    manifest: &Manifest,
    placement: &Placement,
    mut keys: TrackKeys,
) -> Result<Words, String> {
    let files: BTreeMap<String, Bytes> = bag
        .payload
        .iter()
        .filter_map(|(name, bytes)| {
            let name = name.strip_prefix(names::SEALED)?;
            Some((name.to_owned(), bytes.clone()))
        })
        .collect();
    let source = Source::Files(Arc::new(files));
    let of = manifest.tracks.iter();
    let keys = of.map(|track| keys.remove(&track.track).unwrap_or_default());
    let opened = tracks::open(&source, manifest, placement, keys.collect()).await;
    let (mut parts, mut lines, mut found) = (0, Vec::new(), Vec::new());
    let mut sources = Vec::new();
    for track in opened.map_err(|e| e.to_string())? {
        parts += track.walked.good;
        lines.extend(track.lines);
        found.extend(track.walked.damage);
        sources.extend(track.source);
    }
    transcript::sort(&mut lines);
    if found.is_empty() {
        found.extend(transcript::miscounted(&lines));
    }
    Ok(Words {
        parts,
        lines,
        media: media::render(manifest, &sources),
        found,
    })
}

impl Words {
    /// What was found and the bundle does not say of itself. Why a key is not there only its maker
    /// can tell: there it is enough that the place is named.
    pub fn undeclared(&self, damage: &[String]) -> Vec<String> {
        let declared = |finding: &Finding| {
            if finding.what == NO_KEY {
                let place = format!("{}: ", finding.place);
                damage.iter().any(|said| said.starts_with(&place))
            } else {
                damage.contains(&finding.to_string())
            }
        };
        let undeclared = self.found.iter().filter(|finding| !declared(finding));
        undeclared.map(ToString::to_string).collect()
    }

    /// The transcript says what the parts hold: every line, every word, in this order, and no more.
    pub fn compare(&self, bag: &Bag, transcript: &[Line]) -> Result<Vec<String>, String> {
        let held: BTreeMap<_, _> = self.lines.iter().map(|line| (of(line), line)).collect();
        let (mut wrong, mut seen) = (Vec::new(), BTreeSet::new());
        let mut last = 0;
        for (line, number) in transcript.iter().zip(1_u64..) {
            let mut say =
                |what: String| wrong.push(format!("{}, line {number}: {what}", names::LINES));
            match held.get(&of(line)) {
                None => say("no sealed part opens to it".to_owned()),
                Some(held) if line.event != held.event => say(format!(
                    "is not what was said: {} holds something else",
                    place(held)
                )),
                Some(held) if line != *held => {
                    say(format!("does not describe {} rightly", place(held)));
                }
                Some(_) => {}
            }
            if !seen.insert(of(line)) {
                say("its part has a line already".to_owned());
            }
            if line.n <= last {
                say("stands in the wrong order".to_owned());
            }
            last = line.n;
        }
        let missing = self.lines.iter().filter(|line| !seen.contains(&of(line)));
        wrong.extend(missing.map(|line| format!("{}: {} has no line", names::LINES, place(line))));
        let exact = transcript::jsonl(&self.lines).map_err(|e| e.to_string())?;
        if wrong.is_empty() && bag.payload.get(names::LINES).is_none_or(|b| *b != exact) {
            wrong.push(format!(
                "{}: is not written as a recorder writes it",
                names::LINES
            ));
        }
        Ok(wrong)
    }
}

/// Every file that plays is, byte for byte, what the parts give; there are no others.
pub fn media(words: &Words, bag: &Bag) -> Vec<String> {
    let (mut wrong, mut seen) = (Vec::new(), BTreeSet::new());
    for file in &words.media.files {
        let name = format!("{}{}", names::MEDIA, file.name);
        let mut hash = Sha256::new();
        for piece in file.bytes.pieces() {
            hash.update(piece);
        }
        let made = (Hash32(hash.finalize().into()), file.bytes.len());
        match bag.media.get(&name) {
            Some(there) if *there == made => {}
            Some(_) => wrong.push(format!(
                "{name}: is not the file that version {} of the recorder makes of the sealed parts",
                env!("CARGO_PKG_VERSION")
            )),
            None => wrong.push(format!("{name}: is not there")),
        }
        seen.insert(name);
    }
    let others = bag.media.keys().filter(|name| !seen.contains(*name));
    wrong.extend(others.map(|name| format!("{name}: no sealed part gives it")));
    wrong
}

/// The page shows what the parts hold: it is written a second time, and is the same. Another version
/// may write it otherwise; the words are in the transcript's lines, whoever wrote the page.
pub fn page(words: &Words, manifest: &Manifest, heading: &Heading<'_>, bag: &Bag) -> Vec<String> {
    let page = transcript::page(&words.lines, manifest, heading).unwrap_or_default();
    match bag.payload.get(names::PAGE) {
        Some(bytes) if *bytes == page => Vec::new(),
        Some(_) => vec![format!(
            "{}: is not the page that version {} of the recorder writes of these words: rely on {}",
            names::PAGE,
            env!("CARGO_PKG_VERSION"),
            names::LINES
        )],
        None => vec![format!("{}: is not there", names::PAGE)],
    }
}

fn of(line: &Line) -> (TrackNo, u64) {
    (line.track, line.seq)
}

fn place(line: &Line) -> String {
    format!(
        "track {}, epoch {}, part {}",
        line.track, line.epoch, line.seq
    )
}
