//! Walks a track's parts in order, checks each against index, chain and manifest, and hands the
//! good ones to a visitor. It stops at the track's first damage: what stands behind it cannot be
//! told from what was put there.

use bytes::Bytes;
use proto::{Hash32, TrackNo};
use seal::PartHeader;
use seal::manifest::{Manifest, Place, Track};
use seal::merkle;

use super::{Finding, Source};
use crate::vault::VaultError;
use crate::vault::placement::{Index, Object, Placement};

/// What a walk over one track found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Walked {
    /// The track.
    pub track: TrackNo,
    /// Parts that are as they were sealed, without a gap from the first on.
    pub good: u64,
    /// Bytes of them.
    pub bytes: u64,
    /// What was wrong, if anything.
    pub damage: Vec<Finding>,
}

/// Walks `track`. The visitor may refuse a part: then the walk ends there, and says so.
pub async fn track(
    source: &Source,
    manifest: &Manifest,
    placement: &Placement,
    track: &Track,
    mut visit: impl FnMut(&PartHeader, &Bytes, Hash32) -> Result<(), String>,
) -> Result<Walked, VaultError> {
    let mut walk = Walk {
        manifest,
        track,
        prev: Hash32::ZERO,
        next: 1,
        ended: false,
        result: Walked {
            track: track.track,
            good: 0,
            bytes: 0,
            damage: Vec::new(),
        },
    };
    'track: for epoch in &track.epochs {
        let mut leaves = Vec::new();
        let objects = placement
            .objects
            .iter()
            .filter(|o| o.track == track.track && o.epoch == epoch.epoch);
        for object in objects {
            let place = walk.place(epoch.epoch);
            let Some((index, bytes)) = read(source, object, place, &mut walk.result.damage).await?
            else {
                break 'track;
            };
            // The parts' hashes are the object's, if the parts are all of it, one after the other.
            let mut all = Some(0_u64);
            for entry in &index.parts {
                all = all.filter(|end| *end == entry.offset);
                all = all.and_then(|end| end.checked_add(entry.length));
                let header = index.header(entry);
                let place = walk.place(epoch.epoch);
                let part = slice(&bytes, entry.offset, entry.length);
                if let Err(what) = walk.check(object, &header, entry.hash, part.as_ref()) {
                    walk.result.damage.push(Finding::part(place, what));
                    break 'track;
                }
                let part = part.unwrap_or_default();
                if let Err(what) = visit(&header, &part, entry.hash) {
                    walk.result.damage.push(Finding::part(place, what));
                    break 'track;
                }
                walk.accept(&header, &part, entry.hash);
                leaves.push(entry.hash);
            }
            if all != Some(bytes.len() as u64) {
                walk.result.damage.push(Finding::file(
                    &object.name,
                    "holds something besides its parts",
                ));
                break 'track;
            }
        }
        if leaves.len() as u64 != epoch.parts || merkle::parts_root(&leaves) != epoch.root {
            walk.result.damage.push(Finding::epoch(
                track.track,
                epoch.epoch,
                format!(
                    "has {} parts and another root than the manifest's, which has {}",
                    leaves.len(),
                    epoch.parts
                ),
            ));
            break 'track;
        }
    }
    Ok(walk.finish())
}

struct Walk<'a> {
    manifest: &'a Manifest,
    track: &'a Track,
    prev: Hash32,
    next: u64,
    ended: bool,
    result: Walked,
}

impl Walk<'_> {
    fn place(&self, epoch: u32) -> Place {
        Place {
            track: self.track.track,
            epoch,
            seq: self.next,
        }
    }

    fn check(
        &self,
        object: &Object,
        header: &PartHeader,
        hash: Hash32,
        part: Option<&Bytes>,
    ) -> Result<(), String> {
        let Some(part) = part else {
            return Err(format!("is cut off: {} ends before it", object.name));
        };
        if header.tenant != self.manifest.tenant
            || header.recording != self.manifest.recording
            || header.track != object.track
            || header.epoch != object.epoch
        {
            return Err(format!("the index {} is another's", object.index));
        }
        if self.ended {
            return Err("stands after the track's end".to_owned());
        }
        if header.seq != self.next {
            return Err(format!("is missing: part {} stands here", header.seq));
        }
        if header.prev != self.prev {
            return Err("does not follow the part before it".to_owned());
        }
        if Hash32::of(part) != hash {
            return Err(format!("was altered in {}", object.name));
        }
        Ok(())
    }

    fn accept(&mut self, header: &PartHeader, part: &Bytes, hash: Hash32) {
        self.prev = hash;
        self.next += 1;
        self.ended = header.kind == seal::PartKind::End;
        self.result.good += 1;
        self.result.bytes += part.len() as u64;
    }

    fn finish(mut self) -> Walked {
        if self.result.damage.is_empty() {
            let mut say = |what: &str| {
                self.result.damage.push(Finding::manifest(format!(
                    "track {}: {what}",
                    self.track.track
                )));
            };
            if self.prev != self.track.head {
                say("its last part is not the one that the manifest names");
            }
            if self.ended != self.track.ended {
                say("it ends otherwise than the manifest says");
            }
        }
        self.result
    }
}

/// An object and its index. An altered object is still walked, to name the part; an altered index
/// is not, for nothing behind it can be placed.
async fn read(
    source: &Source,
    object: &Object,
    place: Place,
    damage: &mut Vec<Finding>,
) -> Result<Option<(Index, Bytes)>, VaultError> {
    let mut lost = |name: &str, what: &str| {
        damage.push(Finding::part(place, format!("{name} {what}")));
    };
    let Some(index) = source.read(&object.index).await? else {
        lost(&object.index, "is not there");
        return Ok(None);
    };
    if Hash32::of(&index) != object.index_sha256 {
        lost(&object.index, "was altered");
        return Ok(None);
    }
    let Ok(index) = serde_json::from_slice::<Index>(&index) else {
        lost(&object.index, "is malformed");
        return Ok(None);
    };
    let Some(bytes) = source.read(&object.name).await? else {
        lost(&object.name, "is not there");
        return Ok(None);
    };
    Ok(Some((index, bytes)))
}

fn slice(bytes: &Bytes, offset: u64, length: u64) -> Option<Bytes> {
    let start = usize::try_from(offset).ok()?;
    let end = start.checked_add(usize::try_from(length).ok()?)?;
    (end <= bytes.len()).then(|| bytes.slice(start..end))
}
