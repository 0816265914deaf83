//! One ended recording from the spool into the vault.
//!
//! ```text
//! objects and indexes → manifest, countersigned → wraps → placement → log entry → row
//! ```
//! Each step may be done again: the same spool makes the same bytes. A kill between any two leaves
//! the recording in the spool and, until its row says otherwise, not yet kept.

use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use bytes::Bytes;
use proto::dsse::{Document as _, Envelope};
use proto::{EpochNo, Hash32, KeyId, RecordingId, TrackNo};
use seal::manifest::{Ending, Manifest};
use seal::spool::{Location, Parsed, Record, decode, parse};
use seal::{Part, Recipient};
use store::{Recording, StoredWrap, Tenant};

use super::gather::{Gathered, SpooledPart};
use crate::Recorder;
use crate::error::{Error, Result};
use crate::inspect::{Finding, Source, statement, walk};
use crate::log::What;
use crate::vault::pack::{OBJECT_MAX, Packed, Packer};
use crate::vault::placement::{Object, Placement, VERSION};
use crate::vault::{MANIFEST, PLACEMENT};

/// What became of an ended recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is in the vault; with what was found wrong, if anything.
    Kept(Vec<Finding>),
    /// Its manifest cannot be believed: it stays in the spool.
    Refused(String),
}

/// Keeps one ended recording.
pub async fn keep(
    recorder: &Recorder,
    tenant: &Tenant,
    id: RecordingId,
    gathered: &Gathered,
    envelope: &Envelope,
) -> Result<Outcome> {
    let Ok(manifest) = envelope.payload_unverified::<Manifest>() else {
        return Ok(Outcome::Refused(
            "the manifest is malformed, or of a kind that this version does not know".to_owned(),
        ));
    };
    let trust = recorder.trust(tenant).await?;
    if let Some(why) = statement::unbelievable(envelope, &manifest, tenant.id(), id, &trust) {
        return Ok(Outcome::Refused(why.to_owned()));
    }
    let mut findings = statement::manifest(envelope, &manifest, tenant.id(), id, &trust, false);
    findings.extend(wraps_fit(&manifest, gathered));

    let (objects, bytes, apart) = pack(recorder, id, gathered, &manifest).await?;
    findings.extend(apart);
    let mut envelope = envelope.clone();
    if envelope.verify_signature(&trust.recorder).is_err() {
        envelope.countersign(recorder.keys.signing());
    }
    let stored = Bytes::from(serde_json::to_vec(&envelope)?);
    let vault = &recorder.vault;
    vault.put(tenant.id(), id, MANIFEST, stored.clone()).await?;
    tenant.put_wraps(&wraps(id, gathered)?).await?;
    let placement = Placement {
        version: VERSION,
        tenant: tenant.id(),
        recording: id,
        manifest: Hash32::of(&envelope.payload),
        kept: recorder.now().whole_seconds(),
        objects,
    };
    let signed = serde_json::to_vec(&placement.sign(recorder.keys.signing())?)?;
    vault.put(tenant.id(), id, PLACEMENT, signed.into()).await?;

    let source = Source::vault(vault, tenant.id(), id);
    for track in &manifest.tracks {
        let walked = walk::track(&source, &manifest, &placement, track, |_, _, _| Ok(())).await?;
        findings.extend(walked.damage);
    }
    let what = What::RecordingKept {
        recording: id,
        manifest: Hash32::of(&envelope.payload),
        ending: ending_name(&manifest.ending).to_owned(),
        findings: findings.iter().map(ToString::to_string).collect(),
    };
    recorder.log_as(tenant, format!("kept-{id}"), what).await?;
    // Last: the row is what says that everything before it is done.
    tenant
        .put_recording(&row(&manifest, bytes, Hash32::of(&stored)))
        .await?;
    Ok(Outcome::Kept(findings))
}

/// An ending in one word.
pub fn ending_name(ending: &Ending) -> &'static str {
    match ending {
        Ending::Clean { .. } => "clean",
        Ending::Abandoned {} => "abandoned",
        Ending::Expired {} => "expired",
        Ending::Truncated { .. } => "truncated",
    }
}

/// Every recipient that the manifest names has its wrap, and nobody else has one.
fn wraps_fit(manifest: &Manifest, gathered: &Gathered) -> Vec<Finding> {
    let mut out = Vec::new();
    for track in &manifest.tracks {
        for epoch in &track.epochs {
            let there: Vec<_> = gathered
                .epochs
                .iter()
                .filter(|e| e.track == track.track && e.epoch == epoch.epoch)
                .flat_map(|e| e.kept.iter().map(|k| k.recipient))
                .collect();
            let kept = epoch
                .recipients
                .iter()
                .filter(|r| !matches!(r, Recipient::Participant { .. }));
            for recipient in kept {
                if !there.contains(recipient) {
                    let what = "the spool has no wrapped key for a recipient of the manifest";
                    out.push(Finding::epoch(track.track, epoch.epoch, what));
                }
            }
            if there.iter().any(|r| !epoch.recipients.contains(r)) {
                let what =
                    "the spool has a wrapped key for somebody whom the manifest does not name";
                out.push(Finding::epoch(track.track, epoch.epoch, what));
            }
        }
    }
    out
}

fn wraps(id: RecordingId, gathered: &Gathered) -> Result<Vec<StoredWrap>> {
    let mut out = Vec::new();
    for epoch in &gathered.epochs {
        for kept in &epoch.kept {
            out.push(StoredWrap {
                recording: id,
                track: epoch.track,
                epoch: epoch.epoch,
                recipient: serde_json::to_string(&kept.recipient)?,
                generation: epoch.intake_generation,
                wrap: kept.wrap.clone(),
            });
        }
    }
    Ok(out)
}

/// Writes the parts that the manifest counts into objects. What cannot be read back from the spool
/// is left out, and named by the walk that follows. Parts behind damage, which the manifest's chain
/// does not reach, are kept apart: they are whole, and nothing proves their place.
async fn pack(
    recorder: &Recorder,
    id: RecordingId,
    gathered: &Gathered,
    manifest: &Manifest,
) -> Result<(Vec<Object>, u64, Vec<Finding>)> {
    let mut by_epoch: BTreeMap<(TrackNo, EpochNo), Vec<&SpooledPart>> = BTreeMap::new();
    for part in &gathered.parts {
        by_epoch
            .entry((part.header.track, part.header.epoch))
            .or_default()
            .push(part);
    }
    let (mut objects, mut bytes, mut apart) = (Vec::new(), 0, Vec::new());
    let mut reader = SpoolReader::new(&gathered.folder);
    for ((track, epoch), parts) in by_epoch {
        let Some(last) = last_counted(manifest, track, epoch) else {
            continue;
        };
        let packer = |limit| Packer::new(gathered.tenant, id, track, epoch, limit);
        let (mut packer, mut behind) = (packer(OBJECT_MAX), packer(usize::MAX));
        for spooled in parts {
            let Some(part) = reader.part(spooled)? else {
                continue;
            };
            if part.header.seq > last {
                behind.push(&part)?;
                continue;
            }
            if let Some(full) = packer.push(&part)? {
                put(recorder, id, gathered, full, &mut objects, &mut bytes).await?;
            }
        }
        if let Some(last) = packer.finish()? {
            put(recorder, id, gathered, last, &mut objects, &mut bytes).await?;
        }
        if let Some(behind) = behind.finish()? {
            let what = keep_apart(recorder, id, gathered, behind).await?;
            apart.push(Finding::epoch(track, epoch, what));
        }
    }
    Ok((objects, bytes, apart))
}

/// The last part of an epoch that the manifest counts; `None` if it does not know the epoch.
fn last_counted(manifest: &Manifest, track: TrackNo, epoch: EpochNo) -> Option<u64> {
    let track = manifest.tracks.iter().find(|t| t.track == track)?;
    let before = track.epochs.iter().take_while(|e| e.epoch != epoch);
    let before: u64 = before.map(|e| e.parts).sum();
    let epoch = track.epochs.iter().find(|e| e.epoch == epoch)?;
    Some(before.saturating_add(epoch.parts))
}

/// Beside the objects, and placed nowhere.
async fn keep_apart(
    recorder: &Recorder,
    id: RecordingId,
    gathered: &Gathered,
    behind: Packed,
) -> Result<String> {
    let (tenant, vault) = (gathered.tenant, &recorder.vault);
    let Object { track, epoch, .. } = behind.object;
    let name = format!("t{track:04}-e{epoch:04}.behind");
    vault.put(tenant, id, &name, behind.bytes).await?;
    vault
        .put(tenant, id, &format!("{name}.json"), behind.index)
        .await?;
    Ok(format!(
        "{} parts behind the damage are outside the chain, and kept apart in {name}",
        behind.object.parts
    ))
}

async fn put(
    recorder: &Recorder,
    id: RecordingId,
    gathered: &Gathered,
    packed: Packed,
    objects: &mut Vec<Object>,
    bytes: &mut u64,
) -> Result<()> {
    let Packed {
        object,
        bytes: parts,
        index,
    } = packed;
    let vault = &recorder.vault;
    vault.put(gathered.tenant, id, &object.name, parts).await?;
    vault.put(gathered.tenant, id, &object.index, index).await?;
    *bytes += object.bytes;
    objects.push(object);
    Ok(())
}

/// The row that a search sees.
pub fn row(manifest: &Manifest, bytes: u64, stored: Hash32) -> Recording {
    let sealing_key = manifest
        .tracks
        .iter()
        .flat_map(|t| &t.epochs)
        .map(|e| e.sealing_key)
        .next_back()
        // A recording in which nothing was sealed has none.
        .unwrap_or(KeyId::from_bytes([0; 16]));
    Recording {
        id: manifest.recording,
        session: manifest.session,
        site: manifest.site,
        node: manifest.node,
        notice: manifest.policy.notice,
        sealing_key,
        modalities: manifest.modalities.clone(),
        started: manifest.started,
        ended: Some(manifest.ended),
        ending: match manifest.ending {
            Ending::Clean { .. } | Ending::Abandoned {} | Ending::Expired {} => {
                store::Ending::Clean
            }
            Ending::Truncated { .. } => store::Ending::Truncated,
        },
        bytes,
        parts: manifest.tracks.iter().map(|t| t.parts).sum(),
        keep_min: Some(manifest.policy.keep_min),
        keep_max: Some(manifest.policy.keep_max),
        manifest: Some(stored),
    }
}

/// Reads single parts back from a node's segments.
struct SpoolReader<'a> {
    folder: &'a Path,
    open: Option<(u64, File)>,
}

impl<'a> SpoolReader<'a> {
    fn new(folder: &'a Path) -> Self {
        Self { folder, open: None }
    }

    /// `None`: what stands there is no longer that part.
    fn part(&mut self, spooled: &SpooledPart) -> Result<Option<Part>> {
        let Location {
            segment,
            offset,
            length,
        } = spooled.at;
        let path = self.folder.join(format!("{segment:08}.spool"));
        let failed = |e| Error::file("cannot read the spool's segment", &path, e);
        let file = match self.open.take() {
            Some((number, file)) if number == segment => file,
            _ => File::open(&path).map_err(failed)?,
        };
        let mut bytes = vec![0; usize::try_from(length).unwrap_or(0)];
        file.read_exact_at(&mut bytes, offset).map_err(failed)?;
        self.open = Some((segment, file));
        let Parsed::Frame { body, .. } = parse(&bytes) else {
            return Ok(None);
        };
        Ok(match decode(body) {
            Ok(Record::Part(part))
                if part.hash == spooled.hash && part.header == spooled.header =>
            {
                Some(part)
            }
            _ => None,
        })
    }
}
